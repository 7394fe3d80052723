import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Schema } from "effect"
import { RedisClient } from "effect-ioredis"
import { Cache, HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
import { scripts } from "effect-ioredis-cache/testing"
import { SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"

// The README's composition.
const layerSimulated = (options?: SimulatedRedis.Options) =>
  HybridCache.layer().pipe(
    Layer.provide([RedisCache.layer(), MemoryCache.layer()]),
    Layer.provide(RedisClient.layer({ closeTimeout: 0 })),
    Layer.provideMerge(SimulatedRedis.layer({ scripts, ...options }))
  )

const users = Cache.region({ name: "users", version: 1, key: Schema.Int, value: Schema.String })

describe("A cache on a simulated Redis, under TestClock", () => {
  it.effect("runs a lookup that sleeps by one adjust, once Redis has answered the read before it", () =>
    Effect.gen(function* () {
      const region = yield* users
      const lookup = Effect.as(Effect.sleep("100 millis"), "ada")
      const fiber = yield* Effect.forkChild(region.getOrSet(1, lookup))
      yield* TestClock.adjust(0)
      yield* TestClock.adjust("99 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* Fiber.join(fiber), "ada")
    }).pipe(Effect.provide(layerSimulated()))
  )

  it.effect("is built under latency by a fiber of its own, while the clock moves", () =>
    Effect.gen(function* () {
      const building = yield* Effect.forkChild(Layer.build(layerSimulated({ latency: "30 millis" })))
      yield* TestClock.adjust("29 millis")
      assert.isUndefined(building.pollUnsafe())
      yield* TestClock.adjust("1 second")
      const context = yield* Fiber.join(building)
      const region = yield* Effect.provide(users, context)
      const setting = yield* Effect.forkChild(region.set(1, "ada"))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(setting), "Applied")
    }).pipe(Effect.scoped)
  )
})
