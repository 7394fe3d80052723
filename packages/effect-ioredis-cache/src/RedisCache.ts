/**
 * The strict cache: values in Redis and nowhere else, with `RedisError` in the error channel of
 * every method.
 *
 * **When to use**
 *
 * Where an answer from anywhere but Redis would be wrong. Most programs want `HybridCache`, which
 * is built on this.
 *
 * **Details**
 *
 * A value is stored as `docs/stored_format.md` says, with PX, and without PX if it lives for ever.
 * What cannot be read is a miss, counted, and logged as it begins. It stays where another
 * deployment may read it well; what begins as ours and is broken is removed, if it is still that.
 *
 * **Gotchas**
 *
 * It follows no `mode` of `RuntimeSettings`: there is nothing but Redis that it could use.
 *
 * To a `HybridCache` of the same client it is what another process is: nobody tells memory or the
 * journal of what is written here. Give a region to one of the two.
 *
 * @since 0.1.0
 */
import { Context, type Duration, Effect, Layer } from "effect"
import { RedisClient, type RedisError } from "effect-ioredis"
import * as Dispatch from "effect-ioredis/dispatch"
import type * as Cache from "./Cache.ts"
import { compressor } from "./internal/brotli.ts"
import { checkRedis } from "./internal/options.ts"
import { named } from "./internal/named.ts"
import { profileOf } from "./internal/profileOf.ts"
import * as RedisTier from "./internal/RedisTier.ts"
import * as Region from "./internal/Region.ts"

/**
 * Regions whose methods fail with `RedisError`.
 *
 * @category models
 * @since 0.1.0
 */
export interface RedisCache {
  /** Gives the region of a definition. */
  readonly region: <Key, Value, Hard extends Duration.Input | undefined = undefined>(
    options: Cache.RegionOptions<Key, Value, Hard>
  ) => Effect.Effect<Cache.Region<Key, Value, RedisError.RedisError, Cache.LookupErrorOf<Hard>>>
  /** Makes every value a miss that was written with the tag, in whichever region. */
  readonly invalidateTag: (tag: string) => Effect.Effect<Cache.WriteOutcome, RedisError.RedisError>
  /** Tells how the cache fares. */
  readonly stats: Effect.Effect<Cache.Stats>
  /** Gives the client that it stands on. */
  readonly client: RedisClient.RedisClient
  /** Begins every key. */
  readonly prefix: string
}

/**
 * Service tag for the strict cache.
 *
 * @category services
 * @since 0.1.0
 */
export const RedisCache: Context.Service<RedisCache, RedisCache> = Context.Service<RedisCache>(
  "effect-ioredis-cache/RedisCache"
)

/**
 * Options of a `RedisCache`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Begins every key (default `cache`). */
  readonly prefix?: string | undefined
  /**
   * For regions of this strict cache that name none. Default: that of the client's profile, and 300
   * seconds without one. A `HybridCache` on it has a `timeToLive` of its own.
   */
  readonly timeToLive?: Duration.Input | undefined
}

/**
 * Makes the strict cache on the `RedisClient` of the context.
 *
 * **Gotchas**
 *
 * Options that make no sense, such as a prefix that cannot be part of a key, are a mistake in the
 * program, and so a defect: a `ConfigError` that names each of them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (options: Options = {}) {
  const client = yield* RedisClient.RedisClient
  const prefix = options.prefix ?? "cache"
  yield* Effect.orDie(checkRedis(options))
  const defaults = yield* profileOf(client)
  const build = Effect.flatMap(RedisTier.make(client), (tier) =>
    Region.makeRegions<RedisError.RedisError>({
      name: client.name,
      told: Dispatch.of(client),
      tier,
      reject: Effect.fail,
      prefix: `${prefix}:`,
      makeCompressor: compressor,
      timeToLive: options.timeToLive ?? defaults?.timeToLive,
      stats: Effect.map(client.stats, (redis) => ({ redis }))
    })
  )
  const regions = yield* named(client.name)(build)
  return RedisCache.of({ ...regions, client, prefix })
})

/**
 * Provides the strict cache.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: Options): Layer.Layer<RedisCache, never, RedisClient.RedisClient> =>
  Layer.effect(RedisCache, make(options))
