import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Metric, Result } from "effect"
import { RedisClient, RedisCommand } from "effect-ioredis"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { receivedBy, withCluster } from "../../support/VirtualCluster.ts"
import { fork } from "../../support/VirtualRedis.ts"
import * as VirtualSentinels from "../../support/VirtualSentinels.ts"

const get = (key: string) => RedisCommand.make("GET", [key])

const fromReplica = { readFrom: "replica" } as const

const settled = TestClock.adjust("2 seconds")

describe("A read from a replica of a cluster", () => {
  it.effect("is answered by a replica of the key's master, which is connected to when first asked for", () =>
    withCluster()(({ cluster, redis }) =>
      Effect.gen(function* () {
        const master = yield* cluster.ownerOf("hello")
        const replica = yield* cluster.replicaOf(master)
        yield* redis.set("hello", "there")
        assert.strictEqual(yield* replica.connections, 0)
        // None is ready yet.
        assert.strictEqual(yield* redis.run(get("hello"), fromReplica), "there")
        assert.lengthOf(yield* receivedBy(master, "GET"), 1)
        yield* settled
        yield* replica.cutReplication
        yield* redis.set("hello", "again")
        assert.strictEqual(yield* redis.run(get("hello"), fromReplica), "there")
        assert.strictEqual(yield* redis.run(get("hello")), "again")
        assert.lengthOf(yield* receivedBy(replica, "READONLY"), 1)
        assert.lengthOf(yield* receivedBy(replica, "GET"), 1)
      })
    )
  )

  it.effect("keeps its order in a pipeline over several shards, and is split like every other one", () =>
    withCluster()(({ cluster, redis }) =>
      Effect.gen(function* () {
        const keys = Array.from({ length: 20 }, (_, n) => `k${n}`)
        yield* Effect.forEach(keys, (key) => redis.set(key, key))
        yield* redis.pipeline(keys.map(get), fromReplica)
        yield* settled
        const before = yield* Effect.forEach(yield* cluster.masters, (master) => receivedBy(master, "GET"))
        const results = yield* redis.pipeline(keys.map(get), fromReplica)
        assert.deepStrictEqual(results.map(Result.getOrThrow), keys)
        assert.deepStrictEqual(yield* redis.run(RedisCommand.make("MGET", keys), fromReplica), keys)
        const after = yield* Effect.forEach(yield* cluster.masters, (master) => receivedBy(master, "GET"))
        assert.deepStrictEqual(after, before)
        // What concerns every master is not asked of replicas.
        assert.strictEqual(yield* redis.run(RedisCommand.make("DBSIZE"), fromReplica), 20)
      })
    )
  )

  it.effect("goes to the master where the replica is away, frozen or refuses", () =>
    withCluster()(({ cluster, redis }) =>
      Effect.gen(function* () {
        const replica = yield* cluster.replicaOf(yield* cluster.ownerOf("hello"))
        yield* redis.set("hello", "there")
        yield* redis.run(get("hello"), fromReplica)
        yield* settled
        for (const fault of [Fault.error("MASTERDOWN"), Fault.refuse, Fault.freeze]) {
          const asked = (yield* receivedBy(replica, "GET")).length
          yield* replica.inject(fault)
          const reading = yield* fork(redis.run(get("hello"), fromReplica))
          yield* TestClock.adjust("3 seconds")
          assert.strictEqual(yield* Fiber.join(reading), "there")
          assert.isAtMost((yield* receivedBy(replica, "GET")).length, asked + 1, "it is asked once for each read")
          assert.strictEqual((yield* redis.breaker.state)._tag, "Closed")
          yield* replica.heal
          yield* TestClock.adjust("1 minute")
        }
        // It is used again when it has come back.
        const before = (yield* receivedBy(replica, "GET")).length
        yield* redis.run(get("hello"), fromReplica)
        assert.lengthOf(yield* receivedBy(replica, "GET"), before + 1)
      })
    )
  )

  it.effect("leaves a replica that was promoted, or that is none any more", () =>
    withCluster()(({ cluster, redis }) =>
      Effect.gen(function* () {
        const old = yield* cluster.ownerOf("hello")
        const promoted = yield* cluster.replicaOf(old)
        yield* redis.set("hello", "there")
        yield* redis.run(get("hello"), fromReplica)
        yield* settled
        assert.strictEqual(yield* promoted.connections, 1)
        yield* cluster.failOver(old)
        yield* TestClock.adjust("30 seconds")
        // As a master, by another connection.
        assert.strictEqual(yield* promoted.connections, 1)
        yield* redis.run(get("hello"), fromReplica)
        yield* settled
        assert.strictEqual(yield* redis.run(get("hello"), fromReplica), "there")
        assert.lengthOf(yield* receivedBy(old, "READONLY"), 1)
        yield* cluster.removeNode(old)
        yield* TestClock.adjust("30 seconds")
        assert.strictEqual(yield* old.connections, 0)
        assert.strictEqual(yield* redis.run(get("hello"), fromReplica), "there")
      })
    )
  )

  it.effect("refuses what is no read before anything is sent", () =>
    withCluster()(({ redis }) =>
      Effect.gen(function* () {
        const refused = yield* Effect.flip(redis.run(RedisCommand.make("INCR", ["hello"]), fromReplica))
        assert.deepInclude(refused, { _tag: "RedisOperationError", code: "UNSUPPORTED" })
        const batch = [get("hello"), RedisCommand.make("SET", ["hello", 1])]
        assert.deepInclude(yield* Effect.flip(redis.pipeline(batch, fromReplica)), { code: "UNSUPPORTED" })
        assert.deepStrictEqual(yield* redis.run(get("hello"), { readFrom: "master" }), null)
      })
    )
  )

  it.effect("shows its connections in the metrics, and closes them with the client", () =>
    Effect.gen(function* () {
      const connections = Effect.map(Metric.snapshot, (all) =>
        all.flatMap(({ id, state }) => (id === "redis.client.connections" && "value" in state ? [state.value] : []))
      )
      const replica = yield* withCluster()(({ cluster, redis }) =>
        Effect.gen(function* () {
          const replica = yield* cluster.replicaOf(yield* cluster.ownerOf("hello"))
          yield* redis.run(get("hello"), fromReplica)
          yield* settled
          assert.deepStrictEqual(yield* connections, [4])
          assert.strictEqual((yield* redis.stats).connections, 3)
          return replica
        })
      )
      assert.strictEqual(yield* replica.connections, 0)
      assert.deepStrictEqual(yield* connections, [])
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
  )
})

describe("A read from a replica that sentinels name", () => {
  it.effect("is answered there, and by the master where none is left", () =>
    Effect.gen(function* () {
      const { connect, sentinels } = yield* VirtualSentinels.make({ replicas: 1 })
      const redis = yield* connect()
      const [replica] = yield* sentinels.replicas
      if (replica === undefined) return assert.fail("there is no replica")
      yield* redis.set("hello", "there")
      assert.strictEqual(yield* redis.run(get("hello"), fromReplica), "there")
      yield* settled
      yield* redis.run(get("hello"), fromReplica)
      yield* settled
      assert.strictEqual(yield* redis.run(get("hello"), fromReplica), "there")
      assert.lengthOf(yield* receivedBy(replica, "GET"), 1)
      assert.lengthOf(yield* receivedBy(replica, "READONLY"), 0)
      yield* replica.inject(Fault.refuse)
      const reading = yield* fork(redis.run(get("hello"), fromReplica))
      yield* settled
      assert.strictEqual(yield* Fiber.join(reading), "there")
      yield* sentinels.markFailed(replica)
      yield* settled
      assert.strictEqual(yield* redis.run(get("hello"), fromReplica), "there")
    }).pipe(Effect.scoped)
  )

  it.effect("is the master's where the sentinels' user may not ask for replicas, which is no trouble else", () =>
    Effect.gen(function* () {
      const { connect } = yield* VirtualSentinels.make({ sentinel: { denied: ["SENTINEL REPLICAS"] } })
      const redis = yield* connect()
      for (let round = 0; round < 5; round++) {
        assert.strictEqual(yield* redis.run(get("hello"), fromReplica), null)
        yield* settled
      }
      assert.isUndefined((yield* redis.stats).connectError)
    }).pipe(Effect.scoped)
  )

  it.effect("is the master's where one server owns every key", () =>
    Effect.gen(function* () {
      const redis = yield* RedisClient.make()
      assert.strictEqual(yield* redis.run(get("hello"), fromReplica), null)
    }).pipe(Effect.scoped, Effect.provide(SimulatedRedis.layer()))
  )
})
