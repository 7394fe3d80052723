import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Effect, Exit, Fiber, Layer, Option, Schema, type Scope } from "effect"
import { RedisClient, RedisTopology, RetryPolicy } from "effect-ioredis"
import { Cache, MemoryCache, RedisCache, RefreshPolicy } from "effect-ioredis-cache"
import { scripts } from "effect-ioredis-cache/testing"
import { Fault, SimulatedCluster, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { caches, layerProcess, quiet } from "../suites/cacheLayers.ts"

const definition = {
  name: "texts",
  version: 1,
  key: Schema.String,
  value: Schema.String,
  timeToLive: "1 minute",
  lease: true
} as const

const keyOf = (name: string) => `cache:texts:v1:=${name}`
const leaseOf = (name: string) => `cache:texts:v1!lease:{${keyOf(name)}}`

/** Another process on the servers of the context. */
const start = Effect.fnUntraced(function* (
  options: Partial<Cache.RegionOptions<string, string>> = {},
  client: RedisClient.Options = {}
) {
  const context = yield* Layer.build(Layer.fresh(layerProcess({ client })))
  const region = yield* Context.get(context, Cache.Cache).region({ ...definition, ...options })
  return { region, client: Context.get(context, RedisClient.RedisClient) }
})

type Server = SimulatedRedis.SimulatedRedis

const test = (
  title: string,
  body: (server: Server) => Effect.Effect<void, unknown, Scope.Scope | Server>,
  options?: SimulatedRedis.Options
) =>
  it.effect(title, () =>
    Effect.flatMap(SimulatedRedis.SimulatedRedis, body).pipe(
      Effect.scoped,
      Effect.provide(SimulatedRedis.layerServer({ scripts, ...options })),
      // What was written at the beginning of time is old.
      (program) => Effect.andThen(TestClock.adjust("1 hour"), program)
    )
  )

const fork = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

/** Lets everything that can run, run. */
const settle = Effect.andThen(
  Effect.forEach(Array.from({ length: 50 }), () => Effect.yieldNow, { discard: true }),
  TestClock.adjust(0)
)

/** Lets time pass in small steps, so that what waits goes on in between. */
const pass = (millis: number) =>
  Effect.forEach(Array.from({ length: Math.ceil(millis / 5) }), () => TestClock.adjust(5), { discard: true })

/** A lookup that counts its runs, and takes so many milliseconds. */
const counting = (millis: number, value: (run: number) => string = (run) => `looked up ${run}`) => {
  let runs = 0
  const effect = Effect.suspend(() => {
    const run = ++runs
    return Effect.as(Effect.sleep(millis), value(run))
  })
  return { effect, runs: () => runs }
}

const ended = <A, E>(fibers: ReadonlyArray<Fiber.Fiber<A, E>>) =>
  Effect.sync(() =>
    Array.from(
      new Set(
        fibers.map((fiber) => {
          const exit = fiber.pollUnsafe()
          return exit === undefined ? "it waits" : Exit.isSuccess(exit) ? exit.value : "it failed"
        })
      )
    )
  )

const leases = (server: Server) =>
  Effect.map(server.entries, (entries) => Array.from(entries.keys()).filter((key) => key.includes("!lease")))

const payload = (server: Server, name: string) =>
  Effect.map(server.peek(keyOf(name)), (text) => text?.slice(text.indexOf(":") + 1))

describe("A region with leases", () => {
  test("4 processes with 50 callers each look a key up once, and give the lease back", (server) =>
    Effect.gen(function* () {
      const processes = yield* Effect.forEach([0, 1, 2, 3], () => start())
      const lookup = counting(100)
      const fibers = yield* Effect.forEach(processes, ({ region }) =>
        Effect.forEach(Array.from({ length: 50 }), () => fork(region.getOrSet("a", lookup.effect)))
      )
      yield* pass(95)
      assert.deepStrictEqual(yield* ended(fibers.flat()), ["it waits"])
      yield* pass(205)
      assert.deepStrictEqual(yield* ended(fibers.flat()), ["looked up 1"])
      assert.strictEqual(lookup.runs(), 1)
      assert.strictEqual(yield* payload(server, "a"), '"looked up 1"')
      assert.deepStrictEqual(yield* leases(server), [])
    }))

  test("whenever another process asks, a lookup that takes no time is not done again", (server) =>
    Effect.gen(function* () {
      const [one, other] = [yield* start(), yield* start()]
      yield* settle
      yield* server.inject(Fault.delay("10 millis"))
      for (let later = 0; later < 60; later += 5) {
        const lookup = counting(0)
        const asked = [yield* fork(one.region.getOrSet(`a${later}`, lookup.effect))]
        yield* pass(later)
        asked.push(yield* fork(other.region.getOrSet(`a${later}`, lookup.effect)))
        yield* pass(300)
        assert.deepStrictEqual(yield* ended(asked), ["looked up 1"])
        assert.strictEqual(lookup.runs(), 1, `${later} ms later`)
        assert.deepStrictEqual(yield* leases(server), [])
      }
    }))

  test("a holder that is slower than its lease renews it", (server) =>
    Effect.gen(function* () {
      const [one, other] = [yield* start(), yield* start()]
      const lookup = counting(900)
      const asked = [
        yield* fork(one.region.getOrSet("a", lookup.effect)),
        yield* fork(other.region.getOrSet("a", lookup.effect))
      ]
      yield* pass(1000)
      assert.deepStrictEqual(yield* ended(asked), ["looked up 1"])
      assert.strictEqual(lookup.runs(), 1)
      assert.deepStrictEqual(yield* leases(server), [])
    }))

  test("a holder that was killed is followed by one other within patience", (server) =>
    Effect.gen(function* () {
      const killed = yield* start()
      const others = yield* Effect.forEach([0, 1, 2], () => start())
      yield* fork(killed.region.getOrSet("a", Effect.never))
      yield* settle
      const lookup = counting(100)
      const asked = yield* Effect.forEach(others, ({ region }) => fork(region.getOrSet("a", lookup.effect)))
      yield* pass(100)
      // Nothing that it sends arrives any more.
      yield* killed.client.breaker.isolate
      yield* pass(390)
      assert.strictEqual(lookup.runs(), 0)
      yield* pass(510)
      assert.deepStrictEqual(yield* ended(asked), ["looked up 1"])
      assert.strictEqual(lookup.runs(), 1)
      assert.strictEqual(yield* payload(server, "a"), '"looked up 1"')
    }))

  test("whoever has waited for its patience looks up for itself, and its value counts", (server) =>
    Effect.gen(function* () {
      const [one, other] = [yield* start(), yield* start()]
      const slow = yield* fork(one.region.getOrSet("a", counting(2000, () => "slow").effect))
      yield* settle
      const asked = yield* fork(other.region.getOrSet("a", Effect.succeed("own")))
      yield* pass(995)
      assert.deepStrictEqual(yield* ended([asked]), ["it waits"])
      yield* pass(5)
      yield* settle
      assert.deepStrictEqual(yield* ended([asked]), ["own"])
      assert.strictEqual(yield* payload(server, "a"), '"own"')
      yield* pass(1000)
      assert.deepStrictEqual(yield* ended([slow]), ["slow"])
      assert.strictEqual(yield* payload(server, "a"), '"own"')
      assert.deepStrictEqual(yield* leases(server), [])
    }))

  for (const [what, remove] of [
    ["remove", (region: Cache.Region<string, string>) => Effect.map(region.remove("a"), (outcome) => [outcome])],
    ["removeMany", (region: Cache.Region<string, string>) => region.removeMany(["a", "b"])]
  ] as const) {
    test(`what was looked up before another process's ${what} is not stored after it`, (server) =>
      Effect.gen(function* () {
        const [one, other] = [yield* start(), yield* start()]
        const asked = yield* fork(one.region.getOrSet("a", counting(100, () => "old").effect))
        yield* pass(50)
        assert.include(yield* remove(other.region), "Applied")
        yield* pass(50)
        yield* settle
        assert.deepStrictEqual(yield* ended([asked]), ["old"])
        assert.strictEqual(yield* payload(server, "a"), undefined)
        assert.strictEqual(yield* other.region.getOrSet("a", Effect.succeed("new")), "new")
        yield* settle
        assert.strictEqual(yield* payload(server, "a"), '"new"')
        assert.deepStrictEqual(yield* one.region.get("a"), Option.some("new"))
      }))
  }

  test("nor is it whenever the remove comes", (server) =>
    Effect.gen(function* () {
      const [one, other] = [yield* start(), yield* start()]
      yield* settle
      yield* server.inject(Fault.delay("10 millis"))
      for (let later = 0; later < 120; later += 5) {
        const name = `a${later}`
        const asked = yield* fork(one.region.getOrSet(name, counting(50, () => "old").effect))
        yield* pass(later)
        // What is looked up from now on is new.
        const removed = yield* fork(other.region.remove(name))
        yield* pass(300)
        assert.deepStrictEqual(yield* ended([asked]), ["old"])
        // Where the lease was not taken yet, there was nothing.
        assert.oneOf((yield* ended([removed]))[0], ["Absent", "Applied"])
        // A lookup that began after the remove is stored.
        if (later >= 20) assert.strictEqual(yield* payload(server, name), undefined, `${later} ms later`)
        assert.deepStrictEqual(yield* leases(server), [])
      }
    }))

  test("nor after a remove that was deferred, once Redis has heard of it", (server) =>
    Effect.gen(function* () {
      const [one, other] = [yield* start(), yield* start()]
      const asked = yield* fork(one.region.getOrSet("a", counting(400, () => "old").effect))
      yield* settle
      yield* other.client.breaker.isolate
      assert.strictEqual(yield* other.region.remove("a"), "Deferred")
      yield* other.client.breaker.reset
      yield* pass(400)
      assert.deepStrictEqual(yield* ended([asked]), ["old"])
      assert.strictEqual(yield* payload(server, "a"), undefined)
    }))

  test("what is set meanwhile stays, and the lease is given back", (server) =>
    Effect.gen(function* () {
      const [one, other] = [yield* start(), yield* start()]
      for (const { region } of [one, other]) {
        yield* fork(one.region.getOrSet("a", counting(100, () => "old").effect))
        yield* pass(50)
        assert.strictEqual(yield* region.set("a", "set"), "Applied")
        yield* pass(60)
        assert.strictEqual(yield* payload(server, "a"), '"set"')
        assert.deepStrictEqual(yield* leases(server), [])
        yield* region.remove("a")
      }
    }))

  test("whoever removes and asks again does not wait for the older lookup", () =>
    Effect.gen(function* () {
      const [one, other] = [yield* start(), yield* start()]
      yield* fork(one.region.getOrSet("a", counting(500, () => "old").effect))
      yield* settle
      yield* other.region.remove("a")
      assert.strictEqual(yield* other.region.getOrSet("a", Effect.succeed("new")), "new")
    }))

  test("those who wait are given what is set meanwhile", () =>
    Effect.gen(function* () {
      const [one, other] = [yield* start(), yield* start()]
      yield* fork(one.region.getOrSet("a", Effect.never))
      yield* settle
      const asked = yield* fork(other.region.getOrSet("a", Effect.die("it is looked up")))
      yield* settle
      yield* one.region.set("a", "set")
      yield* pass(100)
      assert.deepStrictEqual(yield* ended([asked]), ["set"])
    }))

  for (const [what, end] of [
    ["fails", (fiber: Fiber.Fiber<unknown, unknown>) => Effect.andThen(pass(100), Effect.exit(Fiber.join(fiber)))],
    ["is interrupted", (fiber: Fiber.Fiber<unknown, unknown>) => Fiber.interrupt(fiber)]
  ] as const) {
    test(`a lookup that ${what} gives the lease back, and the next one is tried`, (server) =>
      Effect.gen(function* () {
        const [one, other] = [yield* start(), yield* start()]
        const failing = Effect.andThen(Effect.sleep(100), Effect.fail("no"))
        const first = yield* fork(one.region.getOrSet("a", failing))
        yield* settle
        const second = yield* fork(other.region.getOrSet("a", Effect.succeed("b")))
        yield* settle
        yield* end(first)
        yield* settle
        assert.deepStrictEqual(yield* leases(server), [])
        yield* pass(100)
        assert.deepStrictEqual(yield* ended([second]), ["b"])
      }))
  }

  test("a lease whose reply is lost is taken by the sending that repeats it", (server) =>
    Effect.gen(function* () {
      const { region } = yield* start()
      yield* region.getOrSet("first", Effect.succeed("the server knows the scripts"))
      yield* settle
      const isTaking = ({ args, name }: Fault.Target) => name === "EVALSHA" && args[2] === leaseOf("a")
      yield* server.inject(Fault.cut({ executed: true, at: isTaking }))
      const asked = yield* fork(region.getOrSet("a", counting(300).effect))
      yield* pass(250)
      assert.deepStrictEqual(yield* leases(server), [leaseOf("a")])
      yield* pass(400)
      assert.deepStrictEqual(yield* ended([asked]), ["looked up 1"])
      assert.strictEqual(yield* payload(server, "a"), '"looked up 1"')
      assert.deepStrictEqual(yield* leases(server), [])
    }))

  for (const executed of [true, false]) {
    test(`a lease of which nobody heard whether it was taken (${executed}) is given back, and the value stored`, (server) =>
      Effect.gen(function* () {
        const { region } = yield* start({}, { retry: RetryPolicy.none })
        yield* region.getOrSet("first", Effect.succeed("the server knows the scripts"))
        yield* settle
        const isTaking = ({ args, name }: Fault.Target) => name === "EVALSHA" && args[2] === leaseOf("a")
        yield* server.inject(Fault.cut({ executed, at: isTaking }))
        const asked = yield* fork(region.getOrSet("a", counting(300).effect))
        yield* pass(250)
        assert.deepStrictEqual(yield* leases(server), executed ? [leaseOf("a")] : [])
        yield* pass(60)
        assert.deepStrictEqual(yield* ended([asked]), ["looked up 1"])
        assert.deepStrictEqual(yield* leases(server), [])
        assert.strictEqual(yield* payload(server, "a"), '"looked up 1"')
      }))
  }
})

describe("Without an answer of Redis", () => {
  test("one lookup runs in each process, after patience at most", (server) =>
    Effect.gen(function* () {
      const processes = yield* Effect.forEach([0, 1, 2], () => start())
      yield* settle
      yield* server.inject(Fault.freeze)
      const lookup = counting(100, () => "own")
      const asked = yield* Effect.forEach(processes, ({ region }) =>
        Effect.forEach([0, 1, 2], () => fork(region.getOrSet("a", lookup.effect)))
      )
      yield* pass(1100)
      assert.deepStrictEqual(yield* ended(asked.flat()), ["own"])
      assert.strictEqual(lookup.runs(), 3)
    }))

  test("whoever waits when it stops answering waits no longer than patience", (server) =>
    Effect.gen(function* () {
      const [one, other] = [yield* start(), yield* start()]
      yield* fork(one.region.getOrSet("a", Effect.never))
      yield* settle
      const asked = yield* fork(other.region.getOrSet("a", Effect.succeed("own")))
      yield* pass(500)
      yield* server.inject(Fault.freeze)
      yield* pass(495)
      assert.deepStrictEqual(yield* ended([asked]), ["it waits"])
      yield* pass(5)
      yield* settle
      assert.deepStrictEqual(yield* ended([asked]), ["own"])
    }))

  test("an open circuit is not waited for", () =>
    Effect.gen(function* () {
      const { client, region } = yield* start()
      yield* client.breaker.isolate
      assert.strictEqual(yield* region.getOrSet("a", Effect.succeed("own")), "own")
      assert.deepStrictEqual(yield* region.get("a"), Option.some("own"))
    }))

  for (const denied of [["EVAL", "EVALSHA"], ["SET"], ["GET", "MGET"]]) {
    test(
      `a user without ${denied.join(" and ")} looks up in each process, at once`,
      (server) =>
        Effect.gen(function* () {
          const [one, other] = [yield* start(), yield* start()]
          const lookup = counting(100, () => "own")
          const asked = [
            yield* fork(one.region.getOrSet("a", lookup.effect)),
            yield* fork(other.region.getOrSet("a", lookup.effect))
          ]
          yield* pass(120)
          assert.deepStrictEqual(yield* ended(asked), ["own"])
          assert.strictEqual(yield* payload(server, "a"), denied.includes("SET") ? undefined : '"own"')
          yield* one.region.getOrSet("b", lookup.effect).pipe(fork)
          yield* settle
          // What is refused is not asked for again at once.
          const again = (yield* server.received).filter(({ args }) => args.includes(leaseOf("b")))
          assert.deepStrictEqual(again, [])
          // Without SET the region runs on memory.
          assert.strictEqual(yield* one.region.remove("a"), denied.includes("SET") ? "Deferred" : "Applied")
          assert.strictEqual(yield* payload(server, "a"), undefined)
          assert.deepStrictEqual(yield* leases(server), [])
        }),
      { denied }
    )
  }
})

describe("A refresh under leases", () => {
  const due = { refresh: RefreshPolicy.fromAge("10 seconds") }

  test("one process alone refreshes, and the others go on with what there is", (server) =>
    Effect.gen(function* () {
      const processes = yield* Effect.forEach([0, 1, 2, 3], () => start(due))
      yield* processes[0]?.region.set("a", "old") ?? Effect.void
      yield* TestClock.adjust("11 seconds")
      const lookup = counting(300, () => "new")
      for (let time = 0; time < 290; time += 10) {
        for (const { region } of processes) assert.strictEqual(yield* region.getOrSet("a", lookup.effect), "old")
        yield* TestClock.adjust(10)
      }
      yield* pass(30)
      for (const { region } of processes) assert.strictEqual(yield* region.getOrSet("a", lookup.effect), "new")
      assert.strictEqual(lookup.runs(), 1)
      assert.deepStrictEqual(yield* leases(server), [])
      const asked = (yield* server.received).filter(({ args }) => args.includes(leaseOf("a")))
      // Each of the others has asked every 100 ms, and the holder has renewed its lease once.
      assert.isBelow(asked.length, 20)
    }))

  test("who finds no value while a refresh is left to another process does not get the old one", () =>
    Effect.gen(function* () {
      const [one, other, third] = [yield* start(due), yield* start(due), yield* start(due)]
      yield* one.region.set("a", "old")
      yield* TestClock.adjust("11 seconds")
      const lookup = counting(300, () => "older")
      assert.strictEqual(yield* one.region.getOrSet("a", lookup.effect), "old")
      yield* settle
      assert.strictEqual(yield* other.region.getOrSet("a", lookup.effect), "old")
      yield* settle
      yield* third.region.remove("a")
      const asked = yield* fork(other.region.getOrSet("a", Effect.succeed("new")))
      yield* pass(120)
      assert.deepStrictEqual(yield* ended([asked]), ["new"])
      yield* pass(300)
      assert.deepStrictEqual(yield* one.region.get("a"), Option.some("new"))
      assert.strictEqual(lookup.runs(), 1)
    }))

  test("a lookup that was overtaken gives back no lease but its own", (server) =>
    Effect.gen(function* () {
      const [one, other] = [yield* start(), yield* start()]
      const older = yield* fork(one.region.getOrSet("a", Effect.never))
      yield* settle
      yield* fork(other.region.refresh("a", counting(500, () => "newer").effect))
      yield* pass(100)
      yield* Fiber.interrupt(older)
      yield* settle
      assert.deepStrictEqual(yield* leases(server), [leaseOf("a")])
      yield* pass(420)
      assert.strictEqual(yield* payload(server, "a"), '"newer"')
    }))

  for (const [took, knows] of [
    [200, "knows no script"],
    [400, "knows the scripts"]
  ] as const) {
    test(`one renews its lease where Redis takes ${took} ms and ${knows}, and its value is stored`, (server) =>
      Effect.gen(function* () {
        const { region } = yield* start()
        if (knows === "knows the scripts") {
          yield* fork(region.refresh("first", counting(300).effect))
          yield* pass(350)
        }
        yield* region.set("a", "old")
        yield* server.inject(Fault.delay(took))
        const asked = yield* fork(region.refresh("a", counting(1000, () => "new").effect))
        yield* pass(3000)
        yield* server.heal
        // What was asked before is answered as late as before.
        yield* pass(took)
        assert.deepStrictEqual(yield* ended([asked]), ["new"])
        assert.deepStrictEqual(yield* region.get("a"), Option.some("new"))
        assert.deepStrictEqual(yield* leases(server), [])
      }))
  }

  test("one that its caller waits for overtakes the lookup of another process", (server) =>
    Effect.gen(function* () {
      const [one, other] = [yield* start(), yield* start()]
      const older = yield* fork(one.region.getOrSet("a", counting(300, () => "older").effect))
      yield* settle
      const newer = yield* fork(other.region.refresh("a", counting(500, () => "newer").effect))
      yield* pass(100)
      const third = yield* start()
      const waiting = yield* fork(third.region.getOrSet("a", Effect.die("it is looked up")))
      yield* pass(250)
      assert.deepStrictEqual(yield* ended([older]), ["older"])
      assert.strictEqual(yield* payload(server, "a"), undefined)
      yield* pass(300)
      assert.deepStrictEqual(yield* ended([newer, waiting]), ["newer"])
      assert.strictEqual(yield* payload(server, "a"), '"newer"')
      assert.deepStrictEqual(yield* leases(server), [])
    }))
})

describe("Leases elsewhere", () => {
  it.effect("a strict cache has them too", () =>
    Effect.gen(function* () {
      const server = yield* SimulatedRedis.SimulatedRedis
      const strict = Effect.gen(function* () {
        const context = yield* Layer.build(Layer.fresh(layerProcess()))
        return yield* Context.get(context, RedisCache.RedisCache).region(definition)
      })
      const [one, other] = [yield* strict, yield* strict]
      const lookup = counting(100)
      const asked = [yield* fork(one.getOrSet("a", lookup.effect)), yield* fork(other.getOrSet("a", lookup.effect))]
      yield* pass(300)
      assert.deepStrictEqual(yield* ended(asked), ["looked up 1"])
      assert.deepStrictEqual(yield* leases(server), [])
      const stale = yield* fork(one.getOrSet("b", lookup.effect))
      yield* settle
      yield* other.remove("b")
      yield* pass(100)
      assert.deepStrictEqual(yield* ended([stale]), ["looked up 2"])
      assert.strictEqual(yield* payload(server, "b"), undefined)
    }).pipe(Effect.scoped, Effect.provide(SimulatedRedis.layerServer({ scripts })))
  )

  it.effect("memory alone looks up as ever", () =>
    Effect.gen(function* () {
      const region = yield* Cache.region(definition)
      assert.strictEqual(yield* region.getOrSet("a", Effect.succeed("own")), "own")
    }).pipe(Effect.provide(MemoryCache.layerCache))
  )

  it.effect("several connections to one server: a key and its lease are removed by one command", () =>
    Effect.gen(function* () {
      const server = yield* SimulatedRedis.SimulatedRedis
      const context = yield* Layer.build(layerProcess({ client: { connections: 4 } }))
      yield* TestClock.adjust("1 second")
      const region = yield* Context.get(context, Cache.Cache).region(definition)
      for (let n = 0; n < 20; n++) yield* region.remove(`k${n}`)
      yield* region.removeMany(Array.from({ length: 20 }, (_, n) => `k${n}`))
      const removals = (yield* server.received).filter(({ name }) => name === "UNLINK")
      assert.deepStrictEqual(
        removals.map(({ args }) => args.length),
        removals.map(() => 2)
      )
    }).pipe(Effect.scoped, Effect.provide(SimulatedRedis.layerServer({ scripts })))
  )

  it.effect("a definition that differs is refused", () =>
    Effect.gen(function* () {
      yield* Cache.region(definition)
      const exit = yield* Effect.exit(Cache.region({ ...definition, lease: false }))
      assert.include(Exit.isFailure(exit) ? String(Cause.squash(exit.cause)) : "", "another lease")
    }).pipe(Effect.provide(MemoryCache.layerCache))
  )

  const layerCluster = Layer.unwrap(
    Effect.map(SimulatedCluster.SimulatedCluster, ({ seeds }) =>
      Layer.provide(
        caches(),
        RedisClient.layer({ topology: RedisTopology.cluster({ seeds }), closeTimeout: 0, requireReady: false })
      )
    )
  ).pipe(Layer.provide(SimulatedRedis.layerConnector), Layer.provideMerge(quiet))

  const testOnCluster = (
    title: string,
    body: (
      one: Cache.Region<string, string>,
      other: Cache.Region<string, string>,
      cluster: SimulatedCluster.SimulatedCluster
    ) => Effect.Effect<void>
  ) =>
    it.effect(title, () =>
      Effect.gen(function* () {
        yield* TestClock.adjust("1 hour")
        const region = Effect.gen(function* () {
          const context = yield* Layer.build(Layer.fresh(layerCluster))
          return yield* Context.get(context, Cache.Cache).region(definition)
        })
        const [one, other] = [yield* region, yield* region]
        yield* TestClock.adjust("1 second")
        yield* body(one, other, yield* SimulatedCluster.SimulatedCluster)
      }).pipe(
        Effect.scoped,
        Effect.provide(
          SimulatedCluster.layer({ masters: 3, server: { scripts } }).pipe(
            Layer.provideMerge(SimulatedRedis.layerServer({ scripts }))
          )
        )
      )
    )

  testOnCluster("a lease stands on the server of its key", (one, other, cluster) =>
    Effect.gen(function* () {
      for (const name of ["a", "b", "c", "d"]) {
        const lookup = counting(100)
        const asked = [yield* fork(one.getOrSet(name, lookup.effect)), yield* fork(other.getOrSet(name, lookup.effect))]
        yield* pass(50)
        const owner = yield* cluster.ownerOf(keyOf(name))
        assert.isTrue((yield* owner.entries).has(leaseOf(name)))
        yield* pass(200)
        assert.deepStrictEqual(yield* ended(asked), ["looked up 1"])
        assert.isFalse((yield* owner.entries).has(leaseOf(name)))
        const stale = yield* fork(one.getOrSet(`${name}2`, lookup.effect))
        yield* pass(50)
        assert.strictEqual(yield* other.remove(`${name}2`), "Applied")
        yield* pass(60)
        assert.deepStrictEqual(yield* ended([stale]), ["looked up 2"])
        assert.deepStrictEqual(yield* one.get(`${name}2`), Option.none())
      }
    })
  )

  testOnCluster("while its slot is moved, a key is removed without its lease", (one, other, cluster) =>
    Effect.gen(function* () {
      yield* one.set("a", "old")
      const from = yield* cluster.ownerOf(keyOf("a"))
      const to = (yield* cluster.masters).find((master) => master !== from)
      const migration = yield* cluster.migrate({ key: keyOf("a") }, to ?? assert.fail("there is one master"))
      const removed = yield* fork(other.remove("a"))
      yield* pass(2000)
      assert.deepStrictEqual(yield* ended([removed]), ["Deferred"])
      assert.isUndefined(yield* from.peek(keyOf("a")))
      assert.deepStrictEqual(yield* one.get("a"), Option.none())
      yield* migration.finish
      yield* pass(1000)
      assert.strictEqual(yield* other.remove("a"), "Applied")
    })
  )
})
