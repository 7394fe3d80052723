import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Metric, Option, Redacted } from "effect"
import { RedisClient, RedisCommand } from "effect-ioredis"
import { Cache, HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
import { scripts } from "effect-ioredis-cache/testing"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { caches, layerProcess } from "../../suites/cacheLayers.ts"
import { asked, fork, keyOf, maxStaleness, options, test, write } from "./NearHarness.ts"

const registry: Metric.MetricRegistry = new Map()

describe("A near region", () => {
  test("answers from memory what it has read, and asks for what it has not", (h) =>
    Effect.gen(function* () {
      yield* h.other("k", "v")
      assert.strictEqual(yield* h.asks(h.read("k")), 1)
      assert.strictEqual(yield* h.asks(Effect.andThen(h.read("k"), h.read("k"))), 0)
      assert.strictEqual(yield* h.read("k"), "v")
      assert.strictEqual(yield* h.asks(h.read("absent")), 1)
      assert.strictEqual(yield* h.asks(h.read("absent")), 1)
      assert.strictEqual(yield* h.asks(h.region.getOrSet("k", Effect.succeed("never"))), 0)
      assert.strictEqual((yield* h.cache.stats).memoryHits, 4)
    }))

  test("sees what another process writes", (h) =>
    Effect.gen(function* () {
      for (const value of ["1", "2", "3"]) {
        yield* h.other("k", value)
        yield* h.near("k", value)
      }
      yield* h.server.execute(RedisCommand.make("UNLINK", [keyOf("k")]))
      yield* TestClock.adjust(1)
      assert.isUndefined(yield* h.read("k"))
    }))

  test("asks in one command for what is left of a getMany", (h) =>
    Effect.gen(function* () {
      for (const name of ["a", "b", "c", "d"]) yield* h.other(name, name)
      yield* h.near("b", "b")
      yield* h.near("d", "d")
      const before = (yield* asked(h.server)).length
      const read = yield* h.region.getMany(["a", "b", "c", "d"])
      assert.deepStrictEqual(read.map(Option.getOrUndefined), ["a", "b", "c", "d"])
      assert.deepStrictEqual((yield* asked(h.server)).slice(before), [`${keyOf("a")} ${keyOf("c")}`])
      assert.strictEqual(yield* h.asks(h.region.getMany(["d", "c", "b", "a"])), 0)
    }))

  it.effect("makes no link that is defined after the end of its cache", () =>
    Effect.gen(function* () {
      const server = yield* SimulatedRedis.SimulatedRedis
      const cache = yield* Effect.provide(Cache.Cache, Layer.fresh(caches()))
      yield* cache.region(options)
      yield* TestClock.adjust("1 second")
      assert.notInclude(
        (yield* server.received).map(({ name }) => name),
        "SUBSCRIBE"
      )
    }).pipe(
      Effect.provide(
        RedisClient.layer({ closeTimeout: 0, requireReady: false }).pipe(
          Layer.provide(SimulatedRedis.layerConnector),
          Layer.provideMerge(SimulatedRedis.layerServer({ scripts }))
        )
      )
    )
  )

  it.effect("is the only one that makes a link, which ends with the cache", () =>
    Effect.gen(function* () {
      const server = yield* SimulatedRedis.SimulatedRedis
      yield* Effect.gen(function* () {
        yield* TestClock.adjust("1 second")
        yield* Cache.region({ ...options, name: "plain", near: undefined })
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual(yield* server.connections, 1)
        yield* Cache.region(options)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* server.connections, 2)
      }).pipe(Effect.provide(layerProcess()))
      assert.strictEqual(yield* server.connections, 0)
    }).pipe(Effect.provide(SimulatedRedis.layerServer({ scripts })))
  )

  test("beside it, a region that is not near asks at each read", (h) =>
    Effect.gen(function* () {
      const plain = yield* Cache.region({ ...options, name: "plain", near: undefined })
      yield* write(h.server, keyOf("k", "plain"), "v")
      yield* plain.get("k")
      assert.strictEqual(yield* h.asks(plain.get("k")), 1)
    }))

  test("its life ends as everywhere", (h) =>
    Effect.gen(function* () {
      yield* h.region.set("k", "v", { timeToLive: "3 seconds" })
      yield* TestClock.adjust(1)
      yield* h.near("k", "v")
      yield* TestClock.adjust("3 seconds")
      assert.isUndefined(yield* h.read("k"))
    }))
})

describe("The rules, each by the history that it prevents", () => {
  test("spoil: a reply that is older than a notice is not near", (h) =>
    Effect.gen(function* () {
      yield* h.other("k", "old")
      h.data().hold()
      const reading = yield* fork(h.read("k"))
      yield* TestClock.adjust(1)
      yield* h.other("k", "new")
      h.data().release()
      assert.strictEqual(yield* Fiber.join(reading), "old")
      yield* h.near("k", "new")
    }))

  test("spoil: each key of a getMany by itself", (h) =>
    Effect.gen(function* () {
      yield* h.other("k", "old")
      yield* h.other("l", "l")
      h.data().hold()
      const reading = yield* fork(h.region.getMany(["k", "l"]))
      yield* TestClock.adjust(1)
      yield* h.other("k", "new")
      h.data().release()
      yield* Fiber.join(reading)
      assert.strictEqual(yield* h.asks(h.read("l")), 0)
      yield* h.near("k", "new")
    }))

  test("spoil is no newer intent: an own write stays the last, and a lookup goes on", (h) =>
    Effect.gen(function* () {
      h.data().hold()
      const setting = yield* fork(h.region.set("k", "own"))
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* h.read("k"), "own")
      h.data().release()
      assert.strictEqual(yield* Fiber.join(setting), "Applied")
      const looking = yield* fork(h.region.getOrSet("l", Effect.as(Effect.sleep("1 second"), "found")))
      yield* TestClock.adjust("500 millis")
      yield* h.server.execute(RedisCommand.make("UNLINK", [keyOf("l")]))
      yield* TestClock.adjust("500 millis")
      assert.strictEqual(yield* Fiber.join(looking), "found")
      yield* TestClock.adjust(1)
      yield* h.near("l", "found")
    }))

  test("epoch: what was read before the link broke is not near after it", (h) =>
    Effect.gen(function* () {
      yield* h.other("k", "old")
      yield* h.near("k", "old")
      const link = (yield* h.server.clients).at(-1)
      yield* h.server.inject(Fault.cut({ executed: false }), { connection: link })
      yield* h.other("k", "new")
      assert.strictEqual(yield* h.read("k"), "new")
      yield* TestClock.adjust("3 seconds")
      yield* h.other("l", "l")
      yield* h.near("l", "l")
      yield* h.near("k", "new")
    }))

  test("lease: a silent link is believed no longer than maxStaleness, and replaced", (h) =>
    Effect.gen(function* () {
      yield* h.other("k", "old")
      yield* h.near("k", "old")
      h.link().hold()
      const silent = h.connections.length
      // What is acknowledged as long ago as that is no longer hidden.
      yield* h.other("k", "new")
      yield* TestClock.adjust(maxStaleness - 252)
      assert.strictEqual(yield* h.read("k"), "old")
      yield* TestClock.adjust(251)
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* h.read("k"), "new")
      assert.strictEqual(yield* h.asks(h.read("k")), 1)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(h.connections.length, silent + 1)
      yield* h.near("k", "new")
    }))

  test("lease: clocks that jump apart end it until the next PING", (h) =>
    Effect.gen(function* () {
      yield* h.other("k", "v")
      yield* h.near("k", "v")
      h.clock.wallOffset = 5000
      assert.strictEqual(yield* h.asks(h.read("k")), 1)
      yield* TestClock.adjust(maxStaleness / 4)
      assert.strictEqual(yield* h.asks(h.read("k")), 0)
    }))

  test("own values are not near when they are applied, only when they are read again", (h) =>
    Effect.gen(function* () {
      h.data().hold()
      const setting = yield* fork(h.region.set("k", "own"))
      yield* TestClock.adjust(1)
      yield* h.other("k", "other")
      h.data().release()
      assert.strictEqual(yield* Fiber.join(setting), "Applied")
      yield* h.near("k", "other")
      yield* h.region.set("l", "own")
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* h.asks(h.read("l")), 1)
      yield* h.near("l", "own")
    }))

  test("all: when everything is forgotten nothing is near, and nothing that is under way", (h) =>
    Effect.gen(function* () {
      yield* h.other("k", "k")
      yield* h.other("l", "l")
      yield* h.near("k", "k")
      h.data().hold()
      const reading = yield* fork(h.read("l"))
      yield* TestClock.adjust(1)
      yield* h.server.execute(RedisCommand.make("FLUSHALL"))
      yield* TestClock.adjust(1)
      h.data().release()
      assert.strictEqual(yield* Fiber.join(reading), "l")
      assert.isUndefined(yield* h.read("k"))
      assert.isUndefined(yield* h.read("l"))
    }))

  test(
    "one run_id: a link to another server than the data makes nothing near",
    (h) =>
      Effect.gen(function* () {
        yield* h.other("k", "old")
        assert.strictEqual(yield* h.read("k"), "old")
        yield* h.other("k", "new")
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* h.read("k"), "new")
        assert.strictEqual(yield* h.asks(h.read("k")), 1)
      }),
    {
      // Data connections stay where they are.
      before: (server) =>
        Effect.flatMap(server.server({ host: "another", port: 6379 }), (another) =>
          server.route({ host: "localhost", port: 6379 }, another)
        )
    }
  )

  test("one run_id: a data connection that comes to reach another server ends the epoch", (h) =>
    Effect.gen(function* () {
      yield* h.other("k", "old")
      yield* h.near("k", "old")
      const another = yield* h.server.server({ host: "another", port: 6379 })
      yield* h.server.route({ host: "localhost", port: 6379 }, another)
      const [data] = yield* h.server.clients
      yield* h.server.inject(Fault.cut({ executed: false }), { connection: data })
      yield* TestClock.adjust(900)
      yield* write(another, keyOf("k"), "new")
      assert.strictEqual(yield* h.read("k"), "new")
      // The link follows.
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual(yield* h.read("k"), "new")
      const before = (yield* asked(another)).length
      assert.strictEqual(yield* h.read("k"), "new")
      assert.strictEqual((yield* asked(another)).length, before)
    }))

  test("one run_id: a data connection to the same server again ends nothing", (h) =>
    Effect.gen(function* () {
      yield* h.other("k", "v")
      yield* h.near("k", "v")
      const [data] = yield* h.server.clients
      yield* h.server.inject(Fault.cut({ executed: false }), { connection: data })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* h.asks(h.read("k")), 0)
    }))

  test("a history that changes ends the epoch: nobody is told of a promotion", (h) =>
    Effect.gen(function* () {
      yield* h.other("k", "v")
      yield* h.near("k", "v")
      const master = yield* h.server.server({ host: "master", port: 6379 })
      yield* h.server.replicaOf(master)
      yield* h.server.promote
      yield* TestClock.adjust("1500 millis")
      assert.strictEqual(yield* h.asks(h.read("k")), 1)
    }))

  test("demote, do not drop: an outage is answered with what was told as written", (h) =>
    Effect.gen(function* () {
      yield* h.other("k", "old")
      yield* h.near("k", "old")
      yield* h.other("k", "new")
      yield* h.server.inject(Fault.refuse)
      const reading = yield* fork(h.read("k"))
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* Fiber.join(reading), "old")
    }))

  test("journal first: a deferred write is what is read", (h) =>
    Effect.gen(function* () {
      yield* h.other("k", "old")
      yield* h.near("k", "old")
      h.data().hold()
      const setting = yield* fork(h.region.set("k", "own"))
      assert.strictEqual(yield* h.read("k"), "own")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(setting), "Deferred")
      assert.strictEqual(yield* h.read("k"), "own")
      const removing = yield* fork(h.region.remove("k"))
      assert.isUndefined(yield* h.read("k"))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(removing), "Deferred")
      assert.isUndefined(yield* h.read("k"))
    }))

  test("journal first, asked again at the reply", (h) =>
    Effect.gen(function* () {
      yield* h.other("k", "old")
      h.data().hold()
      const reading = yield* fork(h.read("k"))
      yield* TestClock.adjust(1)
      yield* h.client.breaker.isolate
      assert.strictEqual(yield* h.region.set("k", "own"), "Deferred")
      h.data().release()
      assert.strictEqual(yield* Fiber.join(reading), "own")
    }))
})

describe("The links", () => {
  const permitted = [
    ["SUBSCRIBE", "+subscribe &__redis__:invalidate"],
    ["CLIENT TRACKING", "+client|tracking"],
    ["CLIENT ID", "+client|id"],
    ["INFO", "+info"]
  ] as const
  for (const [denied, missing] of permitted) {
    test(
      `without ${denied} each read asks Redis, and one warning says what is missing`,
      (h) =>
        Effect.gen(function* () {
          yield* h.other("k", "v")
          yield* h.read("k")
          assert.strictEqual(yield* h.asks(h.read("k")), 1)
          yield* TestClock.adjust("1 minute")
          const warnings = () => h.captured.logs.filter((line) => line.includes("Near regions"))
          assert.strictEqual(warnings().length, 1)
          assert.include(warnings()[0], missing)
          yield* h.client.reconnect
          yield* TestClock.adjust("3 seconds")
          assert.strictEqual(yield* h.server.connections, 1)
          yield* h.server.setAccess({})
          yield* h.client.reconnect
          yield* TestClock.adjust("3 seconds")
          yield* h.near("k", "v")
          assert.strictEqual(warnings().length, 1)
        }),
      { server: { denied: [denied] } }
    )
  }

  test("a region that is defined later is heard too, and the others go on meanwhile", (h) =>
    Effect.gen(function* () {
      yield* h.other("k", "v")
      yield* h.near("k", "v")
      const names = ["later", "latest"]
      const regions = []
      yield* h.server.inject(Fault.delay("200 millis"))
      for (const name of names) regions.push(yield* Cache.region({ ...options, name }))
      yield* TestClock.adjust("300 millis")
      assert.strictEqual(yield* h.server.connections, 3)
      assert.strictEqual(yield* h.asks(h.read("k")), 0)
      yield* h.server.heal
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* h.server.connections, 2)
      yield* h.near("k", "v")
      for (const [index, name] of names.entries()) {
        const region = regions[index]
        for (const value of ["1", "2"]) {
          yield* write(h.server, keyOf("k", name), value)
          yield* TestClock.adjust(1)
          assert.deepStrictEqual(yield* region?.get("k") ?? Effect.die("none"), Option.some(value))
          assert.strictEqual(yield* h.asks(region?.get("k") ?? Effect.die("none")), 0)
        }
      }
    }))

  test("the caches of one client share them, and each hears", (h) =>
    Effect.gen(function* () {
      const layer = HybridCache.layer().pipe(
        Layer.provide([Layer.fresh(RedisCache.layer()), Layer.fresh(MemoryCache.layer())]),
        Layer.provide(Layer.succeed(RedisClient.RedisClient, h.client))
      )
      yield* Effect.gen(function* () {
        const region = yield* Cache.region(options)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* h.server.connections, 2)
        const read = Effect.map(region.get("k"), Option.getOrUndefined)
        for (const value of ["1", "2"]) {
          yield* h.other("k", value)
          yield* h.near("k", value)
          assert.strictEqual(yield* read, value)
          assert.strictEqual(yield* h.asks(read), 0)
        }
        assert.strictEqual(yield* h.region.set("k", "own"), "Applied")
        assert.strictEqual(yield* read, "own")
      }).pipe(Effect.provide(Layer.fresh(layer)))
      yield* h.other("k", "3")
      yield* h.near("k", "3")
    }))

  test(
    "show in the metrics that they stand, what they told and what that took",
    (h) =>
      Effect.gen(function* () {
        const shown = Effect.map(Metric.snapshot, (all) =>
          ["cache.near.links", "cache.near.notices", "cache.near.demotions"].map((id) => {
            const metric = all.find((metric) => metric.id === id)
            assert.strictEqual(metric?.attributes?.["cache.name"], "redis")
            if (metric?.type === "Gauge") return Number(metric.state.value)
            return metric?.type === "Counter" ? Number(metric.state.count) : undefined
          })
        )
        assert.deepStrictEqual(yield* shown, [1, 0, 0])
        yield* h.other("k", "1")
        yield* h.other("k", "2")
        yield* h.near("k", "2")
        assert.deepStrictEqual(yield* shown, [1, 2, 0])
        yield* h.other("k", "3")
        yield* h.other("k", "4")
        assert.deepStrictEqual(yield* shown, [1, 4, 1])
        yield* h.server.execute(RedisCommand.make("FLUSHALL"))
        yield* TestClock.adjust(1)
        yield* h.server.inject(Fault.refuse)
        yield* TestClock.adjust(1)
        assert.deepStrictEqual(yield* shown, [0, 5, 1])
      }).pipe(Effect.provideService(Metric.MetricRegistry, registry)),
    { registry }
  )

  test("a server that cuts every link is not logged in to in a loop", (h) =>
    Effect.gen(function* () {
      const before = (yield* h.server.attempts).length
      for (let n = 0; n < 600; n++) {
        const links = (yield* h.server.clients).slice(1)
        for (const connection of links) yield* h.server.inject(Fault.cut({ executed: false }), { connection })
        yield* TestClock.adjust(100)
      }
      assert.isBelow((yield* h.server.attempts).length - before, 30)
      yield* TestClock.adjust("10 seconds")
      yield* h.other("k", "v")
      yield* h.near("k", "v")
    }))

  test(
    "is made again when its password expires, which it cannot renew in place",
    (h) =>
      Effect.gen(function* () {
        yield* h.other("k", "v")
        for (let n = 0; n < 5; n++) {
          yield* TestClock.adjust("50 seconds")
          yield* h.near("k", "v")
        }
        assert.isAbove((yield* h.server.attempts).length, 4)
        assert.deepStrictEqual(
          h.captured.logs.filter((line) => line.includes("level=Warn")),
          []
        )
      }),
    {
      client: { login: Effect.succeed({ password: Redacted.make("secret"), expiresIn: "1 minute" }) },
      server: { password: "secret" }
    }
  )

  test("is made again after an outage", (h) =>
    Effect.gen(function* () {
      yield* h.other("k", "v")
      yield* h.near("k", "v")
      yield* h.server.inject(Fault.refuse)
      yield* TestClock.adjust("1 minute")
      yield* h.server.heal
      yield* TestClock.adjust("10 seconds")
      yield* h.near("k", "v")
    }))
})
