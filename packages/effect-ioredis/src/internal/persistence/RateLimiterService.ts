import { Duration, Effect, Layer } from "effect"
import * as RateLimiter from "effect/persistence/RateLimiter"
import type { RateLimiterOptions } from "../../persistence.ts"
import type { RedisClient } from "../../RedisClient.ts"
import * as RedisError from "../../RedisError.ts"
import { isOutage } from "./isOutage.ts"
import * as RedisService from "./RedisService.ts"

/** Provides Effect's rate limiter on a client. */
export const layer = ({
  prefix,
  whenUnavailable,
  ...use
}: RateLimiterOptions): Layer.Layer<RateLimiter.RateLimiter, never, RedisClient> => {
  const make = whenUnavailable === "allow" ? Effect.map(RateLimiter.make, open) : RateLimiter.make
  return Layer.effect(RateLimiter.RateLimiter, make).pipe(
    Layer.provide(RateLimiter.layerStoreRedis({ prefix })),
    Layer.provide(RedisService.layer(use))
  )
}

// Lets everything pass in an outage. A limiter that Redis refuses is a mistake, which would go
// unseen if everything passed.
const open = (limiter: RateLimiter.RateLimiter): RateLimiter.RateLimiter => ({
  ...limiter,
  consume: (options) => allowed(limiter.consume(options), () => unlimited(options.limit)),
  adaptiveConsume: (options) => allowed(limiter.adaptiveConsume(options), () => inactive),
  adaptiveFeedback: (options) => allowed(limiter.adaptiveFeedback(options), () => undefined)
})

const allowed = <A>(
  consuming: Effect.Effect<A, RateLimiter.RateLimiterError>,
  otherwise: () => A
): Effect.Effect<A, RateLimiter.RateLimiterError> =>
  Effect.catchIf(
    consuming,
    ({ reason }) => reason._tag === "RateLimitStoreError" && isCommandError(reason.cause) && isOutage(reason.cause),
    () => Effect.sync(otherwise)
  )

const isCommandError = (cause: unknown): cause is RedisError.RedisCommandError =>
  RedisError.isRedisError(cause) && cause._tag !== "RedisSerializationError"

const unlimited = (limit: number): RateLimiter.ConsumeResult => ({
  delay: Duration.zero,
  limit,
  remaining: limit,
  resetAfter: Duration.zero
})

const inactive: RateLimiter.AdaptiveConsumeResult = { delay: Duration.zero, epoch: 0, phase: "inactive" }
