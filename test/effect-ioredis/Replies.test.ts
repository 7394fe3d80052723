import { assert, describe, it } from "@effect/vitest"
import { Duration, Option, Result } from "effect"
import { RedisCommand } from "effect-ioredis"
import * as Answers from "../../packages/effect-ioredis/src/internal/Answers.ts"
import * as Replies from "../../packages/effect-ioredis/src/internal/Replies.ts"

const { integer, info, ok, one, optionalText, optionalTexts, scanPage, timeToLive } = Replies
const { float } = Answers
const [some, none] = [Option.some("a"), Option.none<string>()]

/** What each decoder makes of a reply; `refused` is what it takes no reply for. */
const refused = Symbol("refused")

const rows: ReadonlyArray<
  readonly [what: string, decode: RedisCommand.Decoder<unknown>, reply: RedisCommand.Reply, expected: unknown]
> = [
  ["optionalText", optionalText, "a", some],
  ["optionalText", optionalText, "", Option.some("")],
  ["optionalText", optionalText, null, none],
  ["optionalText", optionalText, 1, refused],
  ["optionalTexts", optionalTexts(2), ["a", null], [some, none]],
  ["optionalTexts", optionalTexts(2), ["a"], refused],
  ["optionalTexts", optionalTexts(2), ["a", 1], refused],
  ["optionalTexts", optionalTexts(0), [], []],
  ["optionalTexts", optionalTexts(1), null, refused],
  ["integer", integer, -1, -1],
  ["integer", integer, 5n, 5],
  ["integer", integer, "5", refused],
  ["integer", integer, 2n ** 53n, 2 ** 53],
  ["integer", integer, -(2n ** 53n), -(2 ** 53)],
  ["integer", integer, 2n ** 53n + 1n, refused],
  ["integer", integer, -(2n ** 53n) - 2n, refused],
  ["float", float, "9007199254740992", 2 ** 53],
  ["float", float, "9007199254740993", refused],
  ["float", float, "-9007199254740993", refused],
  ["float", float, "12345678901234568", 12_345_678_901_234_568],
  ["float", float, "1.7e+18", 1.7e18],
  ["float", float, "0.1", 0.1],
  ["one", one, 1, true],
  ["one", one, 0, false],
  ["one", one, 2, false],
  ["one", one, null, refused],
  ["ok", ok, "OK", true],
  ["ok", ok, null, false],
  ["ok", ok, "QUEUED", refused],
  ["timeToLive", timeToLive, -2, Option.none()],
  ["timeToLive", timeToLive, -1, Option.some(Duration.infinity)],
  ["timeToLive", timeToLive, 0, Option.some(Duration.zero)],
  ["timeToLive", timeToLive, 1500, Option.some(Duration.millis(1500))],
  ["timeToLive", timeToLive, null, refused],
  ["info", info, "# Server\r\nrun_id:a:b\r\n\r\nempty:\r\n", { run_id: "a:b", empty: "" }],
  ["info", info, null, refused],
  ["scanPage", scanPage, ["17", ["a", "b"]], { next: "17", keys: ["a", "b"] }],
  ["scanPage", scanPage, ["0", []], { next: "0", keys: [] }],
  ["scanPage", scanPage, ["0"], refused],
  ["scanPage", scanPage, [0, []], refused],
  ["scanPage", scanPage, "0", refused]
]

describe("Replies", () => {
  for (const [what, decode, reply, expected] of rows) {
    it(`${what} of ${JSON.stringify(reply, (_, value) => (typeof value === "bigint" ? `${value}n` : value))}`, () => {
      const decoded = decode(reply)
      assert.deepStrictEqual(Result.isSuccess(decoded) ? decoded.success : refused, expected)
    })
  }

  it("an unexpected reply is an error that names what was expected, and shows nothing of it", () => {
    const decoded = Replies.decode(RedisCommand.make("INCR", ["k"], { decode: integer }), "hunter2")
    const error = Result.isFailure(decoded) ? decoded.failure : assert.fail("it was decoded")
    assert.strictEqual(error.code, "REPLY")
    assert.include(error.message, "INCR was executed, and answered with something else than an integer")
    assert.notInclude(error.message, "hunter2")
  })

  it("an integer that a number would round is an error that says how to have it", () => {
    const decoded = Replies.decode(RedisCommand.make("INCR", ["k"], { decode: integer }), 2n ** 60n + 1n)
    const error = Result.isFailure(decoded) ? decoded.failure : assert.fail("it was decoded")
    assert.strictEqual(error.code, "REPLY")
    assert.include(error.message, "RedisCommand.make without a decoder gives a bigint")
  })
})
