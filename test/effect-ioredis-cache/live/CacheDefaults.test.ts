import { assert, describe, it } from "@effect/vitest"
import { Clock, Config, ConfigProvider, Duration, Effect, Exit, Fiber, Layer, Option, Schema } from "effect"
import { Redis, RedisClient, Settings } from "effect-ioredis"
import { Cache, HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
import { scripts } from "effect-ioredis-cache/testing"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { eventually, layerSimulated, quiet, Server, layerServer } from "../../suites/cacheLayers.ts"

const texts = { name: "texts", version: 1, key: Schema.String, value: Schema.String }

/** How long a set and its expiry take with what a layer says. */
const lives = (millis: number) =>
  Effect.gen(function* () {
    const cache = yield* Cache.region(texts)
    yield* cache.set("a", "1")
    yield* TestClock.adjust(millis - 1)
    assert.isTrue(yield* cache.has("a"))
    yield* TestClock.adjust(1)
    assert.isFalse(yield* cache.has("a"))
  })

const config = (settings: Readonly<Record<string, string>>) =>
  HybridCache.layerFromEnv().pipe(
    Layer.provideMerge(quiet),
    Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(settings)))
  )

describe("defaults", () => {
  it.effect("a value lives for 300 seconds, in Redis and in memory", () =>
    Effect.gen(function* () {
      yield* lives(300_000)
      const cache = yield* Cache.region(texts)
      yield* cache.set("a", "1")
      const { breaker } = yield* RedisClient.RedisClient
      yield* breaker.isolate
      yield* TestClock.adjust(299_999)
      assert.isTrue(yield* cache.has("a"))
      yield* TestClock.adjust(1)
      assert.isFalse(yield* cache.has("a"))
    }).pipe(Effect.provide(layerSimulated()))
  )

  it.effect("a value that is set while the circuit is open lives on the program's clock, not on that of sockets", () =>
    Effect.gen(function* () {
      const { breaker } = yield* RedisClient.RedisClient
      yield* breaker.isolate
      yield* lives(300_000)
    }).pipe(
      Effect.provide(
        HybridCache.layer().pipe(
          Layer.provide([RedisCache.layer(), MemoryCache.layer()]),
          Layer.provideMerge(Redis.layer({ url: "redis://127.0.0.1:1" })),
          Layer.provideMerge(quiet)
        )
      )
    )
  )

  it.effect("the same for memory alone and for the strict cache", () =>
    Effect.gen(function* () {
      yield* lives(300_000).pipe(Effect.provide(MemoryCache.layerCache))
      const strict = yield* (yield* RedisCache.RedisCache).region(texts)
      yield* strict.set("a", "1")
      const [entry] = (yield* (yield* SimulatedRedis.SimulatedRedis).entries).values()
      assert.strictEqual(entry?.expiresAt, 600_000)
    }).pipe(Effect.provide(layerSimulated({ timeToLive: "1 minute" })))
  )

  it.effect("a cache's own timeToLive is for the regions that name none", () =>
    lives(60_000).pipe(Effect.provide(layerSimulated({ timeToLive: "1 minute" })))
  )

  it.effect("the same for memory alone", () =>
    lives(60_000).pipe(Effect.provide(MemoryCache.layerCacheWith({ timeToLive: "1 minute" })))
  )

  it.effect("patience is 1 second", () =>
    Effect.gen(function* () {
      const cache = yield* Cache.region(texts)
      yield* (yield* SimulatedRedis.SimulatedRedis).inject(Fault.freeze)
      const startedAt = yield* Clock.currentTimeMillis
      const reading = yield* Effect.forkChild(cache.get("a"), { startImmediately: true })
      yield* TestClock.adjust(999)
      assert.isUndefined(reading.pollUnsafe())
      yield* TestClock.adjust(1)
      yield* Fiber.join(reading)
      assert.strictEqual((yield* Clock.currentTimeMillis) - startedAt, 1000)
    }).pipe(Effect.provide(layerSimulated()))
  )

  it.effect("memory holds 1,000 entries", () =>
    Effect.gen(function* () {
      const cache = yield* Cache.region(texts)
      const keys = Array.from({ length: 1001 }, (_, index) => `k${index}`)
      yield* cache.setMany(keys.map((key) => [key, "1"]))
      const found = yield* cache.getMany(keys)
      assert.strictEqual(found.filter(Option.isSome).length, 1000)
      assert.deepStrictEqual(found[0], Option.none())
    }).pipe(Effect.provide(MemoryCache.layerCache))
  )

  it.effect("keys begin with cache", () =>
    Effect.gen(function* () {
      const cache = yield* Cache.region(texts)
      yield* cache.set("a", "1")
      assert.deepStrictEqual([...(yield* (yield* SimulatedRedis.SimulatedRedis).entries).keys()], ["cache:texts:v1:=a"])
    }).pipe(Effect.provide(layerSimulated()))
  )

  it.effect("a value takes at most 8 MiB", () =>
    Effect.gen(function* () {
      const cache = yield* Cache.region(texts)
      const limit = 8 * 1024 * 1024
      // The quotes are counted.
      const around = `""`.length
      assert.strictEqual(yield* cache.set("a", "x".repeat(limit - around)), "Applied")
      assert.strictEqual(yield* cache.set("a", "x".repeat(limit - around + 1)), "Rejected")
      assert.isFalse(yield* cache.has("a"))
    }).pipe(Effect.provide(Layer.merge(MemoryCache.layerCache, quiet)))
  )
})

describe("HybridCache.layerConfig", () => {
  const layer = (options: Config.Wrap<HybridCache.Options>, settings: Readonly<Record<string, string>>) =>
    HybridCache.layerConfig(options).pipe(
      Layer.provide([RedisCache.layer(), MemoryCache.layer()]),
      Layer.provide(RedisClient.layer({ closeTimeout: 0 })),
      Layer.provide(SimulatedRedis.layer({ scripts })),
      Layer.provideMerge(quiet),
      Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(settings)))
    )

  it.effect("takes options of which each may be a Config", () =>
    lives(60_000).pipe(
      Effect.provide(
        layer({ timeToLive: Config.Duration("LIFE"), journal: { maxEntries: Config.succeed(5) } }, { LIFE: "1 minute" })
      )
    )
  )

  it.effect("takes one Config of all options", () =>
    lives(60_000).pipe(
      Effect.provide(
        layer(Settings.all({ timeToLive: Settings.duration("LIFE", { unit: "seconds", example: 1 }) }), { LIFE: "60" })
      )
    )
  )
})

describe("HybridCache.layerFromEnv", () => {
  it.live("takes CACHE_PREFIX, CACHE_TTL, CACHE_MAX_SIZE and CACHE_PATIENCE_MS", () =>
    Effect.gen(function* () {
      const server = yield* Server
      yield* Effect.gen(function* () {
        const cache = yield* Cache.region(texts)
        yield* eventually(Effect.map(cache.set("a", "1"), (outcome) => outcome === "Applied"))
        yield* cache.set("b", "1")
        yield* cache.set("c", "1")
        const life = Number(yield* server.cli("PTTL", "mine:texts:v1:=a"))
        assert.isTrue(life > 6000 && life <= 7000, `${life}`)
        yield* server.freeze
        const startedAt = performance.now()
        const found = yield* cache.getMany(["a", "b", "c"])
        const took = performance.now() - startedAt
        assert.isTrue(took >= 145 && took < 700, `${took}`)
        assert.deepStrictEqual(found.map(Option.isSome), [false, true, true])
      }).pipe(
        Effect.provide(
          config({
            REDIS_URL: server.url,
            CACHE_PREFIX: "mine",
            CACHE_TTL: "7",
            CACHE_MAX_SIZE: "2",
            CACHE_PATIENCE_MS: "150"
          })
        )
      )
    }).pipe(Effect.provide(layerServer))
  )

  it.live("an empty variable counts as absent, and a duration may say its unit", () =>
    Effect.gen(function* () {
      const server = yield* Server
      yield* Effect.gen(function* () {
        const cache = yield* Cache.region(texts)
        yield* cache.set("a", "1")
        const life = Number(yield* server.cli("PTTL", "cache:texts:v1:=a"))
        assert.isTrue(life > 119_000 && life <= 120_000, `${life}`)
      }).pipe(
        Effect.provide(
          config({
            REDIS_URL: server.url,
            CACHE_PREFIX: "",
            CACHE_MAX_SIZE: "",
            CACHE_PATIENCE_MS: "",
            CACHE_TTL: "2 minutes"
          })
        )
      )
    }).pipe(Effect.provide(layerServer))
  )

  for (const [name, values, example] of [
    ["CACHE_PATIENCE_MS", ["soon", "-1", "0", "NaN", "Infinity", " "], "1000"],
    ["CACHE_TTL", ["never", "-300", "0", "Infinity", "5 parsecs"], "300"],
    ["CACHE_MAX_SIZE", ["many", "-1", "0", "1.5", "8388609", "1e99"], "1000"],
    ["CACHE_PREFIX", ["a:b", "a b", "*", "{a}", " "], "cache"]
  ] as const) {
    for (const value of values) {
      it.effect(`${name}=${JSON.stringify(value)} is one clear error`, () =>
        Effect.gen(function* () {
          const exit = yield* Effect.exit(Effect.scoped(Layer.build(config({ [name]: value }))))
          const error = Exit.findErrorOption(exit)
          assert.isTrue(Option.isSome(error), String(exit))
          const { _tag, message } = Option.getOrThrow(error)
          assert.strictEqual(_tag, "ConfigError")
          assert.include(message, `${name} is ${JSON.stringify(value)}`)
          assert.include(message, "expected")
          assert.include(message, `for example ${example}`)
          assert.notInclude(message, "\n")
        })
      )
    }
  }

  it.effect("an infinite timeToLive in code is for ever", () =>
    Effect.gen(function* () {
      const cache = yield* Cache.region(texts)
      assert.strictEqual(yield* cache.set("a", "1"), "Applied")
      const [entry] = (yield* (yield* SimulatedRedis.SimulatedRedis).entries).values()
      assert.deepInclude({ ...entry }, { expiresAt: undefined })
    }).pipe(Effect.provide(layerSimulated({ timeToLive: Duration.infinity })))
  )

  it.effect("a prefix in code that cannot be one is a clear defect", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(
        Effect.scoped(Layer.build(RedisCache.layer({ prefix: "a:b" }))).pipe(Effect.provide(layerSimulated()))
      )
      assert.match(String(exit), /prefix is "a:b": expected a name/)
    })
  )
})
