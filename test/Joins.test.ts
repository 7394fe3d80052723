import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option, Schema, Tracer } from "effect"
import { RedisClient, RedisCommand } from "effect-ioredis"
import { Cache } from "effect-ioredis-cache"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { layerReal, layerSimulated, Server, type SimulatedOptions } from "./suites/cacheLayers.ts"
import { stored as foreignValue } from "./support/Stored.ts"

// The gets of a region that are asked for in one tick go out as one MGET.

const region = Cache.region({ name: "texts", version: 1, key: Schema.String, value: Schema.String })

const redisKey = (key: string) => `cache:texts:v1:=${key}`

const keys = (count: number) => Array.from({ length: count }, (_, n) => `k${n}`)

const together = <A, E>(calls: ReadonlyArray<Effect.Effect<A, E>>) => Effect.all(calls, { concurrency: "unbounded" })

const stored = (count: number) =>
  Effect.gen(function* () {
    const cache = yield* region
    const server = yield* SimulatedRedis.SimulatedRedis
    yield* cache.setMany(keys(count).map((key) => [key, key]))
    const before = (yield* server.received).length
    const since = Effect.map(server.received, (all) =>
      all.slice(before).map(({ args, name }) => `${name} ${args.length}`)
    )
    return { cache, server, since }
  })

const test = (
  title: string,
  body: Effect.Effect<void, unknown, Cache.Cache | SimulatedRedis.SimulatedRedis | RedisClient.RedisClient>,
  options?: SimulatedOptions
) => it.effect(title, () => Effect.provide(body, layerSimulated(options)))

describe("gets of one tick", () => {
  test(
    "are one MGET, each with its own answer; one alone is a GET",
    Effect.gen(function* () {
      const { cache, since } = yield* stored(3)
      const found = yield* together(["k0", "k1", "missing", "k2"].map(cache.get))
      assert.deepStrictEqual(found.map(Option.getOrUndefined), ["k0", "k1", undefined, "k2"])
      assert.deepStrictEqual(yield* since, ["MGET 4"])
      yield* cache.get("k1")
      assert.deepStrictEqual(yield* since, ["MGET 4", "GET 1"])
    })
  )

  test(
    "are at most 64 to a command",
    Effect.gen(function* () {
      const { cache, since } = yield* stored(150)
      const found = yield* together(keys(150).map(cache.get))
      assert.deepStrictEqual(found.map(Option.getOrUndefined), keys(150))
      assert.deepStrictEqual(yield* since, ["MGET 64", "MGET 64", "MGET 22"])
    })
  )

  test(
    "are fewer where values are long, so that one holds up few others",
    Effect.gen(function* () {
      const { cache, since } = yield* stored(0)
      const long = "x".repeat(40_000)
      yield* cache.setMany(keys(8).map((key) => [key, long]))
      const before = (yield* since).length
      yield* together(keys(8).map(cache.get))
      assert.deepStrictEqual((yield* since).slice(before), ["MGET 2", "MGET 2", "MGET 2", "MGET 2"])
    })
  )

  test(
    "are one by one while nothing is known of the values: each may be huge",
    Effect.gen(function* () {
      const { cache, server, since } = yield* stored(0)
      for (const key of keys(3)) {
        yield* server.execute(
          RedisCommand.make("SET", [redisKey(key), foreignValue(redisKey(key), JSON.stringify(key))])
        )
      }
      const read = Effect.map(together(keys(3).map(cache.get)), (found) => found.map(Option.getOrUndefined))
      assert.deepStrictEqual(yield* read, keys(3))
      assert.deepStrictEqual((yield* since).slice(-3), ["GET 1", "GET 1", "GET 1"])
      assert.deepStrictEqual(yield* read, keys(3))
      assert.deepStrictEqual((yield* since).slice(-1), ["MGET 3"])
    })
  )

  test(
    "of RedisClient are not joined: nil and WRONGTYPE are not the same to it",
    Effect.gen(function* () {
      const { server, since } = yield* stored(0)
      const redis = yield* RedisClient.RedisClient
      yield* server.execute(RedisCommand.make("LPUSH", ["list", "a"]))
      const exits = yield* together([Effect.exit(redis.get("list")), Effect.exit(redis.get("none"))])
      assert.deepStrictEqual(
        exits.map(({ _tag }) => _tag),
        ["Failure", "Success"]
      )
      assert.deepStrictEqual(
        (yield* since).filter((command) => command.startsWith("GET")),
        ["GET 1", "GET 1"]
      )
    })
  )

  test(
    "go out before a write that is asked for after them",
    Effect.gen(function* () {
      const { cache, since } = yield* stored(2)
      const redis = yield* RedisClient.RedisClient
      const [one, other] = yield* together<unknown, unknown>([
        cache.get("k0"),
        cache.get("k1"),
        redis.send(RedisCommand.make("UNLINK", [redisKey("k0"), redisKey("k1")]))
      ])
      assert.deepStrictEqual([one, other], [Option.some("k0"), Option.some("k1")])
      assert.deepStrictEqual(yield* since, ["MGET 2", "UNLINK 2"])
    })
  )

  test(
    "are sent singly where one reply refuses them all",
    Effect.gen(function* () {
      const { cache, server, since } = yield* stored(3)
      yield* server.inject(Fault.error("NOPERM", { commands: ["MGET"] }))
      const found = yield* together(keys(3).map(cache.get))
      assert.deepStrictEqual(found.map(Option.getOrUndefined), keys(3))
      assert.deepStrictEqual(yield* since, ["MGET 3", "GET 1", "GET 1", "GET 1"])
    })
  )

  test(
    "are one event for the breaker and one retry for the budget",
    Effect.gen(function* () {
      const { cache, server, since } = yield* stored(20)
      const { breaker } = yield* RedisClient.RedisClient
      yield* server.inject(Fault.error("LOADING"))
      const reads = yield* Effect.forkChild(together(keys(20).map(cache.get)))
      yield* TestClock.adjust("50 millis")
      assert.deepStrictEqual(yield* breaker.state, { _tag: "Closed", failures: 1 })
      yield* server.heal
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(reads)).filter(Option.isSome).length, 20)
      assert.deepStrictEqual(yield* since, ["MGET 20", "MGET 20"])
    })
  )

  test(
    "end each by itself: who is interrupted does not end the others, and when all are, nobody waits",
    Effect.gen(function* () {
      const { cache, server } = yield* stored(3)
      const redis = yield* RedisClient.RedisClient
      yield* server.inject(Fault.delay("100 millis"))
      const reads = yield* Effect.forEach(keys(3), (key) =>
        Effect.forkChild(cache.get(key), { startImmediately: true })
      )
      yield* TestClock.adjust("50 millis")
      for (const read of reads.slice(0, 2)) yield* Fiber.interrupt(read)
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual(yield* Fiber.join(reads[2] ?? assert.fail("no third")), Option.some("k2"))

      yield* server.inject(Fault.freeze)
      const again = yield* Effect.forEach(keys(3), (key) =>
        Effect.forkChild(cache.get(key), { startImmediately: true })
      )
      yield* TestClock.adjust("50 millis")
      for (const read of again) yield* Fiber.interrupt(read)
      // Given up by everyone, it is no stall when its time is over.
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* redis.breaker.state, { _tag: "Closed", failures: 0 })
    })
  )

  test(
    "that were interrupted before the tick ended are not asked for",
    Effect.gen(function* () {
      const { cache, since } = yield* stored(3)
      const left = yield* Effect.forkChild(cache.get("k0"), { startImmediately: true })
      left.interruptUnsafe()
      assert.deepStrictEqual(yield* together([cache.get("k1"), cache.get("k2")]), [
        Option.some("k1"),
        Option.some("k2")
      ])
      assert.deepStrictEqual(yield* since, ["MGET 2"])
    })
  )

  test(
    "that meet an open circuit are answered at once",
    Effect.gen(function* () {
      const { cache, since } = yield* stored(2)
      yield* (yield* RedisClient.RedisClient).breaker.isolate
      assert.deepStrictEqual(yield* together(keys(2).map(cache.get)), [Option.some("k0"), Option.some("k1")])
      assert.deepStrictEqual(yield* since, [])
    })
  )

  test(
    "are a span each where a tracer is installed, with no key in it",
    Effect.gen(function* () {
      const { cache } = yield* stored(2)
      const spans: Array<Tracer.Span> = []
      const tracer = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          spans.push(span)
          return span
        }
      })
      yield* Effect.withTracer(together(keys(2).map(cache.get)), tracer)
      assert.deepStrictEqual(
        spans.map(({ attributes, name, status }) => [name, status._tag, Object.fromEntries(attributes)]),
        [0, 1].map(() => ["cache.get", "Ended", { "cache.region": "texts" }])
      )
    })
  )

  it.live("on a real server: a key the user may not read costs the others nothing", () =>
    Effect.gen(function* () {
      const server = yield* Server
      yield* server.cli("ACL", "SETUSER", "reader", "on", ">pass", "~cache:texts:v1:=k*", "+@all")
      yield* Effect.gen(function* () {
        const cache = yield* region
        yield* cache.setMany(keys(3).map((key) => [key, key]))
        const found = yield* together(["k0", "forbidden", "k1", "k2"].map(cache.get))
        assert.deepStrictEqual(found.map(Option.getOrUndefined), ["k0", undefined, "k1", "k2"])
        const redis = yield* RedisClient.RedisClient
        assert.strictEqual((yield* redis.breaker.state)._tag, "Closed")
      }).pipe(
        Effect.provide(
          layerReal({ redis: { url: `redis://reader:pass@127.0.0.1:${server.port}` } }).pipe(
            Layer.provide(Layer.succeed(Server, server))
          )
        )
      )
    }).pipe(Effect.provide(layerReal()))
  )
})
