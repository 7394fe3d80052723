import { Cache as EffectCache, Effect, Layer, ManagedRuntime } from "effect"
import { Redis } from "effect-ioredis"
import { Cache, HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
import * as Calls from "../Calls.ts"
import type { Make } from "../Contender.ts"
import * as Job from "../Job.ts"
import { region } from "../Ours.ts"

// The same object under every key, so that what is counted is what an entry costs beside its value.
const value = Job.make("job-1", "200 B")
const room = 2 ** 20

type Set = (key: string) => unknown

const makers: Record<string, () => Promise<Set>> = {
  map: async () => {
    const map = new Map<string, Job.Job>()
    return (key) => map.set(key, value)
  },
  "lru-cache": async () => {
    const { LRUCache } = await import("lru-cache")
    const cache = new LRUCache<string, Job.Job>({ max: room, ttl: 300_000 })
    return (key) => cache.set(key, value)
  },
  "effect-cache": async () => {
    const lookup = () => Effect.succeed(value)
    const cache = await Effect.runPromise(EffectCache.make({ capacity: room, timeToLive: "5 minutes", lookup }))
    return (key) => Effect.runSync(EffectCache.set(cache, key, value))
  },
  ours: async () => {
    const runtime = ManagedRuntime.make(MemoryCache.layerCacheWith({ maxEntries: room }))
    const jobs = await runtime.runPromise(Cache.region(region))
    return (key) => runtime.runSync(jobs.set(key, value))
  },
  "cache-manager": async () => {
    const { createCache } = await import("cache-manager")
    const cache = createCache({ ttl: 300_000 })
    return (key) => cache.set(key, value)
  },
  keyv: async () => {
    const { Keyv } = await import("keyv")
    const keyv = new Keyv({ ttl: 300_000 })
    return (key) => keyv.set(key, value)
  },
  cacheable: async () => {
    const { Cacheable } = await import("cacheable")
    const cache = new Cacheable({ ttl: 300_000 })
    return (key) => cache.set(key, value)
  },
  bentocache: async () => {
    const { BentoCache, bentostore } = await import("bentocache")
    const { memoryDriver } = await import("bentocache/drivers/memory")
    const stores = { memory: bentostore().useL1Layer(memoryDriver({ maxItems: room })) }
    const bento = new BentoCache({ default: "memory", ttl: 300_000, stores })
    return (key) => bento.set({ key, value })
  }
}

/** What many keys in memory and many regions cost. The variant names the store. */
export const make: Make = async ({ url, variant = "map" }) => {
  let kept: unknown
  return {
    prepare: () => Promise.reject(new Error("there are no rounds of this")),
    tasks: {
      keys: async ({ count }: { readonly count: number }) => {
        const before = Calls.heap()
        const set = await (makers[variant] as () => Promise<Set>)()
        for (let n = 0; n < count; n++) await set(`job-${n}`)
        kept = set
        return (Calls.heap() - before) / count
      },
      regions: async ({ count }: { readonly count: number }) => {
        const runtime = ManagedRuntime.make(
          HybridCache.layer().pipe(
            Layer.provide([RedisCache.layer(), MemoryCache.layer()]),
            Layer.provide(Redis.layer({ url }))
          )
        )
        const make = async (n: number) => {
          const made = await runtime.runPromise(Cache.region({ ...region, name: `jobs-${n}` }))
          await runtime.runPromise(made.set("job-1", value))
          return made
        }
        await make(count)
        const before = Calls.heap()
        const regions: Array<unknown> = []
        for (let n = 0; n < count; n++) regions.push(await make(n))
        kept = [kept, regions]
        return (Calls.heap() - before) / count
      }
    }
  }
}
