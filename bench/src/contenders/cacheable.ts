import KeyvRedis, { Keyv } from "@keyv/redis"
import { RedisMessageProvider } from "@qified/redis"
import { Cacheable, createKeyv } from "cacheable"
import type { Make } from "../Contender.ts"
import type { Job } from "../Job.ts"
import * as PromiseStore from "../PromiseStore.ts"
import { timeToLive } from "../Workload.ts"

/**
 * A thousand entries in memory and all in Redis, as ours: a thousand are too few for the keys of a round, so that its reads are answered by the
 * second tier. Variants: `redisOnly`, with Redis as its only tier; `nonBlocking`, which does not wait for the second one; `bus`,
 * which hears of what others write, and whose memory does not clone.
 */
export const make: Make = async ({ maxEntries = 1000, url, variant }) => {
  const keyv = new Keyv(new KeyvRedis(url), { namespace: `cacheable-${variant}`, useKeyPrefix: false })
  const nonBlocking = variant === "nonBlocking"
  const cache =
    variant === "redisOnly"
      ? new Cacheable({ primary: keyv, ttl: timeToLive })
      : new Cacheable({
          primary: createKeyv({ lruSize: maxEntries, useClone: variant !== "bus" }),
          secondary: keyv,
          ttl: timeToLive,
          nonBlocking,
          ...(variant === "bus" && { sync: { qified: new RedisMessageProvider({ uri: url }) } })
        })
  cache.on("error", () => {})
  return PromiseStore.contender({
    get: (key) => cache.get<Job>(key),
    set: (key, job) => cache.set(key, job),
    getMany: (keys) => cache.getMany<Job>([...keys]),
    getOrSet: (key, lookup) => cache.getOrSet(key, lookup),
    close: () => cache.disconnect()
  })
}
