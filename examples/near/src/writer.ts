import { NodeRuntime } from "@effect/platform-node"
import { Effect, Schedule } from "effect"
import { Cache, HybridCache } from "effect-ioredis-cache"
import { now, Price, region } from "./Price.ts"

// Fifty new prices a second, until the process is told to end.
const program = Effect.gen(function* () {
  const prices = yield* Cache.region(region)
  let revision = 0
  const write = Effect.suspend(() => prices.set("apple", new Price({ revision: ++revision, writtenAt: now() })))
  yield* Effect.repeat(write, Schedule.spaced("20 millis"))
})

program.pipe(Effect.provide(HybridCache.layerFromEnv()), NodeRuntime.runMain)
