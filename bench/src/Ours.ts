import { Effect, Layer, ManagedRuntime, Option, Schedule, Schema, Tracer } from "effect"
import { Redis } from "effect-ioredis"
import { Cache, HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
import type { Make } from "./Contender.ts"
import * as EffectStore from "./EffectStore.ts"
import type { Job } from "./Job.ts"
import { JobSchema } from "./JobSchema.ts"
import * as NearTasks from "./NearTasks.ts"
import { timeToLive } from "./Workload.ts"

/** Spans are made, with all they say, and thrown away when they end. */
const tracer = Tracer.make({ span: (options) => new Tracer.NativeSpan(options) })

export const make: Make = async ({ maxEntries, url, variant }) => {
  const maxConnections = variant === "fourConnections" ? 4 : 1
  const layer = HybridCache.layer().pipe(
    Layer.provide([RedisCache.layer({ prefix: `ours-${variant}` }), MemoryCache.layer({ maxEntries })]),
    Layer.provide(Redis.layer({ url, maxConnections })),
    Layer.provideMerge(variant === "tracing" ? Layer.succeed(Tracer.Tracer, tracer) : Layer.empty)
  )
  const runtime = ManagedRuntime.make(layer)
  const jobs = await runtime.runPromise(
    Cache.region(variant === "near" ? { ...region, near: { maxStaleness: "2 seconds" } } : region)
  )
  const tasks = {
    ...NearTasks.make(runtime, jobs),
    /** Nothing is left in memory and journal. */
    empty: () =>
      runtime.runPromise(
        jobs.clear.pipe(
          Effect.repeat({ until: (outcome) => outcome === "Applied", schedule: Schedule.spaced("50 millis") })
        )
      )
  }
  const store = {
    get: jobs.get,
    set: (key: string, job: Job) => jobs.set(key, job),
    getMany: jobs.getMany,
    getOrSet: jobs.getOrSet,
    jobOf: Option.getOrUndefined,
    isApplied: (outcome: Cache.WriteOutcome) => outcome === "Applied"
  }
  return EffectStore.contender(runtime, store, tasks)
}

export const region = { name: "jobs", version: 1, key: Schema.String, value: JobSchema, timeToLive }
