import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Layer, Result } from "effect"
import { RateLimiter } from "effect/persistence"
import { RedisClient, RedisError } from "effect-ioredis"
import * as Persistence from "effect-ioredis/persistence"
import { Fault, SimulatedPersistence, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"

const limiterThat = (whenUnavailable: Persistence.RateLimiterOptions["whenUnavailable"]) =>
  Persistence.layerRateLimiter({ whenUnavailable }).pipe(
    Layer.provideMerge(RedisClient.layer()),
    Layer.provideMerge(SimulatedRedis.layer({ scripts: SimulatedPersistence.scripts }))
  )

const call = { key: "alice", limit: 5, window: "1 minute" } as const

const adaptive = { key: "alice", tokens: 1, fallbackLimit: 5, fallbackWindow: Duration.minutes(1) }

describe("A RateLimiter on a client, while Redis is away", () => {
  it.effect("lets calls pass where it shall", () =>
    Effect.gen(function* () {
      const limiter = yield* RateLimiter.RateLimiter
      yield* (yield* RedisClient.RedisClient).breaker.isolate
      const { delay, limit, remaining } = yield* limiter.consume(call)
      assert.deepStrictEqual([Duration.toMillis(delay), limit, remaining], [0, 5, 5])
      const { epoch, phase } = yield* limiter.adaptiveConsume(adaptive)
      assert.strictEqual(phase, "inactive")
      yield* limiter.adaptiveFeedback({ ...adaptive, epoch, status: 429, retryAfter: Duration.seconds(1) })
      // What Redis need not be asked for is no outage.
      const { reason } = yield* Effect.flip(limiter.consume({ ...call, tokens: 6 }))
      assert.strictEqual(reason._tag, "RateLimitExceeded")
    }).pipe(Effect.provide(limiterThat("allow")))
  )

  for (const [what, fault] of [
    ["answers nothing", Fault.freeze],
    ["takes no connections", Fault.refuse],
    ["loads its data", Fault.error("LOADING")],
    ["is a replica by now", Fault.error("READONLY")]
  ] as const) {
    it.effect(`lets calls pass of a server that ${what}`, () =>
      Effect.gen(function* () {
        const limiter = yield* RateLimiter.RateLimiter
        yield* (yield* SimulatedRedis.SimulatedRedis).inject(fault)
        const consuming = yield* Effect.forkChild(limiter.consume(call))
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual((yield* Fiber.join(consuming)).remaining, 5)
      }).pipe(Effect.provide(limiterThat("allow")))
    )
  }

  for (const [what, fault] of [
    ["may not be asked by this user", Fault.error("NOPERM", { commands: ["EVALSHA", "EVAL"] })],
    ["refuses what the script does", Fault.error("NOPERM", { commands: ["GET", "SET", "INCRBY", "PTTL", "PEXPIRE"] })],
    ["refuses the script's own command", Fault.error("WRONGTYPE", { commands: ["EVALSHA", "EVAL"] })],
    ["has no room", Fault.error("OOM", { commands: ["EVALSHA", "EVAL"] })]
  ] as const) {
    it.effect(`lets none pass of a server that ${what}, whatever it shall do in an outage`, () =>
      Effect.gen(function* () {
        const limiter = yield* RateLimiter.RateLimiter
        yield* (yield* SimulatedRedis.SimulatedRedis).inject(fault)
        const consuming = yield* Effect.forkChild(Effect.result(limiter.consume(call)))
        yield* TestClock.adjust("10 seconds")
        const result = yield* Fiber.join(consuming)
        if (Result.isSuccess(result)) return assert.fail("it lets it pass")
        const { reason } = result.failure
        if (reason._tag !== "RateLimitStoreError") return assert.fail(reason._tag)
        assert.instanceOf(reason.cause, RedisError.RedisOperationError)
      }).pipe(Effect.provide(limiterThat("allow")))
    )
  }

  it.effect("lets none pass where it shall not, and says why", () =>
    Effect.gen(function* () {
      const limiter = yield* RateLimiter.RateLimiter
      yield* (yield* RedisClient.RedisClient).breaker.isolate
      const { reason } = yield* Effect.flip(limiter.consume(call))
      if (reason._tag !== "RateLimitStoreError") return assert.fail(reason._tag)
      assert.instanceOf(reason.cause, RedisError.RedisCircuitBreakerOpenError)
    }).pipe(Effect.provide(limiterThat("fail")))
  )
})
