import { assert, describe, it } from "@effect/vitest"
import { Duration } from "effect"
import { RedisError } from "effect-ioredis"
import * as InDoubt from "../../packages/effect-ioredis/src/internal/InDoubt.ts"

const never = RedisError.connectionError("INCR", "Reset", "never")
const unknown = RedisError.connectionError("INCR", "Reset", "unknown")
const late = RedisError.RedisTimeoutError.after("INCR", 1000)
const replied = new RedisError.RedisOperationError({ command: "INCR", code: "WRONGTYPE", message: "no" })
const open = new RedisError.RedisCircuitBreakerOpenError({
  command: "INCR",
  retryAfter: Duration.seconds(1),
  message: "open"
})

describe("InDoubt", () => {
  const rows: ReadonlyArray<
    readonly [
      what: string,
      doubt: RedisError.RedisCommandError | undefined,
      error: RedisError.RedisCommandError,
      ends: Partial<RedisError.RedisConnectionError> | RedisError.RedisCommandError
    ]
  > = [
    ["nothing was left open", undefined, never, never],
    ["the circuit refused the last attempt", late, open, late],
    ["the last attempt never left", late, never, { reason: "Reset", sent: "unknown" }],
    ["the last attempt may have left itself", late, unknown, unknown],
    ["Redis replied at last", late, replied, replied]
  ]
  for (const [what, doubt, error, ends] of rows) {
    it(`since an earlier attempt: ${what}`, () => {
      const found = InDoubt.since(doubt, error)
      if ("_tag" in ends) assert.strictEqual(found, ends)
      else assert.include(found, ends)
    })
  }

  it("a part of it may have been executed, which what never left does not say", () => {
    assert.include(InDoubt.inPart(never), { sent: "unknown" })
    assert.include(InDoubt.inPart(never).message, "may")
    for (const error of [unknown, late, replied, open]) assert.strictEqual(InDoubt.inPart(error), error)
  })
})
