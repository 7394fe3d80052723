import { createClient } from "redis"
import type { Make } from "../Contender.ts"
import * as PromiseStore from "../PromiseStore.ts"
import { timeToLive } from "../Workload.ts"

/** node-redis with JSON. It joins what is sent in one tick by itself. Variants: failFast, for outages; clientSideCache, its own
 * memory of replies, of which the server says which are no longer right. */
export const make: Make = async ({ maxEntries = 1000, url, variant }) => {
  const failFast = { disableOfflineQueue: true, commandOptions: { timeout: 300 } }
  const clientSideCache = { RESP: 3, clientSideCache: { ttl: 0, maxEntries, evictPolicy: "LRU" } } as const
  const redis = createClient({
    url,
    ...(variant === "failFast" && failFast),
    ...(variant === "clientSideCache" && clientSideCache)
  })
  redis.on("error", () => {})
  await redis.connect()
  const prefix = "node-redis:"
  return PromiseStore.contender({
    get: async (key) => {
      const text = await redis.get(prefix + key)
      return text === null ? undefined : JSON.parse(text)
    },
    set: async (key, job) =>
      (await redis.set(prefix + key, JSON.stringify(job), { expiration: { type: "PX", value: timeToLive } })) === "OK",
    getMany: async (keys) => {
      const texts = await redis.mGet(keys.map((key) => prefix + key))
      return texts.map((text) => (text === null ? undefined : JSON.parse(text)))
    },
    close: () => redis.close()
  })
}
