import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Result } from "effect"
import { RedisCommand, RedisConnection } from "effect-ioredis"
import { Fault, SimulatedCluster, SimulatedRedis, type SimulatedServer } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"

// How nodes answer is in suites/clusterNodes.ts, and held against Redis. Here: what a test can do to a cluster.

describe("SimulatedCluster", () => {
  it.effect("divides the slots among its masters, and gives each its replicas", () =>
    Effect.gen(function* () {
      const { cluster } = yield* start({ masters: 3, replicas: 2 })
      const masters = yield* cluster.masters
      assert.deepStrictEqual(masters.map(portOf), [7000, 7001, 7002])
      assert.deepStrictEqual(
        (yield* cluster.servers).map(portOf),
        [7000, 7001, 7002, 7003, 7004, 7005, 7006, 7007, 7008]
      )
      assert.deepStrictEqual(cluster.seeds.map(({ host, port }) => `${host}:${port}`).slice(0, 2), [
        "simulated-cluster:7000",
        "simulated-cluster:7001"
      ])
      const owners = yield* Effect.forEach([0, 5460, 5461, 10922, 10923, 16383], cluster.ownerOf)
      assert.deepStrictEqual(owners.map(portOf), [7000, 7000, 7001, 7001, 7002, 7002])
      assert.strictEqual(yield* cluster.ownerOf("hello"), yield* cluster.ownerOf(866))
      const [one] = masters
      if (one === undefined) return assert.fail("there is no master")
      assert.strictEqual(portOf(yield* cluster.replicaOf(one)), 7003)
      assert.strictEqual(portOf(yield* cluster.replicaOf(one, 1)), 7006)
    })
  )

  it.effect("moves slots at once, with their keys and how long they live", () =>
    Effect.gen(function* () {
      const { cluster, connect, one, other } = yield* start({ replicas: 1 })
      const [atOne, atOther] = [yield* connect(one), yield* connect(other)]
      yield* ask(atOne, "SET", "hello", 1, "PX", 1000)
      yield* ask(atOne, "SET", "bar", 1)
      yield* cluster.moveSlots({ key: "hello" }, other)
      assert.strictEqual(yield* ask(atOne, "GET", "hello"), "MOVED 866 simulated-cluster:7001")
      assert.strictEqual(yield* ask(atOther, "GET", "hello"), "1")
      assert.strictEqual(yield* ask(atOther, "PTTL", "hello"), 1000)
      assert.strictEqual(yield* ask(atOne, "GET", "bar"), "1")
      // The replicas of both have followed.
      assert.isUndefined(yield* (yield* cluster.replicaOf(one)).peek("hello"))
      assert.strictEqual(yield* (yield* cluster.replicaOf(other)).peek("hello"), "1")
      yield* cluster.moveSlots({ from: 0, to: 8191 }, other)
      assert.deepStrictEqual(yield* cluster.masters, [other])
      assert.strictEqual(yield* ask(atOther, "GET", "bar"), "1")
    })
  )

  it.effect("moves keys one by one, or gives it up", () =>
    Effect.gen(function* () {
      const { cluster, connect, one, other } = yield* start()
      const atOne = yield* connect(one)
      yield* ask(atOne, "MSET", "{hello}1", 1, "{hello}2", 2)
      const given = yield* cluster.migrate([866], other)
      yield* given.moveKeys("{hello}1")
      assert.strictEqual(yield* ask(atOne, "GET", "{hello}1"), "ASK 866 simulated-cluster:7001")
      assert.strictEqual(yield* ask(atOne, "GET", "{hello}2"), "2")
      yield* given.abandon
      assert.isNull(yield* ask(atOne, "GET", "{hello}1"))
      const atOther = yield* connect(other)
      yield* ask(atOther, "ASKING")
      assert.strictEqual(yield* ask(atOther, "GET", "{hello}1"), "MOVED 866 simulated-cluster:7000")
      const again = yield* cluster.migrate({ key: "{hello}1" }, other)
      yield* again.finish
      assert.strictEqual(yield* ask(yield* connect(other), "GET", "{hello}2"), "2")
      assert.strictEqual(yield* ask(atOne, "GET", "{hello}2"), "MOVED 866 simulated-cluster:7001")
      // Nothing of it is left open when the slot comes back.
      yield* cluster.moveSlots([866], one)
      assert.isNull(yield* ask(atOne, "GET", "{hello}3"))
      yield* ask(atOther, "ASKING")
      assert.strictEqual(yield* ask(atOther, "GET", "{hello}3"), "MOVED 866 simulated-cluster:7000")
    })
  )

  it.effect("fails over with what the replica has, and the epoch grows", () =>
    Effect.gen(function* () {
      const { cluster, connect, one } = yield* start({ replicas: 1 })
      const replica = yield* cluster.replicaOf(one)
      const [atOne, atReplica] = [yield* connect(one), yield* connect(replica)]
      const before = yield* epochs(atReplica)
      yield* ask(atOne, "SET", "hello", 1)
      yield* replica.cutReplication
      yield* ask(atOne, "SET", "hello", 2)

      assert.strictEqual(yield* cluster.failOver(one), replica)
      assert.strictEqual(yield* ask(atReplica, "GET", "hello"), "1")
      assert.deepStrictEqual(yield* epochs(atReplica), { current: before.current + 1, own: before.current + 1 })
      // The old master has become a replica and has lost the write.
      assert.strictEqual(yield* ask(atOne, "GET", "hello"), "MOVED 866 simulated-cluster:7002")
      yield* ask(atOne, "READONLY")
      assert.strictEqual(yield* ask(atOne, "GET", "hello"), "1")
      assert.strictEqual(yield* ask(atOne, "SET", "hello", 3), "MOVED 866 simulated-cluster:7002")
      yield* ask(atReplica, "SET", "hello", 4)
      assert.strictEqual(yield* ask(atOne, "GET", "hello"), "4")
    })
  )

  it.effect("loses nothing in a planned failover", () =>
    Effect.gen(function* () {
      const { cluster, connect, one } = yield* start({ replicas: 2 })
      const [first, second] = [yield* cluster.replicaOf(one), yield* cluster.replicaOf(one, 1)]
      yield* second.cutReplication
      yield* ask(yield* connect(one), "SET", "hello", 1)
      assert.strictEqual(yield* cluster.failOver(one, { to: second, planned: true }), second)
      assert.strictEqual(yield* ask(yield* connect(second), "GET", "hello"), "1")
      yield* ask(yield* connect(second), "SET", "hello", 2)
      assert.strictEqual(yield* first.peek("hello"), "2")
      assert.strictEqual(yield* one.peek("hello"), "2")
      // Both follow it, and not each other.
      assert.strictEqual(yield* cluster.replicaOf(second), one)
      assert.strictEqual(yield* cluster.replicaOf(second, 1), first)
    })
  )

  it.effect("a replica that lags goes on lagging while slots move", () =>
    Effect.gen(function* () {
      const { cluster, connect, one, other } = yield* start({ replicas: 1 })
      const replica = yield* cluster.replicaOf(one)
      yield* replica.cutReplication
      yield* ask(yield* connect(one), "SET", "hello", 1)
      yield* cluster.moveSlots({ key: "bar" }, other)
      assert.isUndefined(yield* replica.peek("hello"))
      yield* cluster.failOver(one)
      assert.isNull(yield* ask(yield* connect(replica), "GET", "hello"))
    })
  )

  it.effect("a master that is cut off takes writes, which are lost when it comes back", () =>
    Effect.gen(function* () {
      const { cluster, connect, one, other } = yield* start({ replicas: 1 })
      const [atOne, atOther] = [yield* connect(one), yield* connect(other)]
      yield* ask(atOne, "SET", "hello", 1)
      yield* cluster.isolate(one)
      const replica = yield* cluster.failOver(one)
      assert.strictEqual(yield* ask(atOne, "SET", "hello", 2), "OK")
      assert.strictEqual(yield* ask(atOther, "GET", "hello"), "MOVED 866 simulated-cluster:7002")
      assert.strictEqual(yield* ask(yield* connect(replica), "GET", "hello"), "1")
      // It still names itself, with the epoch of before.
      assert.include(JSON.stringify(yield* ask(atOne, "CLUSTER", "SLOTS")), '[0,8191,["simulated-cluster",7000,')
      assert.include(JSON.stringify(yield* ask(atOther, "CLUSTER", "SLOTS")), '[0,8191,["simulated-cluster",7002,')
      assert.isBelow((yield* epochs(atOne)).current, (yield* epochs(atOther)).current)

      yield* cluster.isolate(one, { noticed: true })
      assert.strictEqual(yield* ask(atOne, "SET", "hello", 3), "CLUSTERDOWN The cluster is down")
      assert.include(String(yield* ask(atOne, "CLUSTER", "INFO")), "cluster_state:fail")

      yield* cluster.rejoin(one)
      assert.strictEqual(yield* ask(atOne, "GET", "hello"), "MOVED 866 simulated-cluster:7002")
      assert.strictEqual(yield* one.peek("hello"), "1")
      assert.deepStrictEqual(yield* epochs(atOne), yield* epochs(yield* connect(replica)))
    })
  )

  it.effect("a master that was cut off and not replaced has its replicas again", () =>
    Effect.gen(function* () {
      const { cluster, connect, one } = yield* start({ replicas: 1 })
      const replica = yield* cluster.replicaOf(one)
      yield* cluster.isolate(one)
      yield* ask(yield* connect(one), "SET", "hello", 1)
      assert.isUndefined(yield* replica.peek("hello"))
      yield* cluster.rejoin(one)
      assert.strictEqual(yield* replica.peek("hello"), "1")
    })
  )

  it.effect("a node that is taken for dead is not served, and a replica not named", () =>
    Effect.gen(function* () {
      for (const fullCoverage of [true, false]) {
        const { cluster, connect, one, other } = yield* start({ replicas: 1, fullCoverage })
        const atOther = yield* connect(other)
        yield* one.inject(Fault.refuse)
        yield* cluster.markFailed(one)
        const down = "CLUSTERDOWN The cluster is down"
        assert.strictEqual(yield* ask(atOther, "GET", "foo"), fullCoverage ? down : null)
        const moved = "MOVED 866 simulated-cluster:7000"
        assert.strictEqual(yield* ask(atOther, "GET", "hello"), fullCoverage ? down : moved)
        yield* cluster.failOver(one)
        assert.isNull(yield* ask(atOther, "GET", "foo"))
        assert.notInclude(JSON.stringify(yield* ask(atOther, "CLUSTER", "SLOTS")), "7000")
        yield* cluster.markAlive(one)
        assert.include(JSON.stringify(yield* ask(atOther, "CLUSTER", "SLOTS")), "7000")
      }
    })
  )

  it.effect("grows by a master and a replica, and shrinks", () =>
    Effect.gen(function* () {
      const { cluster, connect, one, other } = yield* start()
      const added = yield* cluster.addNode()
      const replica = yield* cluster.addNode({ replicaOf: added })
      assert.deepStrictEqual([added, replica].map(portOf), [7002, 7003])
      const atAdded = yield* connect(added)
      assert.strictEqual(yield* ask(atAdded, "GET", "hello"), "MOVED 866 simulated-cluster:7000")
      yield* cluster.moveSlots({ from: 0, to: 8191 }, added)
      yield* ask(atAdded, "SET", "hello", 1)
      assert.strictEqual(yield* replica.peek("hello"), "1")

      yield* cluster.removeNode(one)
      assert.deepStrictEqual((yield* cluster.servers).map(portOf), [7001, 7002, 7003])
      const known = "cluster_known_nodes:3"
      assert.include(String(yield* ask(yield* connect(other), "CLUSTER", "INFO")), known)
      assert.strictEqual(yield* ask(yield* connect(one), "GET", "hello"), "CLUSTERDOWN Hash slot not served")
      assert.deepStrictEqual(yield* ask(yield* connect(one), "CLUSTER", "SLOTS"), [])

      // A replica without its master is a master of nothing.
      yield* cluster.moveSlots({ from: 0, to: 8191 }, other)
      yield* cluster.removeNode(added)
      assert.include(JSON.stringify(yield* ask(yield* connect(replica), "ROLE")), "master")
      assert.deepStrictEqual(yield* cluster.masters, [other])
    })
  )

  it.effect("names nodes without a host, or by another address", () =>
    Effect.gen(function* () {
      for (const [endpoint, host] of [
        ["empty", '"",7000,'],
        ["unknown", "null,7000,"]
      ] as const) {
        const { connect, other } = yield* start({ endpoint })
        const atOther = yield* connect(other)
        assert.include(JSON.stringify(yield* ask(atOther, "CLUSTER", "SLOTS")), `[0,8191,[${host}`)
        assert.strictEqual(yield* ask(atOther, "GET", "hello"), "MOVED 866 :7000")
        const error = yield* Effect.flip(RedisConnection.send(atOther, RedisCommand.make("GET", ["hello"])))
        const redirect = error._tag === "RedisOperationError" ? error.redirect : undefined
        assert.deepStrictEqual(redirect, { slot: 866, host: "", port: 7000, ask: false })
      }
      const { cluster, connect, one, other } = yield* start()
      yield* cluster.announce(one, { host: "10.0.0.1", port: 6379 })
      assert.strictEqual(yield* ask(yield* connect(other), "GET", "hello"), "MOVED 866 10.0.0.1:6379")
    })
  )

  it.effect("a server that was replaced at its address names that address itself", () =>
    Effect.gen(function* () {
      const { cluster, connect, one, redis } = yield* start({ replicas: 1 })
      const before = yield* connect(one)
      const replica = yield* cluster.failOver(one)
      yield* cluster.announce(replica, one.address)
      yield* redis.route(one.address, replica)
      assert.strictEqual(yield* ask(before, "GET", "hello"), "MOVED 866 simulated-cluster:7000")
      assert.isNull(yield* ask(yield* connect(one), "GET", "hello"))
      assert.strictEqual(yield* ask(yield* connect(one), "CLUSTER", "MYID"), yield* cluster.idOf(replica))
      // The handles are still those of the servers.
      assert.strictEqual(portOf(yield* cluster.ownerOf("hello")), 7002)
    })
  )

  it.effect("a node that restarts knows what it knew", () =>
    Effect.gen(function* () {
      const { cluster, connect, one, other } = yield* start({ replicas: 1 })
      const replica = yield* cluster.replicaOf(one)
      yield* ask(yield* connect(one), "SET", "hello", 1)
      yield* replica.restart({ data: "lost" })
      yield* one.restart({ data: "kept" })
      const early = yield* connect(one)
      yield* TestClock.adjust(1999)
      assert.strictEqual(yield* ask(early, "GET", "hello"), "CLUSTERDOWN The cluster is down")
      yield* TestClock.adjust(1)
      const atReplica = yield* connect(replica)
      yield* ask(atReplica, "READONLY")
      assert.strictEqual(yield* ask(atReplica, "GET", "hello"), "1")
      yield* ask(yield* connect(one), "SET", "hello", 2)
      assert.strictEqual(yield* ask(atReplica, "GET", "hello"), "2")
      assert.strictEqual(yield* ask(yield* connect(other), "GET", "hello"), "MOVED 866 simulated-cluster:7000")
    })
  )

  it.effect("logs in to no other database, and says what it is", () =>
    Effect.gen(function* () {
      const { connect, one, redis } = yield* start()
      const error = yield* Effect.flip(redis.connector.connect(one.address, { db: 1 }))
      assert.include(String(error.cause), "ERR SELECT is not allowed in cluster mode")
      const connection = yield* connect(one)
      assert.include(String(yield* ask(connection, "INFO")), "redis_mode:cluster")
      assert.include(JSON.stringify(yield* ask(connection, "HELLO", 2)), '"mode","cluster"')
      const alone = yield* redis.connector.connect(redis.address, {})
      assert.strictEqual(yield* ask(alone, "CLUSTER", "SLOTS"), "ERR This instance has cluster support disabled")
    })
  )

  it.effect("has a layer", () =>
    Effect.gen(function* () {
      const cluster = yield* SimulatedCluster.SimulatedCluster
      const redis = yield* SimulatedRedis.SimulatedRedis
      const owner = yield* cluster.ownerOf("hello")
      const connection = yield* redis.connector.connect(owner.address, {})
      assert.strictEqual(yield* ask(connection, "SET", "hello", 1), "OK")
    }).pipe(
      Effect.scoped,
      Effect.provide(Layer.provideMerge(SimulatedCluster.layer({ masters: 1 }), SimulatedRedis.layer()))
    )
  )
})

const start = Effect.fnUntraced(function* (options?: SimulatedCluster.Options) {
  const redis = yield* SimulatedRedis.make()
  const cluster = yield* redis.cluster({ masters: 2, ...options })
  const [one, other] = [yield* cluster.ownerOf(0), yield* cluster.ownerOf(16383)]
  const connect = (server: SimulatedServer.SimulatedServer) => redis.connector.connect(server.address, {})
  return { cluster, connect, one, other, redis }
})

const ask = (connection: RedisConnection.RedisConnection, name: string, ...args: ReadonlyArray<string | number>) =>
  Effect.map(Effect.result(RedisConnection.send(connection, RedisCommand.make(name, args))), (result) =>
    Result.isSuccess(result) ? result.success : result.failure.message.replace(/^\w+ was refused by Redis: /, "")
  )

const epochs = (connection: RedisConnection.RedisConnection) =>
  Effect.map(ask(connection, "CLUSTER", "INFO"), (info) => {
    const field = (name: string) => Number(new RegExp(`${name}:(\\d+)`).exec(String(info))?.[1])
    return { current: field("cluster_current_epoch"), own: field("cluster_my_epoch") }
  })

const portOf = ({ address: { port } }: SimulatedServer.SimulatedServer): number => port
