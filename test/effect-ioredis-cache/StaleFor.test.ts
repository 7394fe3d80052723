import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Schema } from "effect"
import { RedisClient, RedisCommand } from "effect-ioredis"
import { Cache } from "effect-ioredis-cache"
import { SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { layerProcess, layerSimulated } from "../suites/cacheLayers.ts"

// What memory knows of a value's life is not undone by what Redis says of it.

const region = Cache.region({
  name: "texts",
  version: 1,
  key: Schema.String,
  value: Schema.String,
  timeToLive: "10 seconds",
  staleFor: "1 minute"
})

const failing = Effect.fail("the lookup failed")

/** From here on Redis is not asked, and no time passes in finding that out. */
const isolate = Effect.flatMap(RedisClient.RedisClient, ({ breaker }) => breaker.isolate)

const otherProcess = Effect.flatMap(Layer.build(Layer.fresh(layerProcess())), (context) =>
  Effect.provideContext(region, context)
)

describe("staleFor and the life of a fallback", () => {
  for (const skew of [5, 5000]) {
    it.effect(
      `a value that expires in Redis ${skew} ms before it does in memory is still served when its lookup fails`,
      () =>
        Effect.gen(function* () {
          const cache = yield* region
          const server = yield* SimulatedRedis.SimulatedRedis
          yield* cache.set("a", "1")
          yield* server.execute(RedisCommand.make("PEXPIRE", ["cache:texts:v1:=a", 10_000 - skew]))
          yield* TestClock.adjust(10_000 - skew)
          assert.deepStrictEqual(yield* cache.get("a"), Option.none())
          assert.strictEqual(yield* cache.getOrSet("a", failing), "1")
          yield* TestClock.adjust(59_999)
          assert.strictEqual(yield* cache.getOrSet("a", failing), "1")
          yield* TestClock.adjust(skew + 1)
          assert.strictEqual(yield* Effect.flip(cache.getOrSet("a", failing)), "the lookup failed")
        }).pipe(Effect.provide(layerSimulated()))
    )
  }

  it.effect("what Redis did not have is not served in its place afterwards", () =>
    Effect.gen(function* () {
      const cache = yield* region
      yield* cache.set("a", "1")
      yield* (yield* otherProcess).remove("a")
      assert.deepStrictEqual(yield* cache.get("a"), Option.none())
      yield* isolate
      assert.deepStrictEqual(yield* cache.get("a"), Option.none())
    }).pipe(Effect.provide(layerSimulated()), Effect.scoped)
  )

  it.effect("a read does not shorten the life that a write gave", () =>
    Effect.gen(function* () {
      const cache = yield* region
      yield* cache.set("a", "1", { timeToLive: "1 hour" })
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* cache.get("a"), Option.some("1"))
      yield* isolate
      yield* TestClock.adjust("58 minutes")
      assert.deepStrictEqual(yield* cache.get("a"), Option.some("1"))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* cache.get("a"), Option.none())
    }).pipe(Effect.provide(layerSimulated()))
  )

  it.effect("a read takes over the shorter life of what another process wrote", () =>
    Effect.gen(function* () {
      const cache = yield* region
      yield* cache.set("a", "1", { timeToLive: "1 hour" })
      yield* (yield* otherProcess).set("a", "2", { timeToLive: "2 seconds" })
      assert.deepStrictEqual(yield* cache.get("a"), Option.some("2"))
      yield* isolate
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(yield* cache.get("a"), Option.none())
    }).pipe(Effect.provide(layerSimulated()), Effect.scoped)
  )
})
