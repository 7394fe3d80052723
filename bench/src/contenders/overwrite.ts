import { Redis } from "ioredis"
import type { Make } from "../Contender.ts"

export interface Overwrite {
  /** What the keys begin with. */
  readonly prefix: string
  readonly perSecond: number
  readonly millis: number
}

const batch = 100

/** Writes what keys hold already over and over again, many at once: whoever hears of writes hears of each of them. */
export const make: Make = async ({ url }) => {
  const redis = new Redis(url, { lazyConnect: true })
  await redis.connect()
  return {
    prepare: () => Promise.reject(new Error("there are no rounds of this")),
    tasks: {
      overwrite: async ({ millis, perSecond, prefix }: Overwrite) => {
        const batches = await batchesOf(redis, prefix)
        const start = performance.now()
        let written = 0
        for (let elapsed = 0; elapsed < millis; elapsed = performance.now() - start) {
          const writes: Array<Promise<unknown>> = []
          for (; written < (elapsed / 1000) * perSecond; written += batch) {
            writes.push(redis.mset(batches[(written / batch) % batches.length] as Array<string | Buffer>))
          }
          await Promise.all(writes)
          await new Promise((resolve) => setTimeout(resolve, 1))
        }
        return written / ((performance.now() - start) / 1000)
      }
    },
    close: async () => {
      await redis.quit()
    }
  }
}

/** Keys and their values by turns, as MSET takes them. */
const batchesOf = async (redis: Redis, prefix: string): Promise<ReadonlyArray<Array<string | Buffer>>> => {
  const keys: Array<string> = []
  for await (const found of redis.scanStream({ match: `${prefix}*`, count: 1000 })) keys.push(...found)
  const batches: Array<Array<string | Buffer>> = []
  for (let n = 0; n + batch <= keys.length; n += batch) {
    const some = keys.slice(n, n + batch)
    const values = await redis.mgetBuffer(some)
    batches.push(some.flatMap((key, index) => [key, values[index] as Buffer]))
  }
  return batches
}
