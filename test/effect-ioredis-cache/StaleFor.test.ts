import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Schema } from "effect"
import { RedisClient, RedisCommand } from "effect-ioredis"
import { Cache, RefreshPolicy } from "effect-ioredis-cache"
import { scripts } from "effect-ioredis-cache/testing"
import { SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { layerProcess, layerSimulated, layerStrict } from "../suites/cacheLayers.ts"
import { payloadOf, stored } from "../support/Stored.ts"

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

const options = {
  name: "texts",
  version: 1,
  key: Schema.String,
  value: Schema.String,
  timeToLive: "10 seconds"
} as const

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

describe("staleFor in Redis", () => {
  const key = "cache:texts:v1:=a"

  for (const [name, layer] of [
    ["a cache on Redis and memory", layerProcess()],
    ["the strict cache", Layer.provideMerge(layerStrict, layerProcess())]
  ] as const) {
    const test = (
      title: string,
      body: () => Effect.Effect<void, unknown, Cache.Cache | SimulatedRedis.SimulatedRedis>
    ) =>
      it.effect(`${name}: ${title}`, () =>
        Effect.provide(body(), layer.pipe(Layer.provideMerge(SimulatedRedis.layerServer({ scripts }))))
      )

    test("serves what another process wrote, to the millisecond", () =>
      Effect.gen(function* () {
        yield* Effect.scoped(Effect.flatMap(otherProcess, (other) => other.set("a", "1")))
        const cache = yield* region
        yield* TestClock.adjust(69_999)
        assert.deepStrictEqual(yield* cache.get("a"), Option.none())
        assert.strictEqual(yield* cache.getOrSet("a", failing), "1")
        assert.strictEqual((yield* (yield* Cache.Cache).stats).stale, 1)
        yield* TestClock.adjust(1)
        assert.strictEqual(yield* Effect.flip(cache.getOrSet("a", failing)), "the lookup failed")
      }))

    test("serves it no longer than its own region says, nor longer than its writer's", () =>
      Effect.gen(function* () {
        const server = yield* SimulatedRedis.SimulatedRedis
        const put = (staleLife: number) =>
          server.execute(RedisCommand.make("SET", [key, stored(key, '"1"', { life: 10_000, staleLife })]))
        const cache = yield* region
        yield* put(20_000)
        yield* TestClock.adjust(19_999)
        assert.strictEqual(yield* cache.getOrSet("a", failing), "1")
        yield* TestClock.adjust(1)
        assert.strictEqual(yield* Effect.flip(cache.getOrSet("a", failing)), "the lookup failed")
        yield* put(3_600_000)
        yield* TestClock.adjust(49_999)
        assert.strictEqual(yield* cache.getOrSet("a", failing), "1")
        yield* TestClock.adjust(1)
        assert.strictEqual(yield* Effect.flip(cache.getOrSet("a", failing)), "the lookup failed")
      }))

    test("does not read its payload before it is wanted", () =>
      Effect.gen(function* () {
        const server = yield* SimulatedRedis.SimulatedRedis
        const broken = stored(key, "no JSON", { life: 10_000, staleLife: 70_000 })
        yield* server.execute(RedisCommand.make("SET", [key, broken]))
        const cache = yield* region
        const corrupt = Effect.map(
          Effect.flatMap(Cache.Cache, (cache) => cache.stats),
          (stats) => stats.corrupt
        )
        yield* TestClock.adjust("11 seconds")
        assert.deepStrictEqual(yield* cache.get("a"), Option.none())
        assert.strictEqual(yield* corrupt, 0)
        assert.strictEqual(yield* Effect.flip(cache.getOrSet("a", failing)), "the lookup failed")
        assert.strictEqual(yield* corrupt, 1)
      }))

    test("a refresh takes the place of what is fresh in Redis, and others read it", () =>
      Effect.gen(function* () {
        const server = yield* SimulatedRedis.SimulatedRedis
        const cache = yield* Cache.region({ ...options, refresh: RefreshPolicy.fromAge("1 second") })
        yield* server.execute(RedisCommand.make("SET", [key, stored(key, '"old"', { life: 10_000 }), "PX", 10_000]))
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* cache.getOrSet("a", Effect.delay(Effect.succeed("new"), "1 second")), "old")
        yield* TestClock.adjust("1 second")
        yield* TestClock.adjust(0)
        assert.strictEqual(payloadOf((yield* server.peek(key)) ?? ""), '"new"')
        assert.strictEqual(yield* cache.refresh("a", Effect.succeed("newer")), "newer")
        yield* TestClock.adjust(0)
        assert.strictEqual(payloadOf((yield* server.peek(key)) ?? ""), '"newer"')
      }))

    test("a refresh leaves what another process wrote meanwhile", () =>
      Effect.gen(function* () {
        const server = yield* SimulatedRedis.SimulatedRedis
        const cache = yield* region
        yield* cache.set("a", "old")
        const set = server.execute(RedisCommand.make("SET", [key, stored(key, '"another"', { life: 10_000 })]))
        assert.strictEqual(yield* cache.refresh("a", Effect.as(set, "new")), "new")
        yield* TestClock.adjust(0)
        assert.strictEqual(payloadOf((yield* server.peek(key)) ?? ""), '"another"')
      }))
  }

  it.effect("nothing is served that is older than the last intent, although the server has lost that", () =>
    Effect.gen(function* () {
      const cache = yield* region
      const server = yield* SimulatedRedis.SimulatedRedis
      const restore = (value: string | undefined) =>
        server.execute(RedisCommand.make("SET", [key, value ?? assert.fail("nothing is there")]))
      yield* cache.set("a", "1")
      const older = yield* server.peek(key)
      yield* cache.set("a", "2")
      const newer = yield* server.peek(key)
      yield* TestClock.adjust("11 seconds")
      yield* restore(newer)
      assert.strictEqual(yield* cache.getOrSet("a", failing), "2")
      yield* cache.remove("a")
      for (const value of [older, newer]) {
        yield* restore(value)
        assert.strictEqual(yield* Effect.flip(cache.getOrSet("a", failing)), "the lookup failed")
      }
    }).pipe(Effect.provide(layerSimulated()))
  )

  for (const clockOffset of [-300_000, 300_000]) {
    it.effect(`a server whose clock is ${clockOffset} ms ahead changes nothing`, () =>
      Effect.gen(function* () {
        yield* TestClock.adjust("1 hour")
        const cache = yield* Effect.flatMap(Layer.build(Layer.fresh(layerProcess())), (context) =>
          Effect.provideContext(region, context)
        )
        yield* (yield* otherProcess).set("a", "1")
        yield* TestClock.adjust(9_999)
        assert.deepStrictEqual(yield* cache.get("a"), Option.some("1"))
        yield* TestClock.adjust(1)
        assert.deepStrictEqual(yield* cache.get("a"), Option.none())
        yield* TestClock.adjust(59_999)
        assert.strictEqual(yield* cache.getOrSet("a", failing), "1")
        yield* TestClock.adjust(1)
        assert.strictEqual(yield* Effect.flip(cache.getOrSet("a", failing)), "the lookup failed")
      }).pipe(Effect.provide(SimulatedRedis.layerServer({ scripts, clockOffset })), Effect.scoped)
    )
  }
})
