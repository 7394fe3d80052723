import { BentoCache, bentostore } from "bentocache"
import { memoryDriver } from "bentocache/drivers/memory"
import { redisDriver } from "bentocache/drivers/redis"
import { Redis } from "ioredis"
import type { Make } from "../Contender.ts"
import type { Job } from "../Job.ts"
import * as PromiseStore from "../PromiseStore.ts"
import { timeToLive } from "../Workload.ts"

/**
 * A thousand entries in memory and all in Redis, as ours: a thousand are too few for the keys of a round, so that its reads are answered by the
 * second tier. Variants: `redisOnly`; `tuned`, with its breaker and a driver that gives up early.
 */
export const make: Make = async ({ url, variant }) => {
  const tuned = { commandTimeout: 300, maxRetriesPerRequest: 1, enableOfflineQueue: false, connectTimeout: 1000 }
  const connection = new Redis(url, { ...(variant === "tuned" && tuned), lazyConnect: true })
  connection.on("error", () => {})
  const memory = memoryDriver({ maxItems: 1000 })
  const redis = redisDriver({ connection, prefix: `bentocache-${variant}` })
  const store = variant === "redisOnly" ? bentostore() : bentostore().useL1Layer(memory)
  const bento = new BentoCache({
    default: "redis",
    ttl: timeToLive,
    ...(variant === "tuned" && { l2CircuitBreakerDuration: "30s" }),
    stores: { redis: store.useL2Layer(redis) }
  })
  await connection.connect()
  return PromiseStore.contender({
    get: (key) => bento.get<Job>({ key }),
    set: (key, value) => bento.set({ key, value }),
    getOrSet: (key, factory) => bento.getOrSet({ key, factory }),
    close: () => bento.disconnectAll()
  })
}
