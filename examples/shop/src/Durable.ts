import { Context, Layer } from "effect"
import { Redis, RedisClient } from "effect-ioredis"

/**
 * The Redis that may not forget. Unlike that of the cache it writes each command to an append-only
 * file before it answers (`appendonly yes`, `appendfsync always`), and evicts nothing. A tag of its
 * own keeps the two apart.
 */
export class Durable extends Context.Service<Durable, RedisClient.RedisClient>()("shop/Durable") {
  /** Reads DURABLE_REDIS_URL and its like; the client is named `durable`. */
  static readonly layer = Layer.effect(Durable, RedisClient.RedisClient).pipe(
    Layer.provide(Redis.layerFromEnv({ prefix: "DURABLE" }))
  )
}
