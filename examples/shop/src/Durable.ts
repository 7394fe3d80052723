import { Context, Effect, Layer } from "effect"
import { RedisClient, RedisHealth } from "effect-ioredis"
import { Cache, HybridCache } from "effect-ioredis-cache"

/**
 * The Redis that may not forget, with a cache of its own on it. Unlike the other it writes each
 * command to an append-only file before it answers (`appendonly yes`, `appendfsync always`), and
 * evicts nothing (`maxmemory-policy noeviction`). A tag of its own keeps the two apart.
 */
export class Durable extends Context.Service<
  Durable,
  {
    readonly redis: RedisClient.RedisClient
    readonly cache: Cache.Cache
    readonly health: RedisHealth.RedisHealth
  }
>()("shop/Durable") {
  /** Takes all three from what is provided. */
  static readonly make = Effect.map(
    Effect.all([RedisClient.RedisClient, Cache.Cache, RedisHealth.RedisHealth]),
    ([redis, cache, health]) => Durable.of({ redis, cache, health })
  )

  /** Reads DURABLE_REDIS_URL, DURABLE_CACHE_MAX_SIZE and their like; the client is named `durable`. */
  static readonly layer = Layer.effect(Durable, Durable.make).pipe(
    Layer.provide(HybridCache.layerFromEnv({ prefix: "DURABLE" }))
  )
}
