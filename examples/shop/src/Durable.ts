import { Context, Layer } from "effect"
import { Redis, RedisClient } from "effect-ioredis"

/**
 * The Redis that may not forget: it writes an append-only file and evicts nothing, unlike that of
 * the cache. A tag of its own keeps the two apart.
 */
export class Durable extends Context.Service<Durable, RedisClient.RedisClient>()("shop/Durable") {
  /** Reads DURABLE_REDIS_URL and its like; the client is named `durable`. */
  static readonly layer = Layer.effect(Durable, RedisClient.RedisClient).pipe(
    Layer.provide(Redis.layerFromEnv({ prefix: "DURABLE" }))
  )
}
