import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, Result, Scope, Stream } from "effect"
import { RedisClient, RedisCommand, RedisConnector, RedisReservation, RedisTopology, RetryPolicy } from "effect-ioredis"
import { Fault, type SimulatedServer } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { receivedBy, withCluster } from "../../support/VirtualCluster.ts"
import { fork, result } from "../../support/VirtualRedis.ts"

const keys = (count: number, prefix = "k") => Array.from({ length: count }, (_, n) => `${prefix}${n}`)

const incr = (key: string) => RedisCommand.make("INCR", [key])

const publish = RedisCommand.make("PUBLISH", ["c", "m"])

/** Runs a test with a connection that was reserved on a server whose slots are another's by now. */
const withReserved = <A, E>(
  use: (given: {
    readonly connection: RedisReservation.RedisReservation
    readonly server: SimulatedServer.SimulatedServer
  }) => Effect.Effect<A, E, Scope.Scope>
) =>
  withCluster()(({ cluster, redis }) =>
    Effect.gen(function* () {
      const [server, other] = yield* cluster.masters
      if (server === undefined || other === undefined) return assert.fail("there are no masters")
      const scope = yield* Effect.scope
      const reserving = RedisReservation.reserve({ key: "hello" }).pipe(
        Effect.provideService(RedisClient.RedisClient, redis),
        Scope.provide(scope)
      )
      const reserved = yield* fork(reserving)
      yield* TestClock.adjust("1 second")
      const connection = yield* Fiber.join(reserved)
      yield* cluster.moveSlots({ from: 0, to: 5460 }, other)
      return yield* use({ connection, server })
    })
  )

describe("A client of a cluster", () => {
  it.effect("learns all owners from one seed, and keeps no connection to any other server", () =>
    withCluster()(({ dispatch, redis }) =>
      Effect.gen(function* () {
        const { breaker, connection, connections } = yield* redis.stats
        assert.deepStrictEqual(
          { breaker, connection, connections },
          {
            breaker: { _tag: "Closed", failures: 0 },
            connection: "Ready",
            connections: 3
          }
        )
        assert.deepStrictEqual(
          dispatch.nodes().map(({ name, slots }) => [name, slots()]),
          [
            ["redis simulated-cluster:7000", [[0, 5460]]],
            ["redis simulated-cluster:7001", [[5461, 10_922]]],
            ["redis simulated-cluster:7002", [[10_923, 16_383]]]
          ]
        )
      })
    )
  )

  it.effect("is ready when it knows all owners, although it was connected to each of them before", () =>
    withCluster()(({ cluster, network }) =>
      Effect.gen(function* () {
        const { length } = yield* cluster.masters
        const topology = RedisTopology.cluster({ seeds: cluster.seeds.slice(0, length) })
        const client = RedisClient.make({ topology, connectTimeout: "10 seconds" })
        const building = yield* client.pipe(
          Effect.provideService(RedisConnector.RedisConnector, network.connector),
          Effect.forkChild({ startImmediately: true })
        )
        yield* TestClock.adjust("1 second")
        assert.strictEqual(result(building), "Success")
      })
    )
  )

  it.effect("splits by slots what names keys alone, and puts the answers together in order", () =>
    withCluster()(({ cluster, redis }) =>
      Effect.gen(function* () {
        const all = keys(50)
        yield* Effect.forEach(all, (key) => redis.set(key, `value of ${key}`))
        const texts = yield* redis.mget(["absent", ...all])
        assert.deepStrictEqual(texts.map(Option.getOrUndefined), [undefined, ...all.map((key) => `value of ${key}`)])
        assert.strictEqual(yield* redis.del("absent", ...all), 50)
        for (const master of yield* cluster.masters) {
          assert.isAbove((yield* receivedBy(master, "DEL")).length, 0)
        }
      })
    )
  )

  it.effect("scans anew when keys have gone to a server that was done, although nothing told it so", () =>
    withCluster()(({ cluster, redis }) =>
      Effect.gen(function* () {
        const all = keys(60)
        yield* Effect.forEach(all, (key) => redis.set(key, 1))
        const [first, , last] = yield* cluster.masters
        if (first === undefined || last === undefined) return assert.fail("there are no masters")
        const isOf = (owner: typeof first) =>
          Effect.filter(all, (key) => Effect.map(cluster.ownerOf(key), (server) => server === owner))
        const firsts = yield* isOf(first)
        const [late = assert.fail("the last has no key")] = yield* isOf(last)
        const got = new Set<string>()
        const scanning = redis.scan({ count: 10 }).pipe(
          Stream.runForEach((key) =>
            Effect.suspend(() => {
              got.add(key)
              return got.size === firsts.length + 1 ? cluster.moveSlots({ key: late }, first) : Effect.void
            })
          )
        )
        const scan = yield* fork(scanning)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(result(scan), "Success")
        assert.deepStrictEqual(Array.from(got).sort(), Array.from(all).sort())
      })
    )
  )

  it.effect("asks the seeds again when all the servers that it knows have left and know nothing", () =>
    withCluster()(({ cluster, connect }) =>
      Effect.gen(function* () {
        const leaving = yield* cluster.masters
        const seed = yield* cluster.addNode()
        const redis = yield* connect({ seeds: [seed.address] })
        yield* TestClock.adjust("30 seconds")
        assert.strictEqual((yield* redis.stats).connections, 3)
        yield* cluster.moveSlots({ from: 0, to: 16_383 }, seed)
        yield* Effect.forEach(leaving, (server) => cluster.removeNode(server))
        yield* TestClock.adjust("30 seconds")
        const write = yield* fork(redis.set("a", 1))
        yield* TestClock.adjust("1 second")
        assert.strictEqual(result(write), "Success")
        assert.strictEqual(yield* seed.peek("a"), "1")
      })
    )
  )

  it.effect("goes where a reply sends it at once, and never back", () =>
    withCluster()(({ cluster, events, redis }) =>
      Effect.gen(function* () {
        const before = yield* cluster.ownerOf("hello")
        const [, , other = before] = yield* cluster.masters
        yield* cluster.moveSlots({ key: "hello" }, other)
        const counted = yield* fork(redis.incr("hello"))
        yield* TestClock.adjust(1)
        assert.strictEqual(yield* Fiber.join(counted), 1)
        yield* redis.incr("hello")
        assert.strictEqual((yield* receivedBy(before, "INCRBY")).length, 1, "the old owner is asked once")
        assert.deepStrictEqual(
          events.flatMap((event) => (event._tag === "SlotsMoved" ? [[event.node.name, Array.from(event.slots)]] : [])),
          [["redis simulated-cluster:7002", [866]]]
        )
        assert.deepStrictEqual(yield* redis.breaker.state, { _tag: "Closed", failures: 0 })
      })
    )
  )

  it.effect("sends one command after a key that is on its way, alone or in a batch", () =>
    withCluster()(({ cluster, events, redis }) =>
      Effect.gen(function* () {
        const [one, other] = yield* cluster.masters
        if (one === undefined || other === undefined) return assert.fail("there are no masters")
        yield* redis.set("{hello}1", 1)
        yield* redis.set("{hello}2", 2)
        const migration = yield* cluster.migrate({ key: "hello" }, other)
        yield* migration.moveKeys("{hello}1")
        assert.deepStrictEqual(yield* redis.get("{hello}1"), Option.some("1"))
        const counted = yield* redis.pipeline([incr("{hello}1"), incr("{hello}2"), incr("{hello}1")])
        assert.deepStrictEqual(counted.map(Result.getOrThrow), [2, 3, 3])
        assert.strictEqual(events.filter(({ _tag }) => _tag === "SlotsMoved").length, 0, "it still has its owner")
        yield* migration.finish
        assert.strictEqual(yield* redis.incr("{hello}2"), 4)
      })
    )
  )

  it.effect("tries again what needs keys on both sides of a move", () =>
    withCluster()(({ cluster, redis }) =>
      Effect.gen(function* () {
        const [, other] = yield* cluster.masters
        if (other === undefined) return assert.fail("there are no masters")
        yield* redis.set("{hello}1", 1)
        yield* redis.set("{hello}2", 2)
        const migration = yield* cluster.migrate({ key: "hello" }, other)
        yield* migration.moveKeys("{hello}1")
        const both = yield* fork(redis.mget(["{hello}1", "{hello}2"]))
        yield* TestClock.adjust(10)
        assert.strictEqual(result(both), "waiting")
        yield* migration.finish
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(yield* Fiber.join(both), [Option.some("1"), Option.some("2")])
        assert.deepStrictEqual(yield* redis.breaker.state, { _tag: "Closed", failures: 0 })
      })
    )
  )

  it.effect("keeps the circuits of those that live closed while a slot has no owner", () =>
    withCluster({ retry: RetryPolicy.none })(({ cluster, redis }) =>
      Effect.gen(function* () {
        yield* cluster.uncover({ key: "hello" })
        for (let n = 0; n < 20; n++) {
          const error = yield* Effect.flip(redis.get("hello"))
          assert.isTrue(error._tag === "RedisOperationError" && error.code === "CLUSTERDOWN")
        }
        assert.deepStrictEqual(yield* redis.breaker.state, { _tag: "Closed", failures: 0 })
      })
    )
  )

  describe("with a connection reserved on a server that loses its slots", () => {
    it.effect("keeps it for as long as it is used", () =>
      withReserved(({ connection, server }) =>
        Effect.gen(function* () {
          for (let second = 0; second < 30; second++) {
            yield* connection.run(publish)
            yield* TestClock.adjust("1 second")
          }
          assert.isAbove(yield* server.connections, 0)
        })
      )
    )

    it.effect("keeps it for as long as it waits for a reply", () =>
      withReserved(({ connection, server }) =>
        Effect.gen(function* () {
          const waiting = yield* fork(connection.run(RedisCommand.make("WAIT", [5, 40_000])))
          yield* TestClock.adjust("30 seconds")
          assert.strictEqual(result(waiting), "waiting")
          assert.isAbove(yield* server.connections, 0)
        })
      )
    )

    it.effect("ends it where it is idle, as any that is lost", () =>
      withReserved(({ connection, server }) =>
        Effect.gen(function* () {
          yield* TestClock.adjust("30 seconds")
          assert.strictEqual(yield* server.connections, 0)
          const error = yield* Effect.flip(connection.run(publish))
          assert.deepInclude(error, { _tag: "RedisConnectionError", reason: "Reset", sent: "never" })
        })
      )
    )
  })

  it.effect("refuses calls for a dead master's keys alone, and goes to its replica once that is promoted", () =>
    withCluster({ retry: RetryPolicy.none, cluster: { fullCoverage: false } })(({ cluster, redis }) =>
      Effect.gen(function* () {
        const states = yield* fork(
          redis.breaker.changes.pipe(
            Stream.map(({ _tag }) => _tag),
            Stream.take(3),
            Stream.runCollect
          )
        )
        const dead = yield* cluster.ownerOf("hello")
        yield* redis.set("hello", 1)
        yield* dead.inject(Fault.refuse)
        yield* cluster.markFailed(dead)
        for (let n = 0; n < 10; n++) yield* Effect.exit(redis.get("hello"))
        assert.isTrue(Result.isFailure(yield* Effect.result(redis.get("hello"))))
        assert.strictEqual((yield* redis.breaker.state)._tag, "Partial")
        const others = keys(100).filter((_, n) => n % 2 === 0)
        const owners = yield* Effect.forEach(others, cluster.ownerOf)
        for (const [n, key] of others.entries()) if (owners[n] !== dead) yield* redis.set(key, 1)
        yield* cluster.failOver(dead)
        yield* TestClock.adjust(500)
        assert.deepStrictEqual(yield* redis.get("hello"), Option.some("1"))
        yield* TestClock.adjust("20 seconds")
        assert.strictEqual((yield* redis.breaker.state)._tag, "Closed")
        assert.deepStrictEqual(yield* Fiber.join(states), ["Closed", "Partial", "Closed"])
      })
    )
  )

  it.effect("believes the later of two maps, whoever tells it", () =>
    withCluster()(({ cluster, redis }) =>
      Effect.gen(function* () {
        const old = yield* cluster.ownerOf("hello")
        yield* cluster.isolate(old)
        const promoted = yield* cluster.failOver(old)
        yield* redis.set("hello", "of the old one")
        yield* TestClock.adjust("1 minute")
        yield* redis.set("hello", "of the new one")
        assert.strictEqual(yield* promoted.peek("hello"), "of the new one")
        assert.strictEqual(yield* old.peek("hello"), "of the old one")
      })
    )
  )

  it.effect("lets go of a server that has left, and tells of it", () =>
    withCluster()(({ cluster, events, redis }) =>
      Effect.gen(function* () {
        const [one, leaving] = yield* cluster.masters
        if (one === undefined || leaving === undefined) return assert.fail("there are no masters")
        yield* cluster.moveSlots({ from: 5461, to: 10_922 }, one)
        yield* TestClock.adjust("30 seconds")
        assert.strictEqual(yield* leaving.connections, 0)
        assert.deepStrictEqual(
          events.flatMap((event) => (event._tag === "NodeRemoved" ? [event.node.name] : [])),
          ["redis simulated-cluster:7001"]
        )
        assert.strictEqual((yield* redis.stats).connections, 2)
      })
    )
  )

  it.effect("takes in a server that has joined", () =>
    withCluster()(({ cluster, dispatch, redis }) =>
      Effect.gen(function* () {
        const added = yield* cluster.addNode()
        yield* cluster.moveSlots({ key: "hello" }, added)
        const counted = yield* fork(redis.incr("hello"))
        yield* TestClock.adjust(200)
        assert.strictEqual(yield* Fiber.join(counted), 1)
        assert.strictEqual(dispatch.nodes().length, 4)
      })
    )
  )

  it.effect("does not follow servers that send it to and fro for ever", () =>
    withCluster({ retry: RetryPolicy.none })(({ cluster, redis }) =>
      Effect.gen(function* () {
        const [one, other] = yield* cluster.masters
        if (one === undefined || other === undefined) return assert.fail("there are no masters")
        // Each of them is told that the other owns the slot.
        yield* cluster.isolate(one)
        yield* cluster.moveSlots({ key: "hello" }, one)
        yield* cluster.isolate(other)
        yield* cluster.announce(one, other.address)
        const call = yield* fork(redis.get("hello"))
        yield* TestClock.adjust("10 seconds")
        const reads = yield* Effect.forEach(yield* cluster.servers, (server) => receivedBy(server, "GET"))
        assert.isAtMost(reads.flat().length, 6)
        assert.notStrictEqual(result(call), "waiting")
      })
    )
  )

  it.effect("begins without any server, and finds them when they come", () =>
    withCluster()(({ cluster, connect }) =>
      Effect.gen(function* () {
        const servers = yield* cluster.servers
        yield* Effect.forEach(servers, (server) => server.inject(Fault.refuse))
        const late = yield* connect()
        const refused = yield* fork(late.get("hello"))
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual(result(refused), "Failure")
        yield* Effect.forEach(servers, (server) => server.heal)
        yield* TestClock.adjust("3 seconds")
        assert.deepStrictEqual(yield* late.get("hello"), Option.none())
      })
    )
  )
})
