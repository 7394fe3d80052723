import { Cache as EffectCache, Effect, Layer, ManagedRuntime, Option } from "effect"
import { Redis, RedisClient } from "effect-ioredis"
import { Cache, HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
import type { Contender, Make } from "./Contender.ts"
import * as EffectStore from "./EffectStore.ts"
import * as Job from "./Job.ts"
import { region } from "./Ours.ts"

const count = 500
const keys = Array.from({ length: count }, (_, index) => `job-${(index * 7919) % count}`)
const jobs = keys.map((key) => Job.make(key, "200 B"))

interface Store {
  readonly get: (key: string) => Effect.Effect<unknown>
  readonly set: (key: string, job: Job.Job) => Effect.Effect<unknown>
  readonly jobOf: (found: unknown) => Job.Job | undefined
  readonly outcome: unknown
}

const contender = <R>(
  runtime: ManagedRuntime.ManagedRuntime<R, unknown>,
  store: Store,
  tasks: Contender["tasks"] = {}
): Contender => ({
  prepare: async ({ operation }) => {
    const run = (effect: Effect.Effect<void, unknown>) => runtime.runPromise(effect)
    if (operation === "set") {
      return EffectStore.inFibers(run, 1, () => ({
        body: (n) => store.set(keys[n % count] as string, jobs[n % count] as Job.Job),
        step: (outcome) => {
          if (outcome !== store.outcome) throw new Error(`a write was ${outcome}, not ${store.outcome}`)
        }
      }))
    }
    return EffectStore.inFibers(run, 1, () => {
      let key = ""
      return {
        body: (n) => {
          key = keys[n % count] as string
          return store.get(key)
        },
        step: (found) => {
          if (store.jobOf(found)?.id !== key) throw new Error(`${key} is wrong`)
        }
      }
    })
  },
  tasks: {
    fill: async () => {
      for (const [n, key] of keys.entries()) await runtime.runPromise(store.set(key, jobs[n] as Job.Job))
    },
    ...tasks
  },
  close: () => runtime.dispose()
})

const ofRegion = (jobs: Cache.Region<string, Job.Job>, outcome: Cache.WriteOutcome): Store => ({
  get: jobs.get,
  set: jobs.set,
  jobOf: (found) => Option.getOrUndefined(found as Option.Option<Job.Job>),
  outcome
})

/**
 * A hit in the memory of this process. Variants: `effect`, Effect's own `Cache`; `ours`, `MemoryCache.layerCache`; `open`, `HybridCache` with
 * its circuit open, where memory and the journal stand in for Redis.
 */
export const make: Make = async ({ url, variant }) => {
  switch (variant) {
    case "effect": {
      const lookup = (key: string) => Effect.sync(() => Job.make(key, "200 B"))
      const runtime = ManagedRuntime.make(Layer.empty)
      const cache = await runtime.runPromise(EffectCache.make({ capacity: 1000, timeToLive: "5 minutes", lookup }))
      return contender(runtime, {
        get: (key) => EffectCache.get(cache, key),
        set: (key, job) => EffectCache.set(cache, key, job),
        jobOf: (found) => found as Job.Job,
        outcome: undefined
      })
    }
    case "open": {
      const runtime = ManagedRuntime.make(
        HybridCache.layer().pipe(
          Layer.provide([RedisCache.layer(), MemoryCache.layer()]),
          Layer.provideMerge(Redis.layer({ url }))
        )
      )
      const jobs = await runtime.runPromise(Cache.region(region))
      // Until it is reset: no probe and no health check ends it while rounds run.
      const isolate = async () => {
        await runtime.runPromise(Effect.flatMap(RedisClient.RedisClient, ({ breaker }) => breaker.isolate))
      }
      return contender(runtime, ofRegion(jobs, "Deferred"), { isolate })
    }
    default: {
      const runtime = ManagedRuntime.make(MemoryCache.layerCache)
      const jobs = await runtime.runPromise(Cache.region(region))
      return contender(runtime, ofRegion(jobs, "Applied"), {})
    }
  }
}
