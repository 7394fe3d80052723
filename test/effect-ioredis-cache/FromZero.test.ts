import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Metric, Schema } from "effect"
import { RedisClient } from "effect-ioredis"
import { Cache, HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
import { SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { layerSimulated } from "../suites/cacheLayers.ts"

const alone = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => Effect.provideService(effect, Metric.MetricRegistry, new Map()))

/** The counts of a metric, by the values of a label. */
const counts = (id: string, label: string) =>
  Effect.map(Metric.snapshot, (all) =>
    Object.fromEntries(
      all.flatMap((metric) =>
        metric.id === id && metric.type === "Counter"
          ? [[metric.attributes?.[label] ?? "", Number(metric.state.count)] as const]
          : []
      )
    )
  )

const texts = { name: "texts", version: 1, key: Schema.String, value: Schema.String }

describe("what is rare", () => {
  it.effect("is counted from zero on, so that an alert sees it grow", () =>
    Effect.gen(function* () {
      yield* Cache.region(texts)
      yield* TestClock.adjust("1 second")
      const failed = yield* counts("redis.client.connection.events", "redis.client.connection.reason")
      for (const reason of ["Auth", "Login", "Refused", "Timeout", "Tls", "TooManyClients"]) {
        assert.strictEqual(failed[reason], 0, reason)
      }
      assert.deepStrictEqual(yield* counts("redis.client.circuit.rejections", "redis.client.name"), { redis: 0 })
      assert.strictEqual((yield* counts("redis.client.circuit.transitions", "redis.client.circuit.to")).Open, 0)
      assert.deepStrictEqual(yield* counts("redis.client.subscription.gaps", "redis.client.gap.reason"), {
        Reconnected: 0,
        Overflow: 0,
        SlotMoved: 0
      })
      const lookups = { success: 0, failure: 0 }
      assert.deepStrictEqual(yield* counts("cache.lookups", "cache.result"), lookups)
      for (const id of ["cache.unreadable", "cache.stale", "cache.lookups.shared", "cache.tags.misses"]) {
        assert.deepStrictEqual(yield* counts(id, "cache.region"), { texts: 0 }, id)
      }
      const replays = { confirmed: 0, refused: 0, failed: 0, superseded: 0 }
      assert.deepStrictEqual(yield* counts("cache.journal.replays", "cache.result"), replays)
      assert.deepStrictEqual(yield* counts("cache.journal.overflows", "cache.name"), { redis: 0 })
      assert.deepStrictEqual(yield* counts("cache.memory.evictions", "cache.name"), { memory: 0 })
    }).pipe(Effect.provide(layerSimulated()), alone)
  )

  it.effect("retries of an operation are, from its first attempt on", () =>
    Effect.gen(function* () {
      const redis = yield* RedisClient.RedisClient
      yield* TestClock.adjust("1 second")
      yield* redis.get("a")
      assert.strictEqual((yield* counts("redis.client.retries", "db.operation.name")).GET, 0)
    }).pipe(Effect.provide(layerSimulated()), alone)
  )
})

describe("patience", () => {
  it.effect("is shown, the shortest of those who share a client", () =>
    Effect.gen(function* () {
      const redis = RedisClient.layer().pipe(Layer.provide(SimulatedRedis.layer()))
      const context = yield* Layer.build(redis)
      const open = (prefix: string, patience: number) =>
        HybridCache.layer({ patience }).pipe(
          Layer.provide([RedisCache.layer({ prefix }), MemoryCache.layer()]),
          Layer.build,
          Effect.provideContext(context)
        )
      yield* open("one", 700)
      yield* open("two", 300)
      const all = yield* Metric.snapshot
      const found = all.flatMap((metric) =>
        metric.id === "cache.patience" && metric.type === "Gauge" ? [metric.state.value] : []
      )
      assert.deepStrictEqual(found, [0.3])
    }).pipe(alone)
  )
})
