import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { RedisError } from "effect-ioredis"

describe("Whether a sending may be repeated, and what became of it", () => {
  const replied = (command: string, code: string) => new RedisError.RedisOperationError({ command, code, message: "" })
  const lost = RedisError.connectionError("DEL", "Reset", "unknown")

  it("idempotent commands are sent again only where the answer is ignored", () => {
    assert.isFalse(RedisError.isRetryable(lost, "idempotent"))
    assert.isTrue(RedisError.isRetryable(lost, "idempotent", { answer: "ignored" }))
    assert.isFalse(RedisError.isRetryable(lost, "effectful", { answer: "ignored" }))
  })

  it("what Redis put off was not executed, unless it ran a script", () => {
    for (const code of ["LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "BUSY", "TRYAGAIN", "NOREPLICAS"]) {
      assert.isTrue(RedisError.isRetryable(replied("INCR", code), "effectful"))
      assert.strictEqual(RedisError.endOf(Result.fail(replied("INCR", code))), "refused")
      for (const command of ["EVAL", "EVALSHA", "FCALL", "EXEC", "PIPELINE"]) {
        assert.isFalse(RedisError.isRetryable(replied(command, code), "effectful"))
        assert.isFalse(RedisError.isRetryable(replied(command, code), "idempotent"))
        assert.isTrue(RedisError.isRetryable(replied(command, code), "repeatable"))
        assert.strictEqual(RedisError.endOf(Result.fail(replied(command, code))), "confirmed")
      }
    }
  })

  it("the end of a sending", () => {
    const ended = (error: RedisError.RedisCommandError) => RedisError.endOf(Result.fail(error))
    assert.strictEqual(RedisError.endOf(Result.succeed("OK")), "confirmed")
    assert.strictEqual(ended(lost), "doubtful")
    assert.strictEqual(ended(RedisError.connectionError("DEL", "Reset", "never")), "refused")
    assert.strictEqual(ended(RedisError.RedisTimeoutError.after("DEL", 1)), "doubtful")
    assert.strictEqual(ended(replied("SET", "WRONGTYPE")), "refused")
    assert.strictEqual(ended(replied("EVAL", "WRONGTYPE")), "confirmed")
    for (const code of ["NOSCRIPT", "MOVED", "ASK", "UNSUPPORTED"]) {
      assert.strictEqual(ended(replied("EVALSHA", code)), "refused")
    }
  })
})
