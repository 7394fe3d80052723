import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option, Redacted, Result, Schema } from "effect"
import { IoredisConnector, RedisClient, RedisCommand, type RedisError, RedisTopology } from "effect-ioredis"
import { Cache } from "effect-ioredis-cache"
import { of } from "effect-ioredis/dispatch"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { layerReal, layerSimulated, Server, type SimulatedOptions } from "../../suites/cacheLayers.ts"
import * as RedisServer from "../../support/RedisServer.ts"
import { stored as foreignValue } from "../../support/Stored.ts"
import * as Captured from "../../support/Captured.ts"

const keys = (count: number) => Array.from({ length: count }, (_, n) => `k${n}`)

const together = <A, E>(calls: ReadonlyArray<Effect.Effect<A, E>>) => Effect.all(calls, { concurrency: "unbounded" })

/** Reads one string through the dispatch of a client, whose value is about so many bytes long. */
const reader =
  (redis: RedisClient.RedisClient, bytes = 10, timeout?: number) =>
  (key: string): Effect.Effect<string | null, RedisError.RedisCommandError> =>
    Effect.callback((resume) =>
      Effect.sync(
        of(redis).get(key, { bytes, timeout }, (result) =>
          resume(
            Effect.map(Effect.fromResult(result), (reply) =>
              reply === null ? null : Buffer.from(reply as Uint8Array).toString()
            )
          )
        )
      )
    )

/** A client on a server with so many keys, each its own value, and what the server receives from now on. */
const filled = (count: number) =>
  Effect.gen(function* () {
    const redis = yield* RedisClient.RedisClient
    const server = yield* SimulatedRedis.SimulatedRedis
    yield* redis.pipeline(keys(count).map((key) => RedisCommand.make("SET", [key, key])))
    const before = (yield* server.received).length
    const since = Effect.map(server.received, (all) =>
      all.slice(before).map(({ args, name }) => `${name} ${args.length}`)
    )
    return { redis, server, since, read: reader(redis) }
  })

describe("reads of one tick through the dispatch of a client", () => {
  const test = (
    title: string,
    body: Effect.Effect<void, unknown, SimulatedRedis.SimulatedRedis | RedisClient.RedisClient>,
    options?: RedisClient.Options & { readonly requireReady?: false }
  ) =>
    it.effect(title, () => Effect.provide(body, Layer.provideMerge(RedisClient.layer(options), SimulatedRedis.layer())))

  test(
    "are one MGET, each with its own answer; one alone is a GET",
    Effect.gen(function* () {
      const { read, since } = yield* filled(3)
      const found = yield* together(["k0", "k1", "missing", "k2"].map(read))
      assert.deepStrictEqual(found, ["k0", "k1", null, "k2"])
      assert.deepStrictEqual(yield* since, ["MGET 4"])
      assert.strictEqual(yield* read("k1"), "k1")
      assert.deepStrictEqual(yield* since, ["MGET 4", "GET 1"])
    })
  )

  test(
    "are at most 64 to a command",
    Effect.gen(function* () {
      const { read, since } = yield* filled(150)
      assert.deepStrictEqual(yield* together(keys(150).map(read)), keys(150))
      assert.deepStrictEqual(yield* since, ["MGET 64", "MGET 64", "MGET 22"])
    })
  )

  test(
    "are fewer where values are long, so that one holds up few others, and one that may be huge goes alone",
    Effect.gen(function* () {
      const { redis, since } = yield* filled(8)
      yield* together(keys(8).map(reader(redis, 40_000)))
      assert.deepStrictEqual(yield* since, ["MGET 2", "MGET 2", "MGET 2", "MGET 2"])
      yield* together(keys(2).map(reader(redis, Number.POSITIVE_INFINITY)))
      assert.deepStrictEqual((yield* since).slice(4), ["GET 1", "GET 1"])
    })
  )

  test(
    "with different deadlines are not joined",
    Effect.gen(function* () {
      const { redis, since } = yield* filled(4)
      yield* together([...keys(2).map(reader(redis, 10, 100)), ...keys(3).map(reader(redis, 10, 200))])
      assert.deepStrictEqual(yield* since, ["MGET 2", "MGET 3"])
    })
  )

  test(
    "are one MGET for each connection that their keys keep to",
    Effect.gen(function* () {
      // The others of a pool follow when the first has stayed for a moment.
      yield* TestClock.adjust("1 second")
      const { read, server, since } = yield* filled(60)
      const connections = new Set<number>()
      assert.deepStrictEqual(yield* together(keys(60).map(read)), keys(60))
      for (const { connection, name } of yield* server.received) if (name === "MGET") connections.add(connection)
      assert.strictEqual(connections.size, 3)
      assert.strictEqual((yield* since).length, 3)
    }),
    { connections: 3 }
  )

  test(
    "are not what `RedisClient.get` does: nil and WRONGTYPE are not the same to it",
    Effect.gen(function* () {
      const { redis, server, since } = yield* filled(0)
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
      const { read, redis, since } = yield* filled(2)
      const found = yield* together<unknown, unknown>([
        read("k0"),
        read("k1"),
        redis.run(RedisCommand.make("UNLINK", ["k0", "k1"]))
      ])
      assert.deepStrictEqual(found, ["k0", "k1", 2])
      assert.deepStrictEqual(yield* since, ["MGET 2", "UNLINK 2"])
    })
  )

  test(
    "are sent singly where one reply refuses them all",
    Effect.gen(function* () {
      const { read, server, since } = yield* filled(3)
      yield* server.inject(Fault.error("NOPERM", { commands: ["MGET"] }))
      assert.deepStrictEqual(yield* together(keys(3).map(read)), keys(3))
      assert.deepStrictEqual(yield* since, ["MGET 3", "GET 1", "GET 1", "GET 1"])
    })
  )

  test(
    "are one event for the breaker and one retry for the budget",
    Effect.gen(function* () {
      const { read, redis, server, since } = yield* filled(20)
      yield* server.inject(Fault.error("LOADING"))
      const reads = yield* Effect.forkChild(together(keys(20).map(read)))
      yield* TestClock.adjust("50 millis")
      assert.deepStrictEqual(yield* redis.breaker.state, { _tag: "Closed", failures: 1 })
      yield* server.heal
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(reads), keys(20))
      assert.deepStrictEqual(
        (yield* since).filter((command) => command.startsWith("MGET")),
        ["MGET 20", "MGET 20"]
      )
    })
  )

  test(
    "end each by itself: who is interrupted does not end the others, and when all are, nobody waits",
    Effect.gen(function* () {
      const { read, redis, server } = yield* filled(3)
      const forkReads = Effect.forEach(keys(3), (key) => Effect.forkChild(read(key), { startImmediately: true }))
      yield* server.inject(Fault.delay("100 millis"))
      const reads = yield* forkReads
      yield* TestClock.adjust("50 millis")
      for (const fiber of reads.slice(0, 2)) yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust("100 millis")
      assert.strictEqual(yield* Fiber.join(reads[2] ?? assert.fail("no third")), "k2")

      // Given up by everyone, it is no failure when its time is over: the connection has answered
      // something else meanwhile.
      yield* server.inject(Fault.delay("1500 millis"))
      const ping = yield* Effect.forkChild(redis.ping, { startImmediately: true })
      yield* TestClock.adjust(10)
      yield* server.inject(Fault.delay("3 seconds"))
      const again = yield* forkReads
      yield* TestClock.adjust("50 millis")
      for (const fiber of again) yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(ping)
      assert.deepStrictEqual(yield* redis.breaker.state, { _tag: "Closed", failures: 0 })
    })
  )

  test(
    "that were interrupted before the tick ended are not asked for",
    Effect.gen(function* () {
      const { read, since } = yield* filled(3)
      const left = yield* Effect.forkChild(read("k0"), { startImmediately: true })
      left.interruptUnsafe()
      assert.deepStrictEqual(yield* together([read("k1"), read("k2")]), ["k1", "k2"])
      assert.deepStrictEqual(yield* since, ["MGET 2"])
    })
  )

  test(
    "that meet an open circuit fail at once, and nothing is sent",
    Effect.gen(function* () {
      const { read, redis, since } = yield* filled(2)
      yield* redis.breaker.isolate
      const errors = yield* together(keys(2).map((key) => Effect.flip(read(key))))
      for (const error of errors) assert.strictEqual(error._tag, "RedisCircuitBreakerOpenError")
      assert.deepStrictEqual(yield* since, [])
    })
  )

  it.live("on a real server: a key the user may not read costs the others nothing", () =>
    Effect.gen(function* () {
      const rules = "~k* +@all"
      const server = yield* RedisServer.make({ users: [{ name: "reader", password: "pass", rules }] })
      const redis = yield* RedisClient.make({
        topology: RedisTopology.server({ host: "127.0.0.1", port: server.port }),
        login: { username: "reader", password: Redacted.make("pass") }
      }).pipe(Effect.provide(IoredisConnector.layer()))
      const read = reader(redis)
      yield* redis.pipeline(keys(3).map((key) => RedisCommand.make("SET", [key, key])))
      const results = yield* together(["k0", "forbidden", "k1", "k2"].map((key) => Effect.result(read(key))))
      const [first, refused, ...others] = results
      assert.deepStrictEqual([first, ...others], keys(3).map(Result.succeed))
      assert.isTrue(refused !== undefined && Result.isFailure(refused))
      assert.strictEqual((yield* redis.breaker.state)._tag, "Closed")
    })
  )
})

const region = Cache.region({ name: "texts", version: 1, key: Schema.String, value: Schema.String })

const redisKey = (key: string) => `cache:texts:v1:=${key}`

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

describe("gets of a region", () => {
  const test = (
    title: string,
    body: Effect.Effect<void, unknown, Cache.Cache | SimulatedRedis.SimulatedRedis | RedisClient.RedisClient>,
    options?: SimulatedOptions
  ) => it.effect(title, () => Effect.provide(body, layerSimulated(options)))

  test(
    "of one tick are one MGET, each with its own answer; one alone is a GET",
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
    "of one tick that meet an open circuit are answered at once, from memory",
    Effect.gen(function* () {
      const { cache, since } = yield* stored(2)
      yield* (yield* RedisClient.RedisClient).breaker.isolate
      assert.deepStrictEqual(yield* together(keys(2).map(cache.get)), [Option.some("k0"), Option.some("k1")])
      assert.deepStrictEqual(yield* since, [])
    })
  )

  test(
    "of one tick are a span each where a tracer is installed, with no key in it",
    Effect.gen(function* () {
      const { cache } = yield* stored(2)
      const { spans, tracer } = Captured.tracing()
      yield* Effect.withTracer(together(keys(2).map(cache.get)), tracer)
      assert.deepStrictEqual(
        spans.map(({ attributes, name, status }) => [name, status._tag, Object.fromEntries(attributes)]),
        [0, 1].map(() => [
          "cache.get",
          "Ended",
          { "cache.name": "redis", "cache.region": "texts", "cache.result": "hit", "cache.source": "redis" }
        ])
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
