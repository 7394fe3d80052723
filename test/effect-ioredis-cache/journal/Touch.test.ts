import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option, Schema } from "effect"
import { Cache } from "effect-ioredis-cache"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { layerSimulated, layerStrict } from "../../suites/cacheLayers.ts"

const sessions = {
  name: "sessions",
  version: 1,
  key: Schema.String,
  value: Schema.String,
  timeToLive: "1 minute"
} as const

const passing = <A, E, R>(call: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(call, { startImmediately: true })
    while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("20 millis")
    return yield* Fiber.join(fiber)
  })

describe("touch", () => {
  it.effect("keeps a session that is only read, over an outage too", () =>
    Effect.gen(function* () {
      const region = yield* Cache.region(sessions)
      const server = yield* SimulatedRedis.SimulatedRedis
      const get = Effect.map(passing(region.get("a")), Option.getOrUndefined)
      assert.strictEqual(yield* region.set("a", "ada"), "Applied")
      yield* TestClock.adjust("40 seconds")
      assert.strictEqual(yield* region.touch("a"), "Applied")
      yield* TestClock.adjust("40 seconds")
      assert.strictEqual(yield* get, "ada")
      yield* server.inject(Fault.refuse)
      assert.strictEqual(yield* passing(region.touch("a", { timeToLive: "2 minutes" })), "Deferred")
      yield* server.heal
      yield* TestClock.adjust("50 seconds")
      assert.strictEqual(yield* get, "ada")
      yield* TestClock.adjust("75 seconds")
      assert.isUndefined(yield* get)
      assert.strictEqual(yield* region.touch("a"), "Applied", "an absent key is no failure")
      assert.isUndefined(yield* get)
    }).pipe(Effect.provide(layerSimulated()))
  )

  it.effect("beside a read lets the value live in memory as long as in Redis", () =>
    Effect.gen(function* () {
      const server = yield* SimulatedRedis.SimulatedRedis
      for (const replay of ["latest", "ifUnchanged"] as const) {
        const region = yield* Cache.region({ ...sessions, name: replay, replay })
        const reads = {
          "one read": Effect.map(region.get("one read"), Option.isSome),
          "a read of two": Effect.map(region.getMany(["other", "a read of two"]), (found) => found.some(Option.isSome)),
          "a read before": Effect.map(region.get("a read before"), Option.isSome)
        }
        for (const [key, read] of Object.entries(reads)) {
          yield* region.set(key, "ada")
          yield* TestClock.adjust("40 seconds")
          if (key === "a read before") yield* server.inject(Fault.delay("200 millis"))
          const reading = yield* Effect.forkChild(read, { startImmediately: true })
          if (key === "a read before") yield* TestClock.adjust("100 millis")
          assert.strictEqual(yield* passing(region.touch(key)), "Applied")
          assert.isTrue(yield* passing(Fiber.join(reading)))
          yield* TestClock.adjust("40 seconds")
          yield* server.inject(Fault.refuse)
          assert.isTrue(yield* passing(read), `${replay}, ${key}`)
          yield* server.heal
          yield* TestClock.adjust("1 minute")
        }
      }
    }).pipe(Effect.provide(layerSimulated()))
  )

  for (const [which, layer] of [
    ["hybrid", layerSimulated()],
    ["strict", Layer.provide(layerStrict, layerSimulated())]
  ] as const) {
    it.effect(`of a value that is only kept in case its lookup fails does not bring it back: ${which}`, () =>
      Effect.gen(function* () {
        const region = yield* Cache.region({ ...sessions, staleFor: "1 hour" })
        yield* region.set("a", "ada")
        yield* TestClock.adjust("2 minutes")
        assert.isTrue(Option.isNone(yield* region.get("a")))
        assert.strictEqual(yield* region.touch("a"), "Applied")
        assert.isTrue(Option.isNone(yield* region.get("a")))
      }).pipe(Effect.provide(layer))
    )
  }

  it.effect("of the strict cache, and without a time where the region has none of its own", () =>
    Effect.gen(function* () {
      const region = yield* Cache.region({ ...sessions, timeToLive: (_, value) => Number(value) })
      assert.strictEqual(yield* region.set("a", "60000"), "Applied")
      assert.strictEqual(yield* region.touch("a"), "Rejected")
      assert.strictEqual(yield* region.touch("a", { timeToLive: "2 minutes" }), "Applied")
      yield* TestClock.adjust("90 seconds")
      assert.deepStrictEqual(yield* region.get("a"), Option.some("60000"))
    }).pipe(Effect.provide(layerStrict.pipe(Layer.provideMerge(layerSimulated()))))
  )
})

describe("the value of a lookup", () => {
  it.effect("takes the place of the mark of a removal and of nothing that another process wrote meanwhile", () =>
    Effect.gen(function* () {
      const region = yield* Cache.region({ ...sessions, removedFor: "10 minutes" })
      const server = yield* SimulatedRedis.SimulatedRedis
      const key = "cache:sessions:v1:=a"
      yield* region.set("a", "ada")
      assert.strictEqual(yield* region.remove("a"), "Applied")
      const mark = yield* server.peek(key)
      assert.isDefined(mark)
      assert.isTrue(Option.isNone(yield* region.get("a")))
      assert.strictEqual(yield* passing(region.getOrSet("a", Effect.succeed("found"))), "found")
      yield* TestClock.adjust("10 millis")
      const filled = yield* server.peek(key)
      assert.match(filled ?? "", /found/)
      assert.deepStrictEqual(yield* region.get("a"), Option.some("found"))
    }).pipe(Effect.provide(layerSimulated()))
  )
})
