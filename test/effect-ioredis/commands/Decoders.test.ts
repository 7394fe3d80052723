import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import type { RedisCommand } from "effect-ioredis"
import { Scripting, Server } from "effect-ioredis/commands"

const commands: ReadonlyArray<RedisCommand.RedisCommand> = [
  Scripting.functionDump,
  Scripting.functionList(),
  Scripting.functionStats,
  Scripting.scriptExists(["a"]),
  Server.clientList(),
  Server.configGet(["a"]),
  Server.lastsave,
  Server.objectIdletime("a"),
  Server.pubsubChannels(),
  Server.pubsubNumsub(["a"]),
  Server.slowlogGet(),
  Server.time
]

const scalars: ReadonlyArray<RedisCommand.Reply> = [
  ...[
    null,
    0,
    -1,
    1.5,
    Number.MAX_VALUE,
    2n ** 70n,
    -(2n ** 70n),
    "",
    "x",
    "inf",
    "-1e300",
    "id=1\n",
    "id=x age= addr\n"
  ],
  Uint8Array.of(0xff)
]

// Lists of these, lists of such lists, and what the commands answer with one part of it wrong.
const lists = scalars.flatMap((one) => [[one], [one, one], [one, one, one, one, one, one]])
const replies: ReadonlyArray<RedisCommand.Reply> = [
  ...scalars,
  [],
  ...lists,
  ...lists.flatMap((list) => [[list], [list, list]]),
  ...[...scalars, ...lists].flatMap(
    (one): ReadonlyArray<RedisCommand.Reply> => [
      [1, 2, 3, one, "a", "b"],
      [[1, one, 3, ["GET"], "a", "b"]],
      [[1, 2, one, ["GET"], "a", "b"]],
      ["running_script", one, "engines", ["LUA", one]],
      ["running_script", ["name", "f", "command", ["FCALL"], "duration_ms", one], "engines", []],
      [["library_name", "a", "engine", "LUA", "functions", one]],
      ["__proto__", one]
    ]
  )
]

describe("Decoders of typed commands", () => {
  it("throw at no reply, and take none that cannot be theirs", () => {
    for (const { args, decode, name } of commands) {
      const taken = replies.filter((reply) => Result.isSuccess(decode(reply)))
      assert.isBelow(taken.length, replies.length / 4, `${name} ${args.join(" ")}`)
    }
  })
})
