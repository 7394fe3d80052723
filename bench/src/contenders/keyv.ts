import KeyvRedis, { Keyv } from "@keyv/redis"
import type { Make } from "../Contender.ts"
import type { Job } from "../Job.ts"
import * as PromiseStore from "../PromiseStore.ts"
import { timeToLive } from "../Workload.ts"

/** As its README has it. `throwOnErrors` is off by default; a miss then is what a failure looks like. */
export const make: Make = async ({ url }) => {
  const keyv = new Keyv(new KeyvRedis(url), { namespace: "keyv", ttl: timeToLive, useKeyPrefix: false })
  keyv.on("error", () => {})
  return PromiseStore.contender({
    get: (key) => keyv.get<Job>(key),
    set: (key, job) => keyv.set(key, job),
    getMany: (keys) => keyv.getMany<Job>([...keys]),
    close: () => keyv.disconnect()
  })
}
