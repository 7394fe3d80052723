import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Metric, Schema } from "effect"
import { RedisClient } from "effect-ioredis"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { Cache } from "effect-ioredis-cache"
import { TestClock } from "effect/testing"
import { layerSimulated } from "../suites/cacheLayers.ts"
import { inTime } from "../support/inTime.ts"

const texts = { name: "texts", version: 1, key: Schema.String, value: Schema.String }

const alone = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => Effect.provideService(effect, Metric.MetricRegistry, new Map()))

/** The sum of a metric over the series that have these attributes; of a histogram how many values it has. */
const value = (id: string, attributes: Readonly<Record<string, string>> = {}) =>
  Effect.map(Metric.snapshot, (all) => {
    let sum = 0
    for (const metric of all) {
      if (metric.id !== id) continue
      if (Object.entries(attributes).some(([name, wanted]) => metric.attributes?.[name] !== wanted)) continue
      if (metric.type === "Gauge") sum += Number(metric.state.value)
      else if (metric.type === "Counter" || metric.type === "Histogram") sum += Number(metric.state.count)
    }
    return sum
  })

const inASecond = <A, E, R>(effect: Effect.Effect<A, E, R>) => inTime(effect, "1 second")

describe("lookups", () => {
  it.effect("are seen while they run, shared by others, and timed", () =>
    Effect.gen(function* () {
      const region = yield* Cache.region(texts)
      yield* TestClock.adjust("1 second")
      const gate = yield* Deferred.make<string>()
      const callers = yield* Effect.forEach([1, 2, 3], () =>
        Effect.forkChild(region.getOrSet("a", Deferred.await(gate)), { startImmediately: true })
      )
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* value("cache.lookups.in_flight", { "cache.region": "texts" }), 1)
      assert.strictEqual(yield* value("cache.lookups.shared"), 2)
      yield* Deferred.succeed(gate, "1")
      yield* Effect.forEach(callers, Fiber.join)
      assert.strictEqual(yield* value("cache.lookups.in_flight"), 0)
      assert.strictEqual(yield* value("cache.lookup.duration", { "cache.result": "success" }), 1)
      const getOrSet = { "cache.operation": "getOrSet" }
      assert.strictEqual(yield* value("cache.operation.duration", { ...getOrSet, "cache.source": "lookup" }), 3)
      yield* inASecond(region.getOrSet("a", Effect.die("it is there")))
      assert.strictEqual(yield* value("cache.operation.duration", { ...getOrSet, "cache.source": "redis" }), 1)
      yield* Effect.exit(inASecond(region.getOrSet("b", Effect.fail("no"))))
      assert.strictEqual(yield* value("cache.operation.duration", { ...getOrSet, "cache.source": "none" }), 1)
    }).pipe(Effect.provide(layerSimulated()), alone)
  )

  it.effect("are not seen any more when they were interrupted", () =>
    Effect.gen(function* () {
      const region = yield* Cache.region(texts)
      yield* TestClock.adjust("1 second")
      const caller = yield* Effect.forkChild(region.getOrSet("a", Effect.never), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* value("cache.lookups.in_flight"), 1)
      yield* Fiber.interrupt(caller)
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* value("cache.lookups.in_flight"), 0)
    }).pipe(Effect.provide(layerSimulated()), alone)
  )
})

describe("a call of no keys", () => {
  it.effect("is no operation, and so none that failed", () =>
    Effect.gen(function* () {
      const region = yield* Cache.region(texts)
      yield* TestClock.adjust("1 second")
      yield* inASecond(region.getMany([]))
      yield* inASecond(region.getOrSetMany([], () => Effect.succeed([])))
      yield* inASecond(region.setMany([]))
      yield* inASecond(region.removeMany([]))
      assert.strictEqual(yield* value("cache.operation.duration"), 0)
      yield* inASecond(region.getMany(["a"]))
      assert.strictEqual(yield* value("cache.operation.duration", { "cache.source": "redis" }), 1)
    }).pipe(Effect.provide(layerSimulated()), alone)
  )

  it.effect("is none of a value that cannot be stored either", () =>
    Effect.gen(function* () {
      const region = yield* Cache.region({ ...texts, maxBytes: 10 })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* inASecond(region.set("a", "x".repeat(100))), "Rejected")
      assert.strictEqual(yield* value("cache.operation.duration", { "cache.source": "none" }), 0)
      assert.strictEqual(yield* value("cache.writes", { "cache.outcome": "rejected" }), 1)
    }).pipe(Effect.provide(layerSimulated()), alone)
  )
})

describe("an outage", () => {
  it.effect("shows in memory, journal and circuit", () =>
    Effect.gen(function* () {
      const redis = yield* RedisClient.RedisClient
      const server = yield* SimulatedRedis.SimulatedRedis
      const region = yield* Cache.region(texts)
      yield* TestClock.adjust("1 second")
      for (const key of ["a", "b", "c", "d"]) yield* inASecond(region.set(key, key))
      assert.strictEqual(yield* value("cache.memory.entries"), 3)
      assert.strictEqual(yield* value("cache.memory.limit"), 3)
      assert.strictEqual(yield* value("cache.memory.evictions"), 1)
      assert.isAbove(yield* value("cache.memory.size"), 0)

      yield* server.inject(Fault.refuse)
      yield* redis.breaker.trip
      yield* region.set("a", "1")
      yield* region.set("b", "1")
      assert.strictEqual(yield* value("cache.journal.deferred"), 2)
      assert.strictEqual(yield* value("cache.journal.limit"), 2)
      assert.isAbove(yield* value("cache.journal.size"), 0)
      yield* region.get("b")
      assert.strictEqual(yield* value("cache.requests", { "cache.source": "journal" }), 1)
      yield* region.get("d")
      assert.strictEqual(yield* value("cache.requests", { "cache.result": "hit", "cache.source": "fallback" }), 1)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* value("redis.client.circuit.open.duration"), 10)
      assert.strictEqual(yield* value("redis.client.circuit.state", { "redis.client.circuit.state": "Open" }), 1)
      assert.isAbove(yield* value("redis.client.connection.events", { "redis.client.connection.reason": "Refused" }), 0)

      yield* server.heal
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* value("redis.client.circuit.open.duration"), 0)
      assert.strictEqual(yield* value("cache.journal.replays", { "cache.result": "confirmed" }), 2)
      assert.strictEqual(yield* value("cache.journal.deferred"), 0)
      assert.strictEqual(yield* value("cache.journal.overflows"), 0)

      yield* redis.breaker.isolate
      for (const key of ["a", "b", "c"]) yield* region.set(key, "2")
      assert.strictEqual(yield* value("cache.journal.overflows"), 1)
      assert.strictEqual((yield* (yield* Cache.Cache).stats).journal?.overflows, 1)
    }).pipe(Effect.provide(layerSimulated({ maxEntries: 3, journal: { maxEntries: 2 } })), alone)
  )
})
