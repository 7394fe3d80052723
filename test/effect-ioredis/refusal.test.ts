import { assert, describe, it } from "@effect/vitest"
import { RedisCommand } from "effect-ioredis"
import { refusal } from "../../packages/effect-ioredis/src/internal/refusal.ts"
import { reservedRefusal } from "../../packages/effect-ioredis/src/internal/reservedRefusal.ts"

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

  const wrong: ReadonlyArray<readonly [name: string, args: ReadonlyArray<string>, said: string]> = [
    ["GET", [], "it has no arguments, and takes 1"],
    ["GET", ["a", "b"], "it has 2 arguments, and takes 1"],
    ["SET", ["hunter2"], "it has 1 argument, and takes 2 or more"],
    ["DBSIZE", ["x"], "it has 1 argument, and takes none"],
    ["CONFIG", ["get"], "it has 1 argument, and takes 2 or more"],
    ["CONFIG", [], "it has no arguments, and takes 1 or more"],
    ["OBJECT", ["ENCODING", "a", "b"], "it has 3 arguments, and takes 2"],
    ["MIGRATE", ["host", "6379"], "it has 2 arguments, and takes 5 or more"]
  ]
  for (const [name, args, said] of wrong) {
    it(`of ${name} with ${args.length} arguments says how many it takes`, () => {
      for (const refused of [
        refusal(RedisCommand.make(name, args)),
        reservedRefusal(RedisCommand.make(name, args)),
        reservedRefusal(RedisCommand.make(name, args), "transaction")
      ]) {
        assert.strictEqual(refused?.code, "ARGUMENT")
        assert.include(refused?.message, `${name} was not sent: ${said}.`)
        assert.notInclude(refused?.message, "hunter2")
      }
    })
  }

  it("is none of a command that Redis 7.0 does not know, or that later versions give more arguments", () => {
    for (const [name, ...args] of [
      ["JSON.GET"],
      ["HEXPIRE", "h"],
      ["CONFIG", "unheard-of"],
      ["ZRANK", "z", "a", "WITHSCORE"],
      ["ZREVRANK", "z", "a", "WITHSCORE"]
    ] as const) {
      assert.isUndefined(refusal(RedisCommand.make(name, args)), name)
    }
    assert.strictEqual(refusal(RedisCommand.make("ZRANK", ["z"]))?.code, "ARGUMENT")
  })

  it("is none of what may be sent", () => {
    assert.isUndefined(refusal(RedisCommand.make("SET", ["k", 1, 2n, new Uint8Array(), ""])))
  })
})
