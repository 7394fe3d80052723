import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Layer, Option, Schema, type Scope } from "effect"
import { RedisClient, RedisCommand, RedisTopology } from "effect-ioredis"
import { Cache } from "effect-ioredis-cache"
import { scripts } from "effect-ioredis-cache/testing"
import * as Dispatch from "effect-ioredis/dispatch"
import { Fault, SimulatedCluster, SimulatedRedis, type SimulatedServer } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import * as Journal from "../../packages/effect-ioredis-cache/src/internal/journal/Journal.ts"
import { caches, quiet } from "../suites/cacheLayers.ts"
import { payloadOf, stored } from "../support/Stored.ts"

type Server = SimulatedServer.SimulatedServer

/** A cache with one region on three masters and their replicas. */
class Harness {
  readonly cluster: SimulatedCluster.SimulatedCluster
  readonly region: Cache.Region<string, string>
  readonly journal: Journal.Journal

  constructor(
    cluster: SimulatedCluster.SimulatedCluster,
    region: Cache.Region<string, string>,
    journal: Journal.Journal
  ) {
    this.cluster = cluster
    this.region = region
    this.journal = journal
  }

  readonly key = (name: string) => `cache:texts:v1:=${name}`

  owner(name: string): Effect.Effect<Server> {
    return this.cluster.ownerOf(this.key(name))
  }

  /** A master that does not own a key. */
  stranger(name: string): Effect.Effect<Server> {
    return Effect.gen({ self: this }, function* () {
      const owner = yield* this.owner(name)
      const other = (yield* this.cluster.masters).find((master) => master !== owner)
      return other ?? (yield* Effect.die("there is one master"))
    })
  }

  /** The payload that a server has under a key. */
  held(server: Server, name: string): Effect.Effect<string | undefined> {
    return Effect.map(server.peek(this.key(name)), (text) => (text === undefined ? undefined : payloadOf(text)))
  }

  /** Another process writes. */
  other(server: Server, name: string, value: string) {
    return Effect.flatMap(Clock.currentTimeMillis, (writtenAt) => {
      const text = stored(this.key(name), JSON.stringify(value), { writtenAt, life: 60 * 60 * 1000 })
      return server.execute(RedisCommand.make("SET", [this.key(name), text]))
    })
  }

  read(name: string): Effect.Effect<string | undefined> {
    return Effect.map(this.region.get(name), Option.getOrUndefined)
  }

  /** A name whose key is another master's than that of `name`. */
  elsewhere(name: string): Effect.Effect<string> {
    return Effect.gen({ self: this }, function* () {
      const owner = yield* this.owner(name)
      for (let n = 0; ; n++) if ((yield* this.owner(`other${n}`)) !== owner) return `other${n}`
    })
  }

  readonly after = (duration: "1 second" | "10 seconds" | "1 minute" | "10 minutes") =>
    Effect.map(TestClock.adjust(duration), () => {
      assert.deepStrictEqual(this.journal.checkInvariants(), [])
    })
}

const layerCluster = Layer.unwrap(
  Effect.map(SimulatedCluster.SimulatedCluster, ({ seeds }) =>
    caches().pipe(
      Layer.provideMerge(
        RedisClient.layer({ topology: RedisTopology.cluster({ seeds }), closeTimeout: 0, requireReady: false })
      ),
      Layer.provide(SimulatedRedis.layerConnector),
      Layer.provideMerge(quiet)
    )
  )
).pipe(
  Layer.provideMerge(SimulatedCluster.layer({ masters: 3, replicas: 1, fullCoverage: false, server: { scripts } })),
  Layer.provideMerge(SimulatedRedis.layerServer({ scripts }))
)

const test = (title: string, body: (h: Harness) => Effect.Effect<void, unknown, Scope.Scope>) =>
  it.effect(title, () =>
    Effect.gen(function* () {
      const cluster = yield* SimulatedCluster.SimulatedCluster
      const client = yield* RedisClient.RedisClient
      const region = yield* Cache.region({ name: "texts", version: 1, key: Schema.String, value: Schema.String })
      const journal = yield* Journal.shared(Dispatch.of(client), "cache")
      const harness = new Harness(cluster, region, journal)
      yield* harness.after("1 second")
      yield* body(harness)
    }).pipe(
      Effect.provide(layerCluster),
      Effect.scoped,
      // What was written at the beginning of time is old.
      (program) => Effect.andThen(TestClock.adjust("1 hour"), program)
    )
  )

// What a call is answered with that has to wait for its time to run out.
const patiently = <A, E>(call: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(call)
    yield* TestClock.adjust("2 seconds")
    return yield* Fiber.join(fiber)
  })

describe("A cache on a cluster", () => {
  test("a slot that moves intact loses nothing, and no older value is read", (h) =>
    Effect.gen(function* () {
      for (const name of ["a", "b"]) {
        yield* h.region.set(name, "1")
        assert.strictEqual(yield* h.region.set(name, "2"), "Applied")
      }
      const to = yield* h.stranger("a")
      yield* h.cluster.moveSlots({ key: h.key("a") }, to)
      assert.strictEqual(yield* h.read("a"), "2")
      yield* h.after("10 seconds")
      assert.strictEqual(yield* h.held(to, "a"), '"2"')
      assert.strictEqual(yield* h.read("a"), "2")
      assert.strictEqual(yield* h.read("b"), "2")
      assert.isTrue(h.journal.isAtRest())
    }))

  test("another's later value survives the move", (h) =>
    Effect.gen(function* () {
      yield* h.region.set("a", "1")
      yield* h.after("1 second")
      const from = yield* h.owner("a")
      yield* h.other(from, "a", "theirs")
      const to = yield* h.stranger("a")
      yield* h.cluster.moveSlots({ key: h.key("a") }, to)
      yield* h.after("10 seconds")
      assert.strictEqual(yield* h.held(to, "a"), '"theirs"')
      assert.strictEqual(yield* h.read("a"), "theirs")
    }))

  test("a failover that loses a confirmed write: the older value is a miss, and is removed", (h) =>
    Effect.gen(function* () {
      const master = yield* h.owner("a")
      const replica = yield* h.cluster.replicaOf(master)
      // Nothing but when it was written tells that it is older.
      yield* h.other(master, "a", "1")
      yield* h.after("1 second")
      yield* replica.cutReplication
      assert.strictEqual(yield* h.region.set("a", "2"), "Applied")
      yield* master.inject(Fault.refuse)
      yield* h.cluster.failOver(master)
      assert.strictEqual(yield* h.held(replica, "a"), '"1"')
      for (let n = 0; n < 10; n++) {
        assert.notStrictEqual(yield* patiently(h.read("a")), "1")
      }
      yield* h.after("1 minute")
      assert.isUndefined(yield* h.held(replica, "a"))
      assert.isUndefined(yield* h.read("a"))
    }))

  test("a write in doubt on a dead master is replayed on the promoted one, and nothing stays in the journal", (h) =>
    Effect.gen(function* () {
      yield* h.region.set("a", "1")
      const master = yield* h.owner("a")
      const replica = yield* h.cluster.replicaOf(master)
      yield* h.after("1 second")
      yield* master.inject(Fault.freeze)
      assert.strictEqual(yield* patiently(h.region.set("a", "2")), "Deferred")
      assert.strictEqual(h.journal.size(), 1)
      yield* h.cluster.failOver(master)
      yield* h.after("1 minute")
      assert.strictEqual(yield* h.held(replica, "a"), '"2"')
      assert.strictEqual(h.journal.size(), 0)
      assert.strictEqual(yield* h.read("a"), "2")
    }))

  test("a slot that moves away and back with a write in doubt gives no older value", (h) =>
    Effect.gen(function* () {
      yield* h.region.set("a", "0")
      const from = yield* h.owner("a")
      const to = yield* h.stranger("a")
      yield* h.after("1 second")
      yield* from.inject(Fault.freeze)
      assert.strictEqual(yield* patiently(h.region.set("a", "1")), "Deferred")
      yield* h.cluster.moveSlots({ key: h.key("a") }, to)
      yield* h.after("1 minute")
      assert.strictEqual(h.journal.size(), 0)
      assert.strictEqual(yield* h.held(to, "a"), '"1"')
      assert.strictEqual(yield* h.region.set("a", "2"), "Applied")
      yield* h.cluster.moveSlots({ key: h.key("a") }, from)
      yield* from.heal
      for (let n = 0; n < 10; n++) assert.oneOf(yield* patiently(h.read("a")), ["2", undefined])
      yield* h.after("1 minute")
      assert.oneOf(yield* h.held(from, "a"), ['"2"', undefined])
      assert.strictEqual(h.journal.size(), 0)
    }))

  test("a dead shard makes no miss of what the others have", (h) =>
    Effect.gen(function* () {
      const other = yield* h.elsewhere("a")
      yield* h.region.set("a", "1")
      yield* h.region.set(other, "1")
      const master = yield* h.owner("a")
      yield* master.inject(Fault.refuse)
      yield* h.after("1 second")
      yield* h.other(yield* h.owner(other), other, "theirs")
      const found = yield* patiently(h.region.getMany(["a", other]))
      assert.deepStrictEqual(found.map(Option.getOrUndefined), ["1", "theirs"], "the one of memory, the other of Redis")
      assert.strictEqual(yield* h.region.set(other, "2"), "Applied")
    }))

  test("a cleared region is emptied on each master", (h) =>
    Effect.gen(function* () {
      const other = yield* h.elsewhere("a")
      yield* h.region.set("a", "1")
      yield* h.region.set(other, "1")
      assert.strictEqual(yield* patiently(h.region.clear), "Applied")
      assert.isUndefined(yield* h.held(yield* h.owner("a"), "a"))
      assert.isUndefined(yield* h.held(yield* h.owner(other), other))
    }))
})
