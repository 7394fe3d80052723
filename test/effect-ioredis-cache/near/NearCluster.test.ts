import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option, type Scope } from "effect"
import { RedisClient, RedisCommand, RedisTopology } from "effect-ioredis"
import { Cache } from "effect-ioredis-cache"
import { scripts } from "effect-ioredis-cache/testing"
import { SimulatedCluster, SimulatedRedis, type SimulatedServer } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { slotOf } from "../../../packages/effect-ioredis/src/internal/slot.ts"
import { caches, quiet } from "../../suites/cacheLayers.ts"
import { asked, fork, keyOf, options, write } from "./NearHarness.ts"

type Server = SimulatedServer.SimulatedServer

const layer = Layer.unwrap(
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

/** A near region on three masters and their replicas. */
interface Harness {
  readonly cluster: SimulatedCluster.SimulatedCluster
  readonly client: RedisClient.RedisClient
  readonly region: Cache.Region<string, string>
  readonly owner: (name: string) => Effect.Effect<Server>
  readonly stranger: (name: string) => Effect.Effect<Server>
  readonly read: (name: string) => Effect.Effect<string | undefined>
  /** Reads, and tells by how many commands. */
  readonly asks: (effect: Effect.Effect<unknown>) => Effect.Effect<number>
  readonly near: (name: string, value: string) => Effect.Effect<void>
  /** Another process writes at the owner. */
  readonly other: (name: string, value: string) => Effect.Effect<void>
}

const test = (title: string, body: (h: Harness) => Effect.Effect<void, unknown, Scope.Scope>) =>
  it.effect(title, () =>
    Effect.gen(function* () {
      const cluster = yield* SimulatedCluster.SimulatedCluster
      yield* TestClock.adjust("1 second")
      const region = yield* Cache.region(options)
      yield* TestClock.adjust("2 seconds")
      const owner = (name: string) => cluster.ownerOf(keyOf(name))
      const read = (name: string) => Effect.map(region.get(name), Option.getOrUndefined)
      const count = Effect.gen(function* () {
        let total = 0
        for (const server of yield* cluster.servers) total += (yield* asked(server)).length
        return total
      })
      const asks = (effect: Effect.Effect<unknown>) =>
        Effect.gen(function* () {
          const before = yield* count
          yield* effect
          return (yield* count) - before
        })
      yield* body({
        cluster,
        client: yield* RedisClient.RedisClient,
        region,
        owner,
        stranger: (name) =>
          Effect.gen(function* () {
            const own = yield* owner(name)
            return (yield* cluster.masters).find((master) => master !== own) ?? assert.fail("there is one master")
          }),
        read,
        asks,
        near: (name, value) =>
          Effect.gen(function* () {
            assert.strictEqual(yield* read(name), value)
            assert.strictEqual(yield* asks(read(name)), 0, "it is not near")
          }),
        other: (name, value) =>
          Effect.gen(function* () {
            yield* write(yield* owner(name), keyOf(name), value)
            yield* TestClock.adjust(1)
          })
      })
    }).pipe(Effect.provide(layer), Effect.scoped, (program) => Effect.andThen(TestClock.adjust("1 hour"), program))
  )

const names = Array.from({ length: 12 }, (_, n) => `k${n}`)

describe("A near region of a cluster", () => {
  test("hears from every master", (h) =>
    Effect.gen(function* () {
      for (const value of ["1", "2"]) {
        for (const name of names) yield* h.other(name, value)
        for (const name of names) yield* h.near(name, value)
      }
      assert.strictEqual(yield* h.asks(h.region.getMany(names)), 0)
    }))

  test("a slot that moves away and back takes with it what was near", (h) =>
    Effect.gen(function* () {
      yield* h.other("k", "old")
      yield* h.near("k", "old")
      const [owner, stranger] = [yield* h.owner("k"), yield* h.stranger("k")]
      // Nobody tells of the keys that stay behind.
      yield* h.cluster.uncover({ key: keyOf("k") })
      yield* h.cluster.moveSlots({ key: keyOf("k") }, stranger)
      yield* h.other("k", "elsewhere")
      assert.isUndefined(yield* patiently(h.read(siblingOf("k"))))
      yield* h.near("k", "elsewhere")
      yield* h.cluster.uncover({ key: keyOf("k") })
      yield* h.cluster.moveSlots({ key: keyOf("k") }, owner)
      assert.isUndefined(yield* patiently(h.read(siblingOf("k"))))
      yield* h.near("k", "old")
      yield* h.other("k", "new")
      yield* h.near("k", "new")
    }))

  test("what another server is asked for once (ASK) is not near", (h) =>
    Effect.gen(function* () {
      yield* h.other("k", "old")
      const stranger = yield* h.stranger("k")
      const migration = yield* h.cluster.migrate({ key: keyOf("k") }, stranger)
      yield* migration.moveKeys(keyOf("k"))
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* patiently(h.read("k")), "old")
      assert.deepStrictEqual(yield* patiently(h.region.getMany(["k"])), [Option.some("old")])
      yield* write(stranger, keyOf("k"), "new")
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* patiently(h.read("k")), "new")
      yield* migration.finish
      yield* patiently(h.read("k"))
      yield* TestClock.adjust("2 seconds")
      yield* h.near("k", "new")
      yield* h.other("k", "newer")
      yield* h.near("k", "newer")
    }))

  test("follows a failover", (h) =>
    Effect.gen(function* () {
      yield* h.other("k", "old")
      yield* h.near("k", "old")
      const owner = yield* h.owner("k")
      yield* h.cluster.failOver(owner)
      yield* write(yield* h.owner("k"), keyOf("k"), "new")
      yield* h.client.run(RedisCommand.make("SET", [keyOf("l"), "l"])).pipe(patiently, Effect.ignore)
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(yield* patiently(h.read("k")), "new")
      yield* h.near("k", "new")
      yield* h.other("k", "newer")
      yield* h.near("k", "newer")
    }))

  test("the trouble of one link is no other's", (h) =>
    Effect.gen(function* () {
      yield* h.other("k", "k")
      const stranger = yield* h.stranger("k")
      yield* stranger.setAccess({ denied: ["SUBSCRIBE"] })
      yield* stranger.restart({ data: "kept" })
      yield* TestClock.adjust("5 seconds")
      yield* h.near("k", "k")
    }))
})

// A name whose key is in the same slot: to ask for it is to learn who owns that.
const siblingOf = (name: string): string => {
  const slot = slotOf(keyOf(name))
  for (let n = 0; ; n++) if (slotOf(keyOf(`sibling${n}`)) === slot) return `sibling${n}`
}

const patiently = <A, E>(call: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const fiber = yield* fork(call)
    yield* TestClock.adjust("2 seconds")
    return yield* Fiber.join(fiber)
  })
