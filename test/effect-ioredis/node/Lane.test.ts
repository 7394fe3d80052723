import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { withRedis } from "../../support/VirtualRedis.ts"

describe("A login", () => {
  it.effect("that dies is tried again", () => {
    let logins = 0
    return withRedis({
      login: Effect.suspend(() => (logins++ === 1 ? Effect.die(new Error("boom")) : Effect.succeed({})))
    })((redis) =>
      Effect.gen(function* () {
        yield* redis.reconnect
        yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* redis.stats).connection, "Ready")
      })
    ).pipe(Effect.asVoid)
  })
})
