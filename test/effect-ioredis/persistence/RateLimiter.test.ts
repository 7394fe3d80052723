import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Layer } from "effect"
import { RateLimiter } from "effect/persistence"
import { RedisClient, RedisError } from "effect-ioredis"
import * as Persistence from "effect-ioredis/persistence"
import { SimulatedRedis } from "effect-ioredis/testing"

const limiterThat = (whenUnavailable: Persistence.RateLimiterOptions["whenUnavailable"]) =>
  Persistence.layerRateLimiter({ whenUnavailable }).pipe(
    Layer.provideMerge(RedisClient.layer()),
    Layer.provide(SimulatedRedis.layer())
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
