import { assert, describe, it } from "@effect/vitest"
import { Cause, Config, Effect, Exit, Layer, Logger, Schema } from "effect"
import { RedisClient } from "effect-ioredis"
import * as Health from "effect-ioredis/Health"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { Cache, HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
import * as CacheHealth from "effect-ioredis-cache/CacheHealth"
import { TestClock } from "effect/testing"

const layer = (journal: HybridCache.Options["journal"]) =>
  HybridCache.layer({ journal }).pipe(
    Layer.provide([RedisCache.layer(), MemoryCache.layer()]),
    Layer.provideMerge(RedisClient.layer({ closeTimeout: 0 })),
    Layer.provideMerge(SimulatedRedis.layer()),
    Layer.provideMerge(Logger.layer([]))
  )

const texts = { name: "texts", version: 1, key: Schema.Int, value: Schema.String }

const conditionOf = (health: Health.Health) => Effect.map(health.check, ({ parts }) => parts[0]?.condition)

describe("CacheHealth", () => {
  for (const [what, journal, values] of [
    ["entries", { maxEntries: 10 }, Array.from({ length: 8 }, () => "short")],
    ["bytes", { maxBytes: 1000 }, ["x".repeat(820)]]
  ] as const) {
    it.effect(`says that the journal is nearly full of ${what}, and that it no longer is`, () =>
      Effect.gen(function* () {
        const server = yield* SimulatedRedis.SimulatedRedis
        const { breaker } = yield* RedisClient.RedisClient
        const region = yield* Cache.region(texts)
        const health = yield* Health.make([CacheHealth.journal()])
        yield* TestClock.adjust("1 second")
        yield* server.inject(Fault.refuse)
        yield* breaker.trip
        for (const [key, value] of values.slice(1).entries()) yield* region.set(key, value)
        assert.deepStrictEqual(yield* conditionOf(health), Health.up)
        yield* region.set(100, values[0] ?? "")
        assert.deepInclude(yield* conditionOf(health), { _tag: "Degraded", cause: "AlmostFull" })
        assert.strictEqual((yield* health.report).status, "degraded")
        const later = yield* Health.make([CacheHealth.journal({ limit: 0.9, critical: true })])
        assert.strictEqual((yield* later.check).status, "healthy")
        yield* server.heal
        yield* breaker.reset
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(yield* conditionOf(health), Health.up)
      }).pipe(Effect.scoped, Effect.provide(layer(journal)))
    )
  }

  it.effect("refuses a limit that makes no sense", () =>
    Effect.gen(function* () {
      for (const limit of [0, 80, Number.NaN]) {
        const exit = yield* Effect.exit(CacheHealth.journal({ limit }))
        const defect = Exit.isFailure(exit) && Cause.hasDies(exit.cause) ? Cause.squash(exit.cause) : undefined
        assert.instanceOf(defect, Config.ConfigError)
        assert.include(defect.message, `limit is ${limit}: expected a share above 0 and up to 1`)
      }
      yield* CacheHealth.journal({ limit: 1 })
    }).pipe(Effect.scoped, Effect.provide(layer({})))
  )

  it.effect("says that near regions do not hear of writes, and why where the server said so", () =>
    Effect.gen(function* () {
      const server = yield* SimulatedRedis.SimulatedRedis
      const health = yield* Health.make([CacheHealth.near()])
      assert.deepStrictEqual(yield* conditionOf(health), Health.up)
      yield* server.inject(Fault.error("NOPERM", { commands: ["CLIENT TRACKING"] }))
      yield* Cache.region({ ...texts, near: { maxStaleness: "2 seconds" } })
      yield* TestClock.adjust("1 second")
      const refused = yield* conditionOf(health)
      assert.deepInclude(refused, { _tag: "Degraded", cause: "NotPermitted" })
      assert.include(refused?._tag === "Degraded" ? refused.reason : "", "+client|tracking")
      yield* server.heal
      yield* (yield* RedisClient.RedisClient).reconnect
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* conditionOf(health), Health.up)
      yield* server.inject(Fault.refuse)
      yield* TestClock.adjust("1 second")
      assert.deepInclude(yield* conditionOf(health), { _tag: "Degraded", cause: "NotHeard" })
      yield* server.heal
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* conditionOf(health), Health.up)
    }).pipe(Effect.scoped, Effect.provide(layer(undefined)))
  )

  it.effect("has nothing to say of a cache on memory alone", () =>
    Effect.gen(function* () {
      const health = yield* Health.make([CacheHealth.journal(), CacheHealth.near()])
      assert.strictEqual((yield* health.check).status, "healthy")
    }).pipe(Effect.scoped, Effect.provide(MemoryCache.layerCache))
  )
})
