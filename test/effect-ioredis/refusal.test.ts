import { assert, describe, it } from "@effect/vitest"
import { RedisCommand } from "effect-ioredis"
import { refusal } from "../../packages/effect-ioredis/src/internal/refusal.ts"

describe("refusal", () => {
  it("a command without a name, with one clear error", () => {
    const refused = refusal(RedisCommand.make("", ["x"]))
    assert.include(refused, { _tag: "RedisOperationError", code: "ARGUMENT" })
    assert.include(refused?.message, "it has no name")
  })

  it("goes by the kind that a caller gives", () => {
    assert.isUndefined(refusal(RedisCommand.make("SELECT", [0], { kind: "effectful" })))
    assert.strictEqual(refusal(RedisCommand.make("GET", ["k"], { kind: "blocking" }))?.code, "UNSUPPORTED")
  })

  const bad: ReadonlyArray<readonly [given: unknown, said: string]> = [
    [undefined, "undefined"],
    [null, "null"],
    [Number.NaN, "NaN"],
    [Number.POSITIVE_INFINITY, "Infinity"],
    [{}, "a value of type object"],
    [["hunter2"], "an array"],
    [true, "a value of type boolean"],
    [() => "hunter2", "a value of type function"]
  ]
  for (const [given, said] of bad) {
    it(`of an argument that is ${said} says so, and shows nothing of it`, () => {
      const refused = refusal(RedisCommand.make("SET", ["k", given as string]))
      assert.strictEqual(refused?.code, "ARGUMENT")
      assert.include(refused?.message, `SET was not sent: argument 2 is ${said}. Pass`)
      assert.notInclude(refused?.message, "hunter2")
    })
  }

  it("is none of what may be sent", () => {
    assert.isUndefined(refusal(RedisCommand.make("SET", ["k", 1, 2n, new Uint8Array(), ""])))
  })
})
