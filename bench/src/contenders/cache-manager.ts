import KeyvRedis, { Keyv } from "@keyv/redis"
import { createCache } from "cache-manager"
import type { Make } from "../Contender.ts"
import type { Job } from "../Job.ts"
import * as PromiseStore from "../PromiseStore.ts"
import { timeToLive } from "../Workload.ts"

/** Its only store is Redis, through keyv. */
export const make: Make = async ({ url }) => {
  const keyv = new Keyv(new KeyvRedis(url), { namespace: "cache-manager", useKeyPrefix: false })
  keyv.on("error", () => {})
  const cache = createCache({ stores: [keyv], ttl: timeToLive })
  return PromiseStore.contender({
    get: (key) => cache.get<Job>(key),
    set: async (key, job) => (await cache.set(key, job)) === job,
    getMany: (keys) => cache.mget<Job>([...keys]),
    getOrSet: (key, lookup) => cache.wrap(key, lookup),
    close: () => cache.disconnect()
  })
}
