import { createClient } from "redis"
import type { Make } from "../Contender.ts"
import * as PromiseStore from "../PromiseStore.ts"
import { timeToLive } from "../Workload.ts"

/** node-redis with JSON. It joins what is sent in one tick by itself. Variant: failFast, for outages. */
export const make: Make = async ({ url, variant }) => {
  const failFast = { disableOfflineQueue: true, commandOptions: { timeout: 300 } }
  const redis = createClient({ url, ...(variant === "failFast" && failFast) })
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
