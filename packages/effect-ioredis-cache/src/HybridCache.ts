/**
 * Redis and memory as one `Cache`: Redis is the truth while it answers, and memory answers while it does not.
 *
 * **Details**
 *
 * A read asks Redis; a hit also fills memory for the rest of its life, and a miss empties it. Any `RedisError`, and memory answers. A call
 * spends at most `patience` (default 1 second) on Redis, attempts and retries together. Writes go to both: `"Applied"` says that Redis
 * confirmed it, `"Deferred"` that only this process has it.
 *
 * Each fallback is counted (`cache_requests_total{result="fallback_hit"}`). Where they begin and end is logged at debug level: the outage itself
 * is for `RedisHealth` to tell, once.
 *
 * **Example** (Composing it from its parts)
 *
 * ```ts
 * import { Layer } from "effect"
 * import { Redis } from "effect-ioredis"
 * import { HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
 *
 * const CacheLive = HybridCache.layer({ patience: "500 millis" }).pipe(
 *   Layer.provide([RedisCache.layer({ prefix: "jobs" }), MemoryCache.layer({ maxEntries: 10_000 })]),
 *   Layer.provide(Redis.layer({ url: "redis://localhost:6379" }))
 * )
 * ```
 *
 * @since 0.1.0
 */
import { Clock, Config, Duration, Effect, Layer, Option, Result } from "effect"
import { Redis, type RedisClient, RedisConfig, type RedisError, type RedisHealth } from "effect-ioredis"
import * as Cache from "./Cache.ts"
import * as CacheKey from "./CacheKey.ts"
import type { CacheTier, Found, WriteOutcome } from "./CacheTier.ts"
import * as Region from "./internal/Region.ts"
import * as MemoryCache from "./MemoryCache.ts"
import * as RedisCache from "./RedisCache.ts"

/**
 * `patience` is the longest a call waits for Redis (default 1 second); `timeToLive` is for regions that name none (default 300 seconds).
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly patience?: Duration.Input | undefined
  readonly timeToLive?: Duration.Input | undefined
}

/**
 * Composes the strict cache and memory.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options: Options = {}
): Layer.Layer<Cache.Cache, never, RedisCache.RedisCache | MemoryCache.MemoryCache> =>
  Layer.effect(
    Cache.Cache,
    Effect.gen(function* () {
      const redis = yield* RedisCache.RedisCache
      const memory = MemoryCache.tier(yield* MemoryCache.MemoryCache, yield* Clock.Clock)
      const patience = Duration.fromInputUnsafe(options.patience ?? "1 second")
      const outage = makeOutage()
      return yield* Region.makeCache({
        tier: (region) => makeTier(redis.tier(region, { patience }), memory(region), outage),
        timeToLive: options.timeToLive,
        patience
      })
    })
  )

/**
 * The whole of it from the environment: Redis as `RedisConfig` says, and `CACHE_PATIENCE_MS` 1000, `CACHE_TTL` 300 (seconds),
 * `CACHE_MAX_SIZE` 1000 (entries in memory), `CACHE_PREFIX` `cache`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig: Layer.Layer<
  Cache.Cache | RedisClient.RedisClient | RedisHealth.RedisHealth,
  Config.ConfigError
> = Layer.unwrap(
  Effect.suspend(() =>
    Effect.map(config, ({ maxEntries, patience, prefix, timeToLive }) =>
      layer({ patience, timeToLive }).pipe(
        Layer.provide([RedisCache.layer({ prefix }), MemoryCache.layer({ maxEntries })]),
        Layer.provideMerge(Redis.layerConfig)
      )
    )
  )
)

const config = Config.all({
  patience: RedisConfig.variable(RedisConfig.duration("CACHE_PATIENCE_MS", "patience", 1000, "millis")),
  timeToLive: RedisConfig.variable(RedisConfig.duration("CACHE_TTL", "timeToLive", 300, "seconds")),
  maxEntries: RedisConfig.variable(RedisConfig.integer("CACHE_MAX_SIZE", "maxEntries", 1000, { min: 1, max: 2 ** 24 })),
  prefix: RedisConfig.variable(
    RedisConfig.text("CACHE_PREFIX", "prefix", "cache", "a name without white space and : { } * ? [ ] \\", (prefix) =>
      Result.isSuccess(CacheKey.keyspace({ prefix, region: "r", version: 0 }))
    )
  )
})

const makeTier = <Value>(
  redis: CacheTier<Value, RedisError.RedisError>,
  memory: MemoryCache.MemoryTier<Value>,
  outage: Outage
): CacheTier<Value, never> => {
  const remember = (key: string, found: Found<Value>, isCurrent: boolean): void => {
    if (!isCurrent) return
    if (Option.isSome(found.hit) && found.hit.value.timeToLive > 0) memory.put(key, found.hit.value)
    else memory.drop(key)
  }

  const fallBack = (key: string): Found<Value> => ({ hit: memory.find(key), source: "fallback" })

  const deferred = (count: number) => Array.from({ length: count }, (): WriteOutcome => "Deferred")

  const orElse = <A>(
    effect: Effect.Effect<A, RedisError.RedisError>,
    use: (result: A) => void,
    fallback: () => A
  ): Effect.Effect<A> =>
    Effect.matchEffect(effect, {
      onSuccess: (result) => {
        use(result)
        return outage.isOver ? Effect.succeed(result) : Effect.as(outage.end, result)
      },
      // A Redis that refuses does answer.
      onFailure: (error) =>
        error._tag === "RedisOperationError" ? Effect.sync(fallback) : Effect.map(outage.begin(error), fallback)
    })

  return {
    get: (key, isCurrent) =>
      orElse(
        redis.get(key, isCurrent),
        (found) => remember(key, found, isCurrent()),
        () => fallBack(key)
      ),
    peek: memory.peek,
    getMany: (keys, isCurrent) =>
      orElse(
        redis.getMany(keys, isCurrent),
        (found) => {
          found.forEach((one, index) => {
            remember(keys[index] ?? "", one, isCurrent(index))
          })
        },
        () => keys.map(fallBack)
      ),
    set: (writes) =>
      Effect.andThen(
        memory.set(writes),
        orElse(
          redis.set(writes),
          () => {},
          () => deferred(writes.length)
        )
      ),
    remove: (keys, isCurrent) =>
      Effect.andThen(
        memory.remove(keys, isCurrent),
        orElse(
          redis.remove(keys, isCurrent),
          () => {},
          () => deferred(keys.length)
        )
      ),
    clear: Effect.andThen(
      memory.clear,
      orElse<WriteOutcome>(
        redis.clear,
        () => {},
        () => "Deferred"
      )
    )
  }
}

// Says once that memory answers in the place of Redis, and once that it need not any more. A warning here would be the second one of the same
// outage, and one per call where Redis is merely slow.
interface Outage {
  readonly isOver: boolean
  readonly begin: (error: RedisError.RedisError) => Effect.Effect<void>
  readonly end: Effect.Effect<void>
}

const makeOutage = (): Outage => {
  let fallbacks = 0
  return {
    get isOver() {
      return fallbacks === 0
    },
    begin: (error) =>
      Effect.suspend(() => {
        fallbacks++
        return fallbacks === 1
          ? Effect.logDebug("Redis does not answer the cache: memory does").pipe(
              Effect.annotateLogs({ error: error.message })
            )
          : Effect.void
      }),
    end: Effect.suspend(() => {
      const total = fallbacks
      fallbacks = 0
      return total === 0
        ? Effect.void
        : Effect.logDebug("Redis answers the cache again").pipe(Effect.annotateLogs({ fallbacks: total }))
    })
  }
}
