import { Redis } from "ioredis"
import type { Make } from "../Contender.ts"
import * as PromiseStore from "../PromiseStore.ts"
import { timeToLive } from "../Workload.ts"

const failFast = { commandTimeout: 300, maxRetriesPerRequest: 1, enableOfflineQueue: false, connectTimeout: 1000 }

/** The driver itself with JSON, and no deadline, retry, breaker or schema. Variants: autoPipelining; failFast, for outages. */
export const make: Make = async ({ url, variant }) => {
  const redis =
    variant === "failFast"
      ? new Redis(url, { ...failFast, lazyConnect: true })
      : new Redis(url, { enableAutoPipelining: variant === "autoPipelining", lazyConnect: true })
  redis.on("error", () => {})
  await redis.connect()
  const prefix = `ioredis-${variant}:`
  return PromiseStore.contender({
    get: async (key) => {
      const text = await redis.get(prefix + key)
      return text === null ? undefined : JSON.parse(text)
    },
    set: async (key, job) => (await redis.set(prefix + key, JSON.stringify(job), "PX", timeToLive)) === "OK",
    getMany: async (keys) => {
      const texts = await redis.mget(keys.map((key) => prefix + key))
      return texts.map((text) => (text === null ? undefined : JSON.parse(text)))
    },
    close: () => redis.quit()
  })
}
