import type { Contender, Make, Round } from "../Contender.ts"
import * as Job from "../Job.ts"
import * as PromiseStore from "../PromiseStore.ts"

const count = 500
const keys = Array.from({ length: count }, (_, index) => `job-${(index * 7919) % count}`)

/** A store in this process that answers at once. */
const synchronous = (store: {
  readonly get: (key: string) => unknown
  readonly set: (key: string, job: Job.Job) => unknown
}): Contender => ({
  prepare: async () => {
    for (const key of keys) store.set(key, Job.make(key, "200 B"))
    let next = 0
    const round: Round = (operations) => {
      for (const end = next + operations; next < end; next++) {
        const key = keys[next % count] as string
        if ((store.get(key) as Job.Job | undefined)?.id !== key) throw new Error(`${key} is wrong`)
      }
    }
    return round
  },
  call: async (_, key) => (store.get(key) === undefined ? "miss" : "hit")
})

const makers: Record<string, () => Promise<Contender>> = {
  map: async () => synchronous(new Map()),
  "lru-cache": async () => {
    const { LRUCache } = await import("lru-cache")
    return synchronous(new LRUCache({ max: 1000, ttl: 300_000 }))
  },
  "cache-manager": async () => {
    const { createCache } = await import("cache-manager")
    const cache = createCache({ ttl: 300_000 })
    return promises(
      (key) => cache.get(key),
      (key, job) => cache.set(key, job)
    )
  },
  keyv: async () => {
    const { Keyv } = await import("keyv")
    const keyv = new Keyv({ ttl: 300_000 })
    return promises(
      (key) => keyv.get(key),
      (key, job) => keyv.set(key, job)
    )
  },
  cacheable: async () => {
    const { Cacheable } = await import("cacheable")
    const cache = new Cacheable({ ttl: 300_000 })
    return promises(
      (key) => cache.get(key),
      (key, job) => cache.set(key, job)
    )
  },
  bentocache: async () => {
    const { BentoCache, bentostore } = await import("bentocache")
    const { memoryDriver } = await import("bentocache/drivers/memory")
    const stores = { memory: bentostore().useL1Layer(memoryDriver({ maxItems: 1000 })) }
    const bento = new BentoCache({ default: "memory", ttl: 300_000, stores })
    return promises(
      (key) => bento.get({ key }),
      (key, value) => bento.set({ key, value })
    )
  }
}

const promises = (
  get: (key: string) => Promise<unknown>,
  set: (key: string, job: Job.Job) => Promise<unknown>
): Contender => ({
  prepare: async () => {
    for (const key of keys) await set(key, Job.make(key, "200 B"))
    return PromiseStore.inLoops(1, async (n) => {
      const key = keys[n % count] as string
      if (((await get(key)) as Job.Job | undefined)?.id !== key) throw new Error(`${key} is wrong`)
    })
  }
})

/** A hit in the memory of this process. The variant names the store; those of Effect are in `EffectMemory`. */
export const make: Make = async ({ variant = "map" }) => {
  const maker = makers[variant]
  if (maker === undefined) throw new Error(`no memory store ${variant}`)
  return maker()
}
