import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Clock, ConfigProvider, Duration, Effect, Fiber, Layer, Option, Random, Schema } from "effect"
import { RedisClient, RuntimeSettings } from "effect-ioredis"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { Cache, HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
import { scripts } from "effect-ioredis-cache/testing"
import { TaskQueue } from "effect-ioredis-tasks"
import { TestClock } from "effect/testing"
import { quiet } from "../suites/cacheLayers.ts"
import * as simulatedQueue from "../effect-ioredis-tasks/simulatedQueue.ts"

// Options are handed on from one part to the next. Each of these was dropped, or had another meaning, on one of the ways.

const definition = { name: "users", version: 1, key: Schema.String, value: Schema.String } as const

const both = (client: RedisClient.Options) =>
  HybridCache.layer().pipe(
    Layer.provideMerge([RedisCache.layer(), MemoryCache.layer()]),
    Layer.provideMerge(RedisClient.layer({ closeTimeout: 0, ...client, requireReady: false })),
    Layer.provideMerge(SimulatedRedis.layer({ scripts })),
    Layer.provideMerge(quiet)
  )

const regions = Effect.gen(function* () {
  const strict = yield* (yield* RedisCache.RedisCache).region({ ...definition, name: "strict" })
  const hybrid = yield* (yield* Cache.Cache).region({ ...definition, name: "hybrid" })
  return { strict, hybrid }
})

describe("timeToLive", () => {
  for (const which of ["hybrid", "strict"] as const) {
    it.effect(`of the client's profile is that of a ${which} cache that says none`, () =>
      Effect.gen(function* () {
        const region = (yield* regions)[which]
        yield* region.set("ada", "1")
        const left = Option.getOrThrow(yield* region.timeToLive("ada"))
        assert.isAtMost(Duration.toMillis(left), 60_000)
      }).pipe(Effect.provide(both({ profile: "development" })))
    )
  }
})

describe("jitter", () => {
  const middle = { nextDoubleUnsafe: () => 0.5, nextIntUnsafe: () => 0 }
  for (const how of ["set", "touch"] as const) {
    it.effect(`shortens the life that a ${how} gives`, () =>
      Effect.gen(function* () {
        const region = yield* Cache.region({ ...definition, jitter: 1, timeToLive: "10 minutes" })
        yield* region.set("ada", "1", how === "touch" ? { timeToLive: "1 minute" } : undefined)
        if (how === "touch") yield* region.touch("ada")
        const left = Option.getOrThrow(yield* region.timeToLive("ada"))
        assert.isAtMost(Duration.toMillis(left), 360_000)
      }).pipe(
        Effect.provide(MemoryCache.layerCacheWith()),
        Effect.provideService(Random.Random, middle),
        Effect.provide(quiet)
      )
    )
  }
})

describe("patience of a queue", () => {
  it.effect("bounds the first offer, for which the server does not know the script", () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      const server = yield* SimulatedRedis.SimulatedRedis
      yield* TestClock.adjust("1 second")
      yield* server.inject(Fault.delay("600 millis"))
      const began = yield* Clock.currentTimeMillis
      const fiber = yield* Effect.forkChild(queue.offer(simulatedQueue.Work, { n: 1 }), { startImmediately: true })
      for (let step = 0; step < 100 && fiber.pollUnsafe() === undefined; step++) yield* TestClock.adjust("50 millis")
      yield* Fiber.join(fiber)
      assert.isAtMost((yield* Clock.currentTimeMillis) - began, 1050)
    }).pipe(Effect.provide(simulatedQueue.layer({}, quiet)))
  )
})

describe("the prefix of RuntimeSettings.layerFromEnv", () => {
  it.effect("is part of the name of a variable that does not fit", () =>
    Effect.gen(function* () {
      const layer = RuntimeSettings.layerFromEnv({ prefix: "SESSIONS" }).pipe(Layer.provide(NodeServices.layer))
      const error = yield* Effect.flip(Effect.scoped(Layer.build(layer)))
      assert.include(error.message, "SESSIONS_REDIS_SETTINGS")
    }).pipe(
      Effect.provideService(
        ConfigProvider.ConfigProvider,
        ConfigProvider.fromUnknown({ SESSIONS_REDIS_SETTINGS: "{", SESSIONS: { REDIS_SETTINGS: "{" } })
      )
    )
  )
})
