import { assert, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Layer, Schema } from "effect"
import { RedisClient } from "effect-ioredis"
import { Cache, HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
import { scripts } from "effect-ioredis-cache/testing"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"

const Simulated = HybridCache.layer().pipe(
  Layer.provide([RedisCache.layer(), MemoryCache.layer()]),
  Layer.provide(RedisClient.layer()),
  Layer.provideMerge(SimulatedRedis.layer({ scripts }))
)

const commandTimeout = 2_000

// With replies that take a moment, the stall rule watches the connection already when it falls silent.
for (const frozenAt of [2_010, 3_500])
  it.effect(`nobody waits for a Redis that has been silent for commandTimeout, frozen at ${frozenAt} ms`, () =>
    Effect.gen(function* () {
      const redis = yield* SimulatedRedis.SimulatedRedis
      const users = yield* Cache.region({ name: "users", version: 1, key: Schema.Int, value: Schema.String })
      yield* users.set(1, "ada")
      yield* redis.inject(Fault.delay("15 millis"))
      const startedAt = yield* Clock.currentTimeMillis
      const slow: Array<number> = []
      const read = Effect.gen(function* () {
        const at = yield* Clock.currentTimeMillis
        yield* users.get(1)
        if ((yield* Clock.currentTimeMillis) - at > 100) slow.push(at - startedAt)
        yield* Effect.sleep("40 millis")
      })
      const reader = Effect.forever(read)
      const readers = yield* Effect.forkChild(Effect.all([reader, reader, reader], { concurrency: "unbounded" }))

      yield* TestClock.adjust(frozenAt)
      yield* redis.inject(Fault.freeze)
      yield* TestClock.adjust("6 seconds")
      assert.isAbove(slow.length, 0)
      assert.deepStrictEqual(
        slow.filter((at) => at > frozenAt + commandTimeout),
        []
      )
      yield* Fiber.interrupt(readers)
      yield* redis.heal
      yield* TestClock.adjust("10 seconds")
    }).pipe(Effect.provide(Simulated))
  )
