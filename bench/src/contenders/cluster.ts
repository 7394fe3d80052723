import "effect/schema/SchemaJITCompiler/enable"
import { Layer, ManagedRuntime, Option } from "effect"
import { Redis, RedisClient } from "effect-ioredis"
import { Cache, HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
import { Cluster } from "ioredis"
import type { Contender, Environment, Make } from "../Contender.ts"
import * as EffectStore from "../EffectStore.ts"
import type { Job } from "../Job.ts"
import { region } from "../Ours.ts"
import * as PromiseStore from "../PromiseStore.ts"
import { timeToLive } from "../Workload.ts"

/** The driver's own cluster with JSON. A command of keys of several slots is refused, so that `getMany` is many gets. */
const ofDriver = async ({ port, variant }: Environment): Promise<Contender> => {
  const redis = new Cluster([{ host: "127.0.0.1", port }], { enableAutoPipelining: variant === "autoPipelining" })
  redis.on("error", () => {})
  const prefix = `cluster-${variant}:`
  const get = async (key: string): Promise<Job | undefined> => {
    const text = await redis.get(prefix + key)
    return text === null ? undefined : JSON.parse(text)
  }
  return PromiseStore.contender({
    get,
    set: async (key, job) => (await redis.set(prefix + key, JSON.stringify(job), "PX", timeToLive)) === "OK",
    getMany: (keys) => Promise.all(keys.map(get)),
    close: () => redis.quit()
  })
}

const redis = ({ port }: Environment) => Redis.layer({ cluster: [{ host: "127.0.0.1", port }] })

/** Our client with JSON, as the driver has it, but with deadline, retry, breaker and metrics. */
const ofClient = async (environment: Environment): Promise<Contender> => {
  const runtime = ManagedRuntime.make(redis(environment))
  const client = await runtime.runPromise(RedisClient.RedisClient)
  const prefix = "cluster-client:"
  return EffectStore.contender(runtime, {
    get: (key) => client.get(prefix + key),
    set: (key, job) => client.set(prefix + key, JSON.stringify(job), { timeToLive }),
    getMany: (keys) => client.mget(keys.map((key) => prefix + key)),
    jobOf: (text) => (Option.isSome(text) ? (JSON.parse(text.value) as Job) : undefined),
    isApplied: (isSet) => isSet
  })
}

/** A region of `HybridCache` as it is by default. */
const ofRegion = async (environment: Environment): Promise<Contender> => {
  const layer = HybridCache.layer().pipe(
    Layer.provide([RedisCache.layer({ prefix: "cluster-region" }), MemoryCache.layer()]),
    Layer.provide(redis(environment))
  )
  const runtime = ManagedRuntime.make(layer)
  const jobs = await runtime.runPromise(Cache.region(region))
  return EffectStore.contender(runtime, {
    get: jobs.get,
    set: (key: string, job: Job) => jobs.set(key, job),
    getMany: jobs.getMany,
    jobOf: Option.getOrUndefined,
    isApplied: (outcome: Cache.WriteOutcome) => outcome === "Applied"
  })
}

/** On a cluster. Variants: `client` and `region` are ours; `ioredis` and `autoPipelining` the driver's own. */
export const make: Make = (environment) => {
  if (environment.variant === "client") return ofClient(environment)
  return environment.variant === "region" ? ofRegion(environment) : ofDriver(environment)
}
