import { BentoCache, bentostore } from "bentocache"
import { memoryDriver } from "bentocache/drivers/memory"
import { redisBusDriver, redisDriver } from "bentocache/drivers/redis"
import { Redis } from "ioredis"
import type { Make } from "../Contender.ts"
import type { Job } from "../Job.ts"
import * as PromiseStore from "../PromiseStore.ts"
import { timeToLive } from "../Workload.ts"

/**
 * A thousand entries in memory and all in Redis, as ours: a thousand are too few for the keys of a round, so that its reads are answered by the
 * second tier. Variants: `redisOnly`; `tuned`, with its breaker and a driver that gives up early; `bus`, which hears of what others write. Its
 * memory serializes, as by default: what it reads from the second tier without that it cannot read again (its issue 111).
 */
export const make: Make = async ({ maxEntries = 1000, port, url, variant }) => {
  const tuned = { commandTimeout: 300, maxRetriesPerRequest: 1, enableOfflineQueue: false, connectTimeout: 1000 }
  const connection = new Redis(url, { ...(variant === "tuned" && tuned), lazyConnect: true })
  connection.on("error", () => {})
  const memory = memoryDriver({ maxItems: maxEntries })
  const redis = redisDriver({ connection, prefix: `bentocache-${variant}` })
  const bus = redisBusDriver({ connection: { host: "127.0.0.1", port } })
  const store = variant === "redisOnly" ? bentostore() : bentostore().useL1Layer(memory)
  const bento = new BentoCache({
    default: "redis",
    ttl: timeToLive,
    ...(variant === "tuned" && { l2CircuitBreakerDuration: "30s" }),
    stores: { redis: variant === "bus" ? store.useL2Layer(redis).useBus(bus) : store.useL2Layer(redis) }
  })
  await connection.connect()
  return PromiseStore.contender({
    get: (key) => bento.get<Job>({ key }),
    set: (key, value) => bento.set({ key, value }),
    getOrSet: (key, factory) => bento.getOrSet({ key, factory }),
    close: () => bento.disconnectAll()
  })
}
