import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Logger, Option, References, Schema, Scope } from "effect"
import { RedisClient, RedisCommand } from "effect-ioredis"
import { Cache } from "effect-ioredis-cache"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import {
  eventually,
  layerProcess,
  layerReal,
  layerRealProcess,
  layerServer,
  layerSimulated,
  Server,
  type SimulatedOptions
} from "../../suites/cacheLayers.ts"
import * as TcpProxy from "../../support/TcpProxy.ts"
import { stored } from "../../support/Stored.ts"

const texts = { name: "texts", version: 1, key: Schema.String, value: Schema.String, timeToLive: "5 minutes" } as const

type Texts = Cache.Region<string, string>

const redisKey = (key: string) => `cache:texts:v1:=${key}`

/** One process on a simulated server, which it and the test share. */
const history = (
  title: string,
  body: (
    cache: Texts,
    server: SimulatedRedis.SimulatedRedis
  ) => Effect.Effect<void, unknown, Scope.Scope | RedisClient.RedisClient | Cache.Cache>,
  options?: SimulatedOptions
) =>
  it.effect(title, () =>
    Effect.gen(function* () {
      yield* body(yield* Cache.region(texts), yield* SimulatedRedis.SimulatedRedis)
    }).pipe(Effect.provide(layerSimulated(options)))
  )

/** Runs a call to its end, moving the clock on in small steps meanwhile. */
const passing = <A, E>(call: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(call, { startImmediately: true })
    while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("20 millis")
    return yield* Fiber.join(fiber)
  })

const valueIn = (cache: Texts, key: string) => passing(Effect.map(cache.get(key), Option.getOrUndefined))

/** Every value that is read meanwhile, in small steps. */
const readsFor = Effect.fnUntraced(function* (cache: Texts, key: string, millis: number) {
  const seen = new Set<string | undefined>()
  for (let passed = 0; passed < millis; passed += 50) {
    seen.add(yield* valueIn(cache, key))
    yield* TestClock.adjust("50 millis")
  }
  return seen
})

const away = Effect.fnUntraced(function* (cache: Texts, server: SimulatedRedis.SimulatedRedis) {
  yield* server.inject(Fault.refuse)
  yield* passing(cache.get("whatever"))
})

const countOf = (server: SimulatedRedis.SimulatedRedis, name: string) =>
  Effect.map(server.received, (all) => all.filter((command) => command.name === name).length)

describe("WriteJournal, intents", () => {
  history("a removal that Redis did not confirm holds before, during and after recovery", (cache, server) =>
    Effect.gen(function* () {
      assert.strictEqual(yield* cache.set("a", "old"), "Applied")
      yield* away(cache, server)
      assert.strictEqual(yield* passing(cache.remove("a")), "Deferred")
      assert.isUndefined(yield* valueIn(cache, "a"))
      yield* server.heal
      assert.deepStrictEqual(yield* readsFor(cache, "a", 3000), new Set([undefined]))
      assert.isUndefined(yield* server.peek(redisKey("a")))
    })
  )

  history("a value that Redis did not confirm is read here, and the older one never again", (cache, server) =>
    Effect.gen(function* () {
      yield* cache.set("a", "old")
      yield* away(cache, server)
      assert.strictEqual(yield* passing(cache.set("a", "new")), "Deferred")
      assert.strictEqual(yield* valueIn(cache, "a"), "new")
      yield* server.heal
      const seen = yield* readsFor(cache, "a", 3000)
      assert.isFalse(seen.has("old"))
      assert.match((yield* server.peek(redisKey("a"))) ?? "", /new/, "Redis held what this process knew")
      assert.strictEqual(yield* cache.set("a", "newer"), "Applied")
      assert.strictEqual(yield* valueIn(cache, "a"), "newer")
    })
  )

  history("a value that expired in the journal is a removal", (cache, server) =>
    Effect.gen(function* () {
      yield* cache.set("a", "old", { timeToLive: "1 hour" })
      yield* away(cache, server)
      yield* passing(cache.set("a", "new", { timeToLive: "2 seconds" }))
      assert.strictEqual(yield* valueIn(cache, "a"), "new")
      yield* TestClock.adjust("3 seconds")
      assert.isUndefined(yield* valueIn(cache, "a"))
      yield* server.heal
      assert.deepStrictEqual(yield* readsFor(cache, "a", 3000), new Set([undefined]))
    })
  )

  history("the last intent counts, and its replay leaves a newer one alone", (cache, server) =>
    Effect.gen(function* () {
      yield* cache.set("a", "old")
      yield* away(cache, server)
      yield* passing(cache.set("a", "1"))
      yield* passing(cache.remove("a"))
      yield* passing(cache.set("a", "2"))
      assert.strictEqual(yield* valueIn(cache, "a"), "2")
      yield* server.heal
      // The replay is in progress when the newer value is set.
      yield* server.inject(Fault.delay("100 millis"))
      yield* TestClock.adjust("700 millis")
      yield* passing(cache.set("a", "3"))
      const seen = yield* readsFor(cache, "a", 3000)
      assert.isTrue(Array.from(seen).every((value) => value === "3" || value === undefined))
    })
  )
})

describe("WriteJournal, confirmations", () => {
  history("of an older write are none of a newer intent", (cache, server) =>
    Effect.gen(function* () {
      yield* server.inject(Fault.delay("500 millis"))
      const older = yield* Effect.forkChild(cache.set("a", "old"), { startImmediately: true })
      yield* TestClock.adjust("100 millis")
      // The removal is never sent.
      const { breaker } = yield* RedisClient.RedisClient
      yield* breaker.isolate
      assert.strictEqual(yield* passing(cache.remove("a")), "Deferred")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(older), "Applied")
      yield* server.heal
      yield* breaker.reset
      assert.deepStrictEqual(yield* readsFor(cache, "a", 3000), new Set([undefined]))
      assert.isUndefined(yield* server.peek(redisKey("a")))
    })
  )

  history("on the session of a doubt settle it: what was sent before has run", (cache, server) =>
    Effect.gen(function* () {
      const redis = yield* RedisClient.RedisClient
      yield* server.inject(Fault.delay("1500 millis"))
      // Bytes keep coming, so that the session is no stalled one.
      yield* Effect.forkChild(Effect.forever(Effect.andThen(Effect.forkChild(redis.ping), Effect.sleep("100 millis"))))
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual(yield* passing(cache.set("a", "slow")), "Deferred")
      yield* TestClock.adjust("5 seconds")
      yield* server.heal
      const before = yield* countOf(server, "UNLINK")
      yield* TestClock.adjust("1 minute")
      assert.isAtMost(before, 2)
      assert.strictEqual(yield* countOf(server, "UNLINK"), before)
    })
  )
})

describe("WriteJournal, refused writes", () => {
  history("a value refused for want of memory removes the older one from Redis", (cache, server) =>
    Effect.gen(function* () {
      yield* cache.set("a", "old")
      yield* server.inject(Fault.error("OOM"))
      assert.strictEqual(yield* passing(cache.set("a", "new")), "Deferred")
      const seen = yield* readsFor(cache, "a", 1000)
      assert.isFalse(seen.has("old"))
      assert.isUndefined(yield* server.peek(redisKey("a")))
    })
  )

  history("a removal that is refused too is tried again ever more slowly, and answers meanwhile", (cache, server) =>
    Effect.gen(function* () {
      yield* cache.set("a", "old")
      yield* server.inject(Fault.error("MISCONF"))
      assert.strictEqual(yield* passing(cache.remove("a")), "Deferred")
      assert.deepStrictEqual(yield* readsFor(cache, "a", 60_000), new Set([undefined]))
      const tried = yield* countOf(server, "UNLINK")
      assert.isAtLeast(tried, 4)
      assert.isAtMost(tried, 9)
      yield* server.heal
      yield* TestClock.adjust("1 minute")
      assert.isUndefined(yield* server.peek(redisKey("a")))
      assert.strictEqual(yield* cache.set("a", "new"), "Applied")
    })
  )

  it.effect("without the permission to write the region runs on memory, and says so once", () => {
    const lines: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => lines.push(`${logLevel} ${String(message)}`))
    const logs = Layer.merge(Logger.layer([logger]), Layer.succeed(References.MinimumLogLevel, "Info"))
    return Effect.gen(function* () {
      const cache = yield* Cache.region(texts)
      const server = yield* SimulatedRedis.SimulatedRedis
      yield* cache.set("a", "old")
      yield* server.inject(Fault.error("NOPERM", { commands: ["SET", "UNLINK"] }))
      yield* passing(
        cache.setMany([
          ["a", "0"],
          ["b", "0"]
        ])
      )
      for (const value of ["1", "2"]) {
        assert.strictEqual(yield* passing(cache.set("a", value)), "Deferred")
        assert.strictEqual(yield* valueIn(cache, "a"), value)
      }
      yield* passing(cache.remove("a"))
      assert.isUndefined(yield* valueIn(cache, "a"))
      assert.strictEqual(lines.filter((line) => line.startsWith("Error")).length, 1)
      yield* server.heal
      yield* server.restart({ data: "kept" })
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* passing(cache.set("a", "3")), "Applied")
    }).pipe(Effect.provide(layerSimulated({ logs })))
  })
})

describe("WriteJournal, a region with one writer", () => {
  const mine = { ...texts, name: "mine", replay: "overwrite" } as const
  const inRedis = (server: SimulatedRedis.SimulatedRedis) => server.peek("cache:mine:v1:=a")

  const owned = (
    title: string,
    body: (
      cache: Texts,
      server: SimulatedRedis.SimulatedRedis
    ) => Effect.Effect<void, unknown, Scope.Scope | RedisClient.RedisClient>
  ) =>
    history(title, (_, server) =>
      Effect.gen(function* () {
        const cache = yield* Cache.region(mine)
        yield* cache.set("a", "old")
        yield* body(cache, server)
      })
    )

  owned("a deferred value is written when Redis is back, for the rest of its life", (cache, server) =>
    Effect.gen(function* () {
      yield* away(cache, server)
      yield* passing(cache.set("a", "new", { timeToLive: "1 minute" }))
      yield* TestClock.adjust("30 seconds")
      yield* server.heal
      assert.deepStrictEqual(yield* readsFor(cache, "a", 5000), new Set(["new"]))
      assert.match((yield* inRedis(server)) ?? "", /new/)
      yield* TestClock.adjust("25 seconds")
      assert.isUndefined(yield* inRedis(server))
    })
  )

  owned("a removal, and a value that expired meanwhile, are removed", (cache, server) =>
    Effect.gen(function* () {
      yield* away(cache, server)
      yield* passing(cache.set("a", "new", { timeToLive: "2 seconds" }))
      yield* TestClock.adjust("3 seconds")
      yield* server.heal
      assert.deepStrictEqual(yield* readsFor(cache, "a", 3000), new Set([undefined]))
      assert.isUndefined(yield* inRedis(server))
    })
  )

  owned("a value that Redis refuses is removed", (cache, server) =>
    Effect.gen(function* () {
      yield* server.inject(Fault.error("OOM", { commands: ["SET"] }))
      assert.strictEqual(yield* passing(cache.set("a", "new")), "Deferred")
      assert.isFalse((yield* readsFor(cache, "a", 3000)).has("old"))
      assert.isUndefined(yield* inRedis(server))
    })
  )

  owned("a replay that is executed late does not undo a later removal", (cache, server) =>
    Effect.gen(function* () {
      const { breaker } = yield* RedisClient.RedisClient
      yield* breaker.isolate
      yield* passing(cache.set("a", "deferred"))
      yield* server.inject(Fault.delay("20 seconds"))
      yield* breaker.reset
      yield* TestClock.adjust("5 seconds")
      yield* server.heal
      yield* TestClock.adjust("1 second")
      yield* passing(cache.remove("a"))
      assert.deepStrictEqual(yield* readsFor(cache, "a", 60_000), new Set([undefined]))
      assert.isUndefined(yield* inRedis(server))
    })
  )

  owned("a replay leaves a newer value alone", (cache, server) =>
    Effect.gen(function* () {
      yield* away(cache, server)
      yield* passing(cache.set("a", "deferred"))
      yield* server.heal
      yield* server.inject(Fault.delay("100 millis"))
      yield* TestClock.adjust("700 millis")
      yield* passing(cache.set("a", "newest"))
      yield* readsFor(cache, "a", 3000)
      assert.match((yield* inRedis(server)) ?? "newest", /newest/)
      assert.strictEqual(yield* valueIn(cache, "a"), "newest")
    })
  )
})

describe("WriteJournal, late execution", () => {
  history("a write that is still in flight is fenced: it does not undo a later removal", (cache, server) =>
    Effect.gen(function* () {
      yield* server.inject(Fault.delay("10 seconds"))
      assert.strictEqual(yield* passing(cache.set("a", "late")), "Deferred")
      yield* server.heal
      yield* TestClock.adjust("1 second")
      yield* passing(cache.remove("a"))
      const seen = yield* readsFor(cache, "a", 20_000)
      assert.deepStrictEqual(seen, new Set([undefined]))
      assert.isUndefined(yield* server.peek(redisKey("a")))
      assert.isAbove(yield* countOf(server, "CLIENT"), 0)
    })
  )

  history(
    "where the server will not end the old session, the key stays journaled for the longest life",
    (cache, server) =>
      Effect.gen(function* () {
        yield* server.inject(Fault.delay("10 seconds"))
        yield* passing(cache.set("a", "late"))
        yield* server.inject(Fault.error("NOPERM", { commands: ["CLIENT"] }))
        yield* TestClock.adjust("1 second")
        yield* passing(cache.remove("a"))
        assert.deepStrictEqual(yield* readsFor(cache, "a", 30_000), new Set([undefined]))
        const before = yield* countOf(server, "UNLINK")
        yield* TestClock.adjust("6 minutes")
        assert.isAbove(yield* countOf(server, "UNLINK"), before)
        assert.isUndefined(yield* server.peek(redisKey("a")))
      })
  )
})

describe("WriteJournal, a server that forgot", () => {
  history("what an old dump brings back is not trusted", (cache, server) =>
    Effect.gen(function* () {
      yield* cache.set("a", "old")
      const dump = yield* server.peek(redisKey("a"))
      yield* TestClock.adjust("5 millis")
      yield* cache.set("a", "new")
      yield* cache.remove("b")
      yield* server.restart({ data: "lost" })
      for (const key of ["a", "b"]) {
        yield* server.execute(RedisCommand.make("SET", [redisKey(key), dump ?? ""]))
      }
      const seen = new Set([...(yield* readsFor(cache, "a", 3000)), ...(yield* readsFor(cache, "b", 3000))])
      assert.isFalse(seen.has("old"))
      assert.isUndefined(yield* server.peek(redisKey("a")))
      assert.isUndefined(yield* server.peek(redisKey("b")))
    })
  )

  history("what an old dump brings back of a region that was cleared is a miss", (cache, server) =>
    Effect.gen(function* () {
      const dump = stored(redisKey("a"), `"old"`)
      yield* server.execute(RedisCommand.make("SET", [redisKey("a"), dump]))
      assert.strictEqual(yield* valueIn(cache, "a"), "old")
      assert.strictEqual(yield* passing(cache.clear), "Applied")
      yield* server.restart({ data: "lost" })
      yield* server.execute(RedisCommand.make("SET", [redisKey("a"), dump]))
      assert.deepStrictEqual(yield* readsFor(cache, "a", 3000), new Set([undefined]))
    })
  )
})

describe("WriteJournal, whole regions", () => {
  history("clear in an outage: Redis is not read until the region is empty there", (cache, server) =>
    Effect.gen(function* () {
      yield* cache.setMany([
        ["a", "old"],
        ["b", "old"]
      ])
      yield* away(cache, server)
      assert.strictEqual(yield* passing(cache.clear), "Deferred")
      yield* passing(cache.set("b", "new"))
      yield* server.heal
      assert.deepStrictEqual(yield* readsFor(cache, "a", 3000), new Set([undefined]))
      assert.isFalse((yield* readsFor(cache, "b", 1000)).has("old"))
      assert.isUndefined(yield* server.peek(redisKey("a")))
    })
  )

  for (const [what, journal] of [
    ["entries", { maxEntries: 3 }],
    ["bytes", { maxBytes: 40 }]
  ] as const) {
    history(
      `more ${what} than fit: the region is emptied in Redis before it is read again`,
      (cache, server) =>
        Effect.gen(function* () {
          const keys = Array.from({ length: 10 }, (_, index) => `k${index}`)
          yield* cache.setMany(keys.map((key) => [key, "old"]))
          yield* away(cache, server)
          for (const key of keys) assert.strictEqual(yield* passing(cache.set(key, "new")), "Deferred")
          for (const key of keys) assert.strictEqual(yield* passing(cache.remove(key)), "Deferred")
          yield* server.heal
          for (const key of keys) assert.isUndefined(yield* valueIn(cache, key))
          yield* TestClock.adjust("3 seconds")
          for (const key of keys) assert.isUndefined(yield* server.peek(redisKey(key)))
          assert.isAbove(yield* countOf(server, "SCAN"), 0)
          assert.strictEqual(yield* cache.set("k0", "new"), "Applied")
          assert.strictEqual(yield* valueIn(cache, "k0"), "new")
          assert.isDefined(yield* server.peek(redisKey("k0")))
        }),
      { journal }
    )
  }
})

describe("WriteJournal, many at once", () => {
  history(
    "more writes on their way than fit overflow nothing: Redis confirms them",
    (cache, server) =>
      Effect.gen(function* () {
        const keys = Array.from({ length: 50 }, (_, index) => `k${index}`)
        yield* cache.set("before", "1")
        const outcomes = yield* Effect.all(
          keys.map((key) => cache.set(key, key)),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(new Set(outcomes), new Set(["Applied"]))
        yield* TestClock.adjust("3 seconds")
        assert.isDefined(yield* server.peek(redisKey("before")))
        assert.strictEqual(yield* countOf(server, "SCAN"), 0)
      }),
    { journal: { maxEntries: 3 } }
  )

  history("one call of more than a connection takes at once goes out in parts", (cache, server) =>
    Effect.gen(function* () {
      yield* cache.set("before", "1")
      const keys = Array.from({ length: 12_000 }, (_, index) => `k${index}`)
      const outcomes = yield* passing(cache.setMany(keys.map((key) => [key, key])))
      assert.strictEqual(outcomes.length, 12_000)
      assert.deepStrictEqual(new Set(outcomes), new Set(["Applied"]))
      assert.deepStrictEqual(new Set(yield* passing(cache.removeMany(keys))), new Set(["Applied"]))
      assert.isDefined(yield* server.peek(redisKey("before")))
    })
  )
})

describe("WriteJournal, closing", () => {
  const removedInOutage = (atClosing: (server: SimulatedRedis.SimulatedRedis) => Effect.Effect<void>) =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.make((options) => lines.push(Logger.formatLogFmt.log(options)))
      const server = yield* SimulatedRedis.SimulatedRedis
      const scope = yield* Scope.make()
      const process = layerProcess({ client: { closeTimeout: "2 seconds" }, logs: Logger.layer([logger]) })
      const context = yield* Layer.buildWithScope(process, scope)
      const cache = yield* Effect.provide(Cache.region(texts), context)
      yield* cache.set("a", "old")
      yield* server.inject(Fault.error("MISCONF"))
      yield* passing(cache.remove("a"))
      yield* atClosing(server)
      yield* passing(Scope.close(scope, Exit.void))
      return { left: yield* server.peek(redisKey("a")), lines }
    }).pipe(Effect.provide(SimulatedRedis.layerServer()))

  it.effect("confirms what it can", () =>
    Effect.gen(function* () {
      const { left, lines } = yield* removedInOutage((server) => server.heal)
      assert.isUndefined(left)
      assert.isFalse(lines.some((line) => line.includes("not confirmed")))
    })
  )

  it.effect("confirms what it can while the circuit is open, where the connection is up", () =>
    Effect.gen(function* () {
      const server = yield* SimulatedRedis.SimulatedRedis
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(layerProcess({ client: { closeTimeout: "2 seconds" } }), scope)
      yield* Effect.gen(function* () {
        const cache = yield* Cache.region(texts)
        yield* cache.set("a", "old")
        const { breaker } = yield* RedisClient.RedisClient
        yield* breaker.trip
        assert.strictEqual(yield* passing(cache.remove("a")), "Deferred")
      }).pipe(Effect.provide(context))
      yield* Scope.close(scope, Exit.void)
      assert.isUndefined(yield* server.peek(redisKey("a")))
    }).pipe(Effect.provide(SimulatedRedis.layerServer()))
  )

  it.effect("a crash loses what was deferred: every older value is read again", () =>
    Effect.gen(function* () {
      const server = yield* SimulatedRedis.SimulatedRedis
      const keys = Array.from({ length: 100 }, (_, index) => `k${index}`)
      const scope = yield* Scope.make()
      // Closing without time to flush is a crash to what was deferred.
      const context = yield* Layer.buildWithScope(layerProcess(), scope)
      const cache = yield* Effect.provide(Cache.region(texts), context)
      yield* cache.setMany(keys.map((key) => [key, "old"]))
      yield* away(cache, server)
      yield* passing(cache.removeMany(keys))
      yield* Scope.close(scope, Exit.void)
      yield* server.heal
      yield* Effect.gen(function* () {
        const next = yield* Cache.region(texts)
        const read = yield* passing(next.getMany(keys))
        assert.strictEqual(read.filter(Option.isSome).length, 100)
      }).pipe(Effect.provide(layerProcess()))
    }).pipe(Effect.provide(SimulatedRedis.layerServer()))
  )

  it.effect("says what is left", () =>
    Effect.gen(function* () {
      const { left, lines } = yield* removedInOutage(() => Effect.void)
      assert.isDefined(left)
      const line = lines.find((line) => line.includes("not confirmed")) ?? assert.fail("it says nothing")
      assert.include(line, "keys=1")
      // Single keys are left, and no region as a whole.
      assert.notInclude(line, "regions=")
    })
  )
})

describe("WriteJournal on a real server", () => {
  it.live("a write that arrives long after its connection was given up has been fenced by CLIENT KILL", () =>
    Effect.gen(function* () {
      const server = yield* Server
      const proxy = yield* TcpProxy.make(server.port)
      const url = `redis://127.0.0.1:${proxy.port}`
      yield* Effect.gen(function* () {
        const cache = yield* Cache.region(texts)
        assert.strictEqual(yield* cache.set("a", "old"), "Applied")
        yield* proxy.late(1000)
        assert.strictEqual(yield* cache.set("a", "late"), "Deferred")
        // The removal is confirmed over a new connection, while the write is still in flight.
        yield* eventually(Effect.map(cache.remove("a"), (outcome) => outcome === "Applied"))
        const { commands } = yield* Effect.map(server.cli("INFO", "commandstats"), (stats) => ({
          commands: String(stats)
        }))
        assert.match(commands, /cmdstat_client\|kill/)
        const startedAt = performance.now()
        const seen = new Set<string | undefined>()
        yield* eventually(
          Effect.map(cache.get("a"), (value) => {
            seen.add(Option.getOrUndefined(value))
            return performance.now() - startedAt > 1500
          })
        )
        assert.deepStrictEqual(seen, new Set([undefined]))
        assert.strictEqual(yield* server.cli("EXISTS", redisKey("a")), 0)
      }).pipe(
        Effect.provide(
          layerRealProcess({
            patience: "200 millis",
            redis: { url, commandTimeout: "200 millis", resetTimeout: "50 millis" }
          })
        )
      )
    }).pipe(Effect.provide(layerServer))
  )

  it.live("what was removed while the server was frozen does not come back when it thaws", () =>
    Effect.gen(function* () {
      const cache = yield* Cache.region(texts)
      const server = yield* Server
      for (let round = 0; round < 5; round++) {
        yield* eventually(Effect.map(cache.set("a", "old"), (outcome) => outcome === "Applied"))
        yield* server.freeze
        const late = yield* Effect.forkChild(cache.set("a", "late"), { startImmediately: true })
        assert.strictEqual(yield* Fiber.join(late), "Deferred")
        assert.strictEqual(yield* cache.remove("a"), "Deferred")
        yield* server.thaw
        let values = new Set<string | undefined>()
        yield* eventually(
          Effect.gen(function* () {
            values = values.add(Option.getOrUndefined(yield* cache.get("a")))
            return (yield* server.cli("EXISTS", redisKey("a"))) === 0 && (yield* cache.set("b", "1")) === "Applied"
          })
        )
        for (let read = 0; read < 50; read++) values.add(Option.getOrUndefined(yield* cache.get("a")))
        assert.deepStrictEqual(values, new Set([undefined]))
      }
    }).pipe(Effect.provide(layerReal({ patience: "200 millis", redis: { resetTimeout: "50 millis" } })))
  )
})
