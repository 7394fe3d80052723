import { Effect, ManagedRuntime, Option, Result } from "effect"
import { Redis, RedisClient } from "effect-ioredis"
import { Strings } from "effect-ioredis/commands"
import { Redis as Driver } from "ioredis"
import type { Contender, Environment, Make } from "../Contender.ts"
import * as EffectStore from "../EffectStore.ts"
import type { Job } from "../Job.ts"
import * as PromiseStore from "../PromiseStore.ts"
import { timeToLive } from "../Workload.ts"

/** The driver's pipeline, and what it answers read by hand. */
const ofDriver = async ({ url }: Environment): Promise<Contender> => {
  const redis = new Driver(url, { lazyConnect: true })
  redis.on("error", () => {})
  await redis.connect()
  const prefix = "pipeline-ioredis:"
  const jobOf = (text: unknown): Job | undefined => (typeof text === "string" ? JSON.parse(text) : undefined)
  return PromiseStore.contender({
    get: async (key) => jobOf(await redis.get(prefix + key)),
    set: async (key, job) => (await redis.set(prefix + key, JSON.stringify(job), "PX", timeToLive)) === "OK",
    getMany: async (keys) => {
      const pipeline = redis.pipeline()
      for (const key of keys) pipeline.get(prefix + key)
      const replies = (await pipeline.exec()) ?? []
      return replies.map(([error, text]) => (error === null ? jobOf(text) : undefined))
    },
    close: () => redis.quit()
  })
}

/** Typed commands in a pipeline, with deadline, retry, breaker and metrics, and a result for each. */
const ofClient = async ({ url }: Environment): Promise<Contender> => {
  const runtime = ManagedRuntime.make(Redis.layer({ url }))
  const client = await runtime.runPromise(RedisClient.RedisClient)
  const prefix = "pipeline-typed:"
  return EffectStore.contender(runtime, {
    get: (key) => Effect.result(client.get(prefix + key)),
    set: (key, job) => client.set(prefix + key, JSON.stringify(job), { timeToLive }),
    getMany: (keys) => client.pipeline(keys.map((key) => Strings.get(prefix + key))),
    jobOf: (answer) => {
      const text = Result.getOrElse(answer, () => Option.none<string>())
      return Option.isSome(text) ? (JSON.parse(text.value) as Job) : undefined
    },
    isApplied: (isSet) => isSet
  })
}

/** Pipelines of many reads. Variants: `typed` is ours, `ioredis` the driver's. */
export const make: Make = (environment) =>
  environment.variant === "typed" ? ofClient(environment) : ofDriver(environment)
