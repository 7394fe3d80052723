import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Layer, Logger, Option, Schema } from "effect"
import { RedisClient } from "effect-ioredis"
import { Cache, MemoryCache, RefreshPolicy } from "effect-ioredis-cache"
import { TestClock } from "effect/testing"
import { layerSimulated, layerStrict, quiet, testSimulated } from "../suites/cacheLayers.ts"
import { lookupSuite } from "../suites/lookups.ts"

lookupSuite("memory", Layer.merge(Layer.fresh(MemoryCache.layerCache), quiet))

lookupSuite("the strict cache", Layer.provideMerge(layerStrict, layerSimulated()))

lookupSuite("Redis and memory", layerSimulated())

const refreshed = {
  name: "texts",
  version: 1,
  key: Schema.String,
  value: Schema.String,
  timeToLive: "10 seconds",
  refresh: RefreshPolicy.fromAge("4 seconds")
} as const

describe("in an outage", () => {
  testSimulated("memory and the journal tell how long their values live, and how old they are", () =>
    Effect.gen(function* () {
      const region = yield* Cache.region(refreshed)
      yield* region.set("a", "1")
      yield* Effect.flatMap(RedisClient.RedisClient, ({ breaker }) => breaker.isolate)
      assert.strictEqual(yield* region.set("b", "1"), "Deferred")
      yield* TestClock.adjust(3_999)
      for (const key of ["a", "b"]) {
        assert.deepStrictEqual(yield* region.timeToLive(key), Option.some(Duration.millis(6_001)))
        assert.strictEqual(yield* region.getOrSet(key, Effect.die("it is not due")), "1")
      }
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* region.getOrSet("a", Effect.succeed("2")), "1")
      // What was set in the outage stays until Redis has it: a refresh would give way to it.
      assert.strictEqual(yield* region.getOrSet("b", Effect.die("it is never due")), "1")
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(yield* region.getMany(["a", "b"]), [Option.some("2"), Option.some("1")])
    })
  )
})

describe("without scripts", () => {
  it.effect("a refresh whose value Redis does not take is tried again after a second, not at each read", () =>
    Effect.gen(function* () {
      const region = yield* Cache.region(refreshed)
      let runs = 0
      const read = Effect.tap(
        region.getOrSet(
          "a",
          Effect.sync(() => `${runs++}`)
        ),
        TestClock.adjust(0)
      )
      yield* region.set("a", "set")
      yield* TestClock.adjust("4 seconds")
      for (let i = 0; i < 10; i++) assert.strictEqual(yield* read, "set")
      assert.strictEqual(runs, 1)
      yield* TestClock.adjust("1 second")
      for (let i = 0; i < 10; i++) assert.strictEqual(yield* read, "set")
      assert.strictEqual(runs, 2)
    }).pipe(Effect.provide(layerSimulated({ server: { scripts: [] } })))
  )
})

describe("a refresh that fails", () => {
  it.effect("is logged at debug and counted as a failed lookup", () => {
    const lines: Array<string> = []
    const logs = Logger.layer([
      Logger.make<unknown, void>((options) => {
        const { annotations, message } = Logger.formatStructured.log(options)
        lines.push([options.logLevel, message, annotations.operation, annotations.error_type].join(" "))
      })
    ])
    return Effect.gen(function* () {
      const region = yield* Cache.region({
        name: "texts",
        version: 1,
        key: Schema.String,
        value: Schema.String,
        refresh: RefreshPolicy.fromAge("1 second")
      })
      yield* region.set("a", "1")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* region.getOrSet("a", Effect.fail({ _tag: "NotThere" })), "1")
      yield* TestClock.adjust(0)
      assert.include(lines, "Debug Cache operation failed refresh NotThere")
      assert.strictEqual((yield* (yield* Cache.Cache).stats).lookups, 1)
    }).pipe(Effect.provide(MemoryCache.layerCacheWith({ logOperations: true }).pipe(Layer.provideMerge(logs))))
  })
})
