import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber, Layer, Option, Schema } from "effect"
import { RetryPolicy, RuntimeSettings } from "effect-ioredis"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { Cache } from "effect-ioredis-cache"
import { TestClock } from "effect/testing"
import { layerProcess, type SimulatedOptions } from "../suites/cacheLayers.ts"
import { scripts } from "effect-ioredis-cache/testing"

/** A process that follows settings, on a server of its own. */
const withSettings = (document: RuntimeSettings.Document = {}, options: SimulatedOptions = {}) =>
  Effect.provide(
    layerProcess(options).pipe(
      Layer.provideMerge(RuntimeSettings.layer({ document })),
      Layer.provideMerge(SimulatedRedis.layerServer({ scripts }))
    )
  )

const region = (name: string) =>
  Effect.flatMap(Cache.Cache, (cache) =>
    cache.region({ name, version: 1, key: Schema.String, value: Schema.String, timeToLive: "1 hour" })
  )

const update = (document: RuntimeSettings.Document) =>
  Effect.flatMap(RuntimeSettings.RuntimeSettings, (settings) => settings.update(document))

const elapsed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const began = yield* Clock.currentTimeMillis
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    let steps = 0
    while (fiber.pollUnsafe() === undefined && steps < 400) {
      yield* TestClock.adjust("25 millis")
      steps++
    }
    yield* Fiber.join(fiber)
    return (yield* Clock.currentTimeMillis) - began
  })

const sent = Effect.gen(function* () {
  const server = yield* SimulatedRedis.SimulatedRedis
  const names = (yield* server.received).map(({ name }) => name)
  return names.filter((name) => ["GET", "MGET", "SET", "UNLINK", "EVALSHA", "EVAL"].includes(name))
})

/** What the server is sent for the cache's values while an effect runs. */
const sentDuring = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const before = (yield* sent).length
    yield* effect
    return (yield* sent).slice(before)
  })

describe("patience", () => {
  it.effect("of one region changes under way, for reads and writes apart, and that of no other", () =>
    Effect.gen(function* () {
      const users = yield* region("users")
      const jobs = yield* region("jobs")
      const server = yield* SimulatedRedis.SimulatedRedis
      yield* TestClock.adjust("1 second")
      yield* server.inject(Fault.freeze)
      // A deadline that is shorter than the client's opens no circuit.
      assert.strictEqual(yield* elapsed(users.get("ada")), 200)
      yield* update({ regions: { users: { patience: "600 millis", write: { patience: "300 millis" } } } })
      assert.strictEqual(yield* elapsed(users.get("ada")), 600)
      assert.strictEqual(yield* elapsed(users.set("ada", "1")), 300)
      assert.strictEqual(yield* elapsed(jobs.get("ada")), 200)
    }).pipe(
      withSettings({}, { patience: "200 millis", client: { commandTimeout: "1 minute", operationTimeout: "1 minute" } })
    )
  )
})

describe("modes", () => {
  it.effect("memory-only asks Redis for nothing, and tells it all afterwards", () =>
    Effect.gen(function* () {
      const users = yield* region("users")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* users.set("ada", "1"), "Applied")
      yield* update({ mode: "memory-only" })
      const asked = yield* sentDuring(
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* users.get("ada"), Option.some("1"))
          assert.strictEqual(yield* users.set("ada", "2"), "Deferred")
          assert.deepStrictEqual(yield* users.setMany([["bob", "3"]]), ["Deferred"])
          assert.strictEqual(yield* users.remove("cyd"), "Deferred")
          assert.strictEqual(yield* users.getOrSet("dan", Effect.succeed("4")), "4")
          assert.deepStrictEqual(yield* users.getMany(["ada", "bob", "cyd", "dan"]), [
            Option.some("2"),
            Option.some("3"),
            Option.none(),
            Option.some("4")
          ])
          assert.strictEqual(yield* users.touch("ada"), "Deferred")
          yield* TestClock.adjust("1 minute")
        })
      )
      assert.deepStrictEqual(asked, [])
      yield* update({ mode: "normal" })
      yield* TestClock.adjust("1 second")
      const stats = yield* (yield* Cache.Cache).stats
      assert.strictEqual(stats.journal?.entries, 0)
      assert.deepStrictEqual(yield* users.get("ada"), Option.some("2"))
      assert.strictEqual((yield* (yield* Cache.Cache).stats).hits.redis, 1)
    }).pipe(withSettings())
  )

  it.effect("read-only reads Redis and tells it nothing until the mode is another one", () =>
    Effect.gen(function* () {
      const users = yield* region("users")
      yield* TestClock.adjust("1 second")
      yield* users.set("ada", "1")
      yield* update({ regions: { users: { mode: "read-only" } } })
      const asked = yield* sentDuring(
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* users.get("ada"), Option.some("1"))
          assert.strictEqual(yield* users.set("ada", "2"), "Deferred")
          assert.deepStrictEqual(yield* users.get("ada"), Option.some("2"))
          assert.strictEqual(yield* users.clear, "Deferred")
          yield* TestClock.adjust("1 minute")
        })
      )
      assert.deepStrictEqual(asked, ["GET"])
      yield* update({ regions: { users: { mode: "normal" } } })
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(yield* users.get("ada"), Option.none())
      assert.strictEqual((yield* (yield* Cache.Cache).stats).journal?.entries, 0)
    }).pipe(withSettings())
  )

  for (const mode of ["memory-only", "read-only"] as const) {
    it.effect(`${mode} stops a region from being emptied, and the rest is unlinked afterwards`, () =>
      Effect.gen(function* () {
        const server = yield* SimulatedRedis.SimulatedRedis
        const cache = yield* Cache.Cache
        const schemas = { key: Schema.String, value: Schema.String }
        const users = yield* cache.region({ name: "users", version: 1, ...schemas, tags: true })
        yield* TestClock.adjust("1 second")
        const names = Array.from({ length: 5000 }, (_, n) => String(n))
        yield* users.setMany(names.map((name) => [name, "1"] as const))
        const left = Effect.map(
          server.entries,
          (entries) => Array.from(entries.keys()).filter((key) => key.startsWith("cache:users:v1:=")).length
        )
        assert.strictEqual(yield* left, 5000)
        const scans = Effect.map(server.received, (all) => all.filter(({ name }) => name === "SCAN").length)
        yield* users.clear
        while ((yield* scans) < 2) yield* TestClock.adjust("5 millis")
        yield* update({ mode })
        const spared = yield* left
        assert.isAbove(spared, 0)
        const scanned = yield* scans
        const asked = yield* sentDuring(TestClock.adjust("10 seconds"))
        assert.deepStrictEqual(asked, [])
        assert.strictEqual(yield* scans, scanned)
        assert.strictEqual(yield* left, spared)
        yield* update({ mode: "normal" })
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual(yield* left, 0)
      }).pipe(withSettings())
    )
  }

  it.effect("bypass finds nothing, stores nothing, and leaves nothing older behind", () =>
    Effect.gen(function* () {
      const users = yield* region("users")
      yield* TestClock.adjust("1 second")
      yield* users.setMany([
        ["ada", "1"],
        ["bob", "1"]
      ])
      yield* update({ mode: "bypass" })
      assert.deepStrictEqual(yield* users.get("ada"), Option.none())
      assert.deepStrictEqual(yield* users.getMany(["ada"]), [Option.none()])
      let lookups = 0
      const lookup = Effect.sync(() => String(++lookups))
      assert.strictEqual(yield* users.getOrSet("ada", lookup), "1")
      assert.strictEqual(yield* users.getOrSet("ada", lookup), "2")
      assert.strictEqual(yield* users.set("bob", "2"), "Rejected")
      yield* TestClock.adjust("1 second")
      yield* update({ mode: "normal" })
      assert.deepStrictEqual(yield* users.get("bob"), Option.none())
      assert.deepStrictEqual(yield* users.get("ada"), Option.some("1"))
    }).pipe(withSettings())
  )
})

describe("the connection", () => {
  it.effect("of another database has other data, also where memory is near", () =>
    Effect.gen(function* () {
      const cache = yield* Cache.Cache
      const users = yield* cache.region({
        name: "users",
        version: 1,
        key: Schema.String,
        value: Schema.String,
        near: { maxStaleness: "1 second" }
      })
      yield* TestClock.adjust("10 seconds")
      yield* users.set("ada", "1")
      yield* Effect.repeat(Effect.andThen(users.get("ada"), TestClock.adjust("1 second")), { times: 4 })
      assert.isAbove((yield* cache.stats).hits.near, 0)
      yield* update({ connection: { db: 1 } })
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* users.get("ada"), Option.none())
    }).pipe(withSettings())
  )
})

describe("a circuit of writes", () => {
  it.effect("that is taken away while it is open holds back no write any longer", () =>
    Effect.gen(function* () {
      const users = yield* region("users")
      const cache = yield* Cache.Cache
      const server = yield* SimulatedRedis.SimulatedRedis
      yield* TestClock.adjust("1 second")
      yield* server.inject(Fault.error("LOADING", { commands: ["SET", "EVALSHA", "EVAL"] }))
      assert.strictEqual(yield* users.set("ada", "1"), "Deferred")
      // The journal pauses for half a minute by now.
      yield* TestClock.adjust("65 seconds")
      yield* server.heal
      yield* Effect.flatMap(RuntimeSettings.RuntimeSettings, (settings) => settings.replace({}))
      yield* TestClock.adjust("100 millis")
      assert.strictEqual((yield* cache.stats).journal?.entries, 0)
    }).pipe(
      withSettings(
        { write: { circuit: { failureThreshold: 1, resetTimeout: "1 hour" } } },
        { client: { retry: RetryPolicy.none } }
      )
    )
  )
})

describe("times to live", () => {
  it.effect("of a region and of all that name none change for what is written from then on", () =>
    Effect.gen(function* () {
      const users = yield* region("users")
      const cache = yield* Cache.Cache
      const jobs = yield* cache.region({ name: "jobs", version: 1, key: Schema.String, value: Schema.String })
      const lives = Effect.gen(function* () {
        yield* users.set("ada", "1")
        yield* jobs.set("ada", "1")
        const found = [yield* users.timeToLive("ada"), yield* jobs.timeToLive("ada")]
        return found.map((life) => Option.map(life, (left) => Math.floor(Duration.toSeconds(left))))
      })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* lives, [Option.some(3600), Option.some(300)])
      yield* update({ timeToLive: "1 minute", regions: { users: { timeToLive: "2 hours" } } })
      assert.deepStrictEqual(yield* lives, [Option.some(7200), Option.some(60)])
    }).pipe(withSettings())
  )
})
