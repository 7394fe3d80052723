// It stands first because it has to be switched on before a schema is made.
import "effect/schema/SchemaJITCompiler/enable"
import { Effect, Layer, ManagedRuntime, Option, Schema, Scope } from "effect"
import { CircuitBreaker, Redis, RedisClient } from "effect-ioredis"
import { Cache, HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
import type { Contender, Make } from "../Contender.ts"
import * as EffectStore from "../EffectStore.ts"
import * as Job from "../Job.ts"
import { JobSchema } from "../JobSchema.ts"
import * as Workload from "../Workload.ts"

/*
 * What `bench:against` measures. Every commit since 802722f runs this one source, so it uses only names that all of them
 * have. Where commits differ it finds out at run time, in `openCircuit` and nowhere else.
 */

type Runtime = ManagedRuntime.ManagedRuntime<Cache.Cache | RedisClient.RedisClient, unknown>
type Jobs = Cache.Region<string, Job.Job>

const hybrid = (url: string) =>
  HybridCache.layer().pipe(
    Layer.provide([RedisCache.layer(), MemoryCache.layer()]),
    Layer.provideMerge(Redis.layer({ url }))
  )

const jobs = Cache.region({
  name: "jobs",
  version: 1,
  key: Schema.String,
  value: JobSchema,
  timeToLive: Workload.timeToLive
})

const storeOf = (region: Jobs, outcome: Cache.WriteOutcome) => ({
  get: region.get,
  set: (key: string, job: Job.Job) => region.set(key, job),
  getMany: region.getMany,
  getOrSet: region.getOrSet,
  jobOf: Option.getOrUndefined,
  isApplied: (written: Cache.WriteOutcome) => written === outcome
})

/** Opens the circuit for good: no probe and no health check closes it while rounds run. */
const openCircuit = async (runtime: Runtime): Promise<void> => {
  const client: object = await runtime.runPromise(RedisClient.RedisClient)
  // A client of one server has one circuit. Commits keep it at the client or at its node.
  const { breaker, node } = client as Partial<Record<"breaker" | "node", Partial<CircuitBreaker.CircuitBreaker>>>
  const isolate = breaker?.isolate ?? (node as { readonly breaker?: typeof breaker } | undefined)?.breaker?.isolate
  if (isolate === undefined) throw new Error("this commit's circuit cannot be opened; see contenders/against.ts")
  await runtime.runPromise(isolate)
}

const count = 500
const keys = Array.from({ length: count }, (_, index) => `job-${(index * 7919) % count}`)

/** Reads of so few keys that all of them are in memory, one after the other. */
const readMemory = async (
  runtime: ManagedRuntime.ManagedRuntime<Cache.Cache, unknown>,
  region: Jobs,
  beforeReading: () => Promise<void>
): Promise<Contender> => {
  for (const key of keys) await runtime.runPromise(region.set(key, Job.make(key, "200 B")))
  await beforeReading()
  return {
    prepare: async () =>
      EffectStore.inFibers(
        (effect) => runtime.runPromise(effect),
        1,
        () => {
          let key = ""
          return {
            body: (n) => {
              key = keys[n % count] as string
              return region.get(key)
            },
            step: (found: Option.Option<Job.Job>) => {
              if (Option.getOrUndefined(found)?.id !== key) throw new Error(`${key} is wrong`)
            }
          }
        }
      )
  }
}

const makers: Record<string, (url: string) => Promise<Contender>> = {
  region: async (url) => {
    const runtime = ManagedRuntime.make(hybrid(url))
    return EffectStore.contender(runtime, storeOf(await runtime.runPromise(jobs), "Applied"))
  },
  client: async (url) => {
    const runtime = ManagedRuntime.make(Redis.layer({ url }))
    const client = await runtime.runPromise(RedisClient.RedisClient)
    const text = "x".repeat(100)
    const keys = Workload.keys("200 B")
    const keyOf = (n: number) => keys[n % keys.length] as string
    const get = {
      body: (n: number) => client.get(keyOf(n)),
      step: (found: Option.Option<string>) => {
        if (Option.getOrUndefined(found) !== text) throw new Error("a read was not a hit")
      }
    }
    const set = {
      body: (n: number) => client.set(keyOf(n), text),
      step: (isSet: boolean) => {
        if (!isSet) throw new Error("a write was not applied")
      }
    }
    const run = (effect: Effect.Effect<void, unknown>) => runtime.runPromise(effect)
    await EffectStore.inFibers(run, 32, () => set)(keys.length)
    return {
      prepare: async ({ inFlight, operation }) =>
        EffectStore.inFibers(run, inFlight, () => (operation === "get" ? get : set))
    }
  },
  memory: async () => {
    const runtime = ManagedRuntime.make(MemoryCache.layerCache)
    return readMemory(runtime, await runtime.runPromise(jobs), async () => {})
  },
  open: async (url) => {
    const runtime = ManagedRuntime.make(hybrid(url))
    return readMemory(runtime, await runtime.runPromise(jobs), () => openCircuit(runtime))
  },
  /** Writes of 5,000 keys, all of which stay in the journal. */
  openSet: async (url) => {
    const runtime = ManagedRuntime.make(hybrid(url))
    const region = await runtime.runPromise(jobs)
    await openCircuit(runtime)
    return EffectStore.contender(runtime, storeOf(region, "Deferred"))
  },
  breaker: async () => {
    const breaker = await Effect.runPromise(Scope.provide(CircuitBreaker.make({ name: "bench" }), Scope.makeUnsafe()))
    const answer = Effect.succeed("answer")
    return {
      prepare: async () =>
        EffectStore.inFibers(Effect.runPromise, 1, () => ({
          body: () => breaker.execute(answer),
          step: (got) => {
            if (got !== "answer") throw new Error(`${got}, not the answer`)
          }
        }))
    }
  }
}

/** One of the cells of `bench:against`, named by the variant. */
export const make: Make = async ({ url, variant = "region" }) => {
  const maker = makers[variant]
  if (maker === undefined) throw new Error(`nothing to measure is called ${variant}`)
  return maker(url)
}
