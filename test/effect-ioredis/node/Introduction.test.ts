import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import type { RedisCommand, RedisConnection } from "effect-ioredis"
import { RedisError } from "effect-ioredis"
import * as History from "../../../packages/effect-ioredis/src/internal/node/History.ts"
import * as Introduction from "../../../packages/effect-ioredis/src/internal/node/Introduction.ts"
import * as RedisTime from "../../../packages/effect-ioredis/src/internal/node/RedisTime.ts"

type Answers = Readonly<Record<string, RedisCommand.Reply>>

const info = "run_id:abc\r\nrole:master\r\nmaster_replid:d1\r\nmaster_replid2:e2\r\n"
const hello = ["server", "redis", "role", "replica"]

/** A connection that answers the commands that it knows, and refuses the others as an ACL does. */
const connectionOf = (answers: Answers, isOpen = true) => {
  const sent: Array<string> = []
  const submit = (command: RedisCommand.RedisCommand, onReply: (result: RedisConnection.ReplyResult) => void) => {
    const line = [command.name, ...command.args].join(" ")
    const known = Object.keys(answers).find((name) => line.startsWith(name))
    sent.push(line)
    onReply(
      known === undefined
        ? Result.fail(new RedisError.RedisOperationError({ command: command.name, code: "NOPERM", message: "no" }))
        : Result.succeed(answers[known] ?? null)
    )
  }
  // An introduction asks nothing else of it.
  return { sent, connection: { submit, isOpen: () => isOpen } as unknown as RedisConnection.RedisConnection }
}

const asker: Introduction.Asker = {
  time: () => RedisTime.make(() => 1000),
  wallClock: () => 1000,
  witness: () => Introduction.makeWitness(0.5)
}

const all: Answers = { PING: "PONG", "CLIENT ID": 7, INFO: info, TIME: ["2", "0"] }
const known = { runId: "abc", role: "master", replid: "d1", replid2: "e2" }

describe("Introduction", () => {
  type Is = Omit<Introduction.Introduction, "witness"> & { readonly isNew?: true }
  const rows: ReadonlyArray<readonly [who: string, answers: Answers, is: Is]> = [
    ["a user who may do everything", all, { id: 7, history: known as never }],
    ["one who may not know its id", { PING: "PONG", INFO: info }, { id: undefined, history: known as never }],
    [
      "one without INFO, on a server that knows the script of this node",
      { PING: "PONG", HELLO: hello, "SCRIPT EXISTS": [1] },
      { id: undefined, history: { ...History.unknown, role: "replica" } }
    ],
    [
      "one without INFO, on a server that has forgotten it",
      { PING: "PONG", "SCRIPT EXISTS": [0], "SCRIPT LOAD": "sha" },
      { id: undefined, history: { ...History.unknown, role: undefined }, isNew: true }
    ],
    ["one who may do nothing", {}, { id: undefined, history: { ...History.unknown, role: undefined }, isNew: true }]
  ]
  for (const [who, answers, is] of rows) {
    it.effect(`of ${who}`, () =>
      Effect.gen(function* () {
        const { connection } = connectionOf(answers)
        const { time: _, witness, ...introduction } = yield* Introduction.introduce(connection, asker)
        assert.deepStrictEqual({ ...introduction, ...(witness !== undefined && { isNew: true }) }, is)
      })
    )
  }

  it.effect("loads no script into a server that has another role than is asked for", () =>
    Effect.gen(function* () {
      const { connection, sent } = connectionOf({ PING: "PONG", HELLO: hello, "SCRIPT EXISTS": [0] })
      const error = yield* Effect.flip(Introduction.introduce(connection, asker, { role: "master" }))
      assert.strictEqual(error.reason, "NotReady")
      assert.notInclude(sent.join(), "SCRIPT")
    })
  )

  it.effect("leaves a witness that is missing as it is, and loads another one", () =>
    Effect.gen(function* () {
      const { connection, sent } = connectionOf({ PING: "PONG", "SCRIPT EXISTS": [0], "SCRIPT LOAD": "sha" })
      const { witness } = yield* Introduction.introduce(connection, asker)
      assert.notStrictEqual(witness?.sha, asker.witness().sha)
      assert.deepStrictEqual(sent.slice(-2), [`SCRIPT EXISTS ${asker.witness().sha}`, `SCRIPT LOAD ${witness?.lua}`])
    })
  )

  it.effect("asks for the time three times, and for INFO once", () =>
    Effect.gen(function* () {
      const { connection, sent } = connectionOf(all)
      const { time } = yield* Introduction.introduce(connection, asker)
      assert.deepStrictEqual(sent, ["PING", "CLIENT ID", "INFO server replication", "TIME", "TIME", "TIME"])
      assert.deepStrictEqual([time?.now(), asker.time().now()], [2000, 1000])
    })
  )

  it.effect("fails on what was lost meanwhile", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Introduction.introduce(connectionOf(all, false).connection, asker))
      assert.strictEqual(error.reason, "Reset")
    })
  )

  it.effect("asks for a history once more, and keeps the run_id, which INFO replication does not tell", () =>
    Effect.gen(function* () {
      const { connection } = connectionOf({ INFO: info.replace("run_id:abc\r\n", "").replace("d1", "f3") })
      const before = History.parse(info)
      assert.deepStrictEqual(yield* Introduction.askHistory(connection, before), { ...before, replid: "f3" })
      assert.isUndefined(yield* Introduction.askHistory(connectionOf({}).connection, before))
    })
  )
})
