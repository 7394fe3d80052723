import { assert, describe, it } from "@effect/vitest"
import { DateTime, type Option } from "effect"
import type { RedisCommand } from "effect-ioredis"
import { Streams } from "effect-ioredis/commands"

describe("Options of commands on streams", () => {
  it("that exclude each other do not compile", () => {
    const refused = [
      // @ts-expect-error a stream is trimmed by its length or by an ID
      Streams.xtrim("s", { maxLength: 1, minId: "1" }),
      // @ts-expect-error a trim says what stays
      Streams.xtrim("s", { approximate: true }),
      // @ts-expect-error a limit is for what need not be exact
      Streams.xtrim("s", { maxLength: 1, limit: 1 }),
      // @ts-expect-error nor where it is said to be exact
      Streams.xadd("s", { n: 1 }, { trim: { minId: "1", approximate: false, limit: 1 } }),
      // @ts-expect-error an entry is idle for a time or since a moment
      Streams.xclaim("s", "g", "ada", 0, ["1"], { idle: 1, deliveredAt: DateTime.nowUnsafe() })
    ]
    assert.strictEqual(refused.length, 5)
  })

  it("decide what XADD answers", () => {
    const id: RedisCommand.RedisCommand<string> = Streams.xadd("s", { n: 1 })
    const perhaps: RedisCommand.RedisCommand<Option.Option<string>> = Streams.xadd(
      "s",
      { n: 1 },
      { condition: "ifPresent" }
    )
    assert.deepStrictEqual(
      [id.args, perhaps.args],
      [
        ["s", "*", "n", 1],
        ["s", "NOMKSTREAM", "*", "n", 1]
      ]
    )
  })
})
