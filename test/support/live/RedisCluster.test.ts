import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Result, Scope } from "effect"
import * as Certificates from "../Certificates.ts"
import * as RedisCluster from "../RedisCluster.ts"

// "foo" is in slot 12182, of the third of three masters; "bar" is in 5061, of the first.
const slotOfBar = 5061

const isAlive = (pid: number): boolean => Result.isSuccess(Result.try(() => process.kill(pid, 0)))

describe("RedisCluster", () => {
  it.effect("serves each key at its owner; a dead master is replaced and comes back as a replica", () =>
    Effect.gen(function* () {
      const cluster = yield* RedisCluster.make({ nodeTimeout: 500, requireFullCoverage: false })
      const [first, third] = [cluster.node(0), cluster.node(2)]
      assert.strictEqual(cluster.nodes().length, 6)
      assert.strictEqual(yield* cluster.ownerOf(slotOfBar), first)
      assert.strictEqual(yield* third.cli("SET", "foo", "1"), "OK")
      const elsewhere = yield* Effect.flip(first.cli("SET", "foo", "1"))
      assert.strictEqual(elsewhere.message, `MOVED 12182 127.0.0.1:${third.port}`)

      yield* first.kill
      const promoted = yield* cluster.nextOwnerOf(slotOfBar, first)
      assert.strictEqual(promoted, cluster.replicaOf(0))
      assert.strictEqual(yield* promoted.cli("SET", "bar", "1"), "OK")
      yield* first.start
      yield* cluster.healthy
      yield* cluster.failover(first)
      assert.strictEqual(yield* first.cli("GET", "bar"), "1")
    })
  )

  it.effect("moves slots with their keys, to a node that is added and taken away again", () =>
    Effect.gen(function* () {
      const cluster = yield* RedisCluster.make({ replicas: 0, password: "secret" })
      const [first, second] = [cluster.node(0), cluster.node(1)]
      yield* first.cli("SET", "bar", "kept")
      const added = yield* cluster.addNode
      yield* cluster.moveSlots([5000, slotOfBar], added)
      assert.strictEqual(yield* added.cli("GET", "bar"), "kept")
      assert.strictEqual(yield* cluster.ownerOf(slotOfBar), added)
      assert.deepStrictEqual(yield* cluster.slotsOf(added), [5000, slotOfBar])
      assert.strictEqual(yield* first.cli("DBSIZE"), 0)

      yield* cluster.moveSlots([5000, slotOfBar], second)
      yield* cluster.removeNode(added)
      assert.strictEqual(yield* second.cli("GET", "bar"), "kept")
      assert.notInclude(String(yield* first.cli("CLUSTER", "NODES")), added.id)
      assert.strictEqual(cluster.nodes().length, 3)
    })
  )

  it.effect("encrypts everything, and tells the ports of its proxies", () =>
    Effect.gen(function* () {
      const tls = yield* Certificates.make
      const cluster = yield* RedisCluster.make({ tls, proxied: true, password: "secret" })
      const [first, third] = [cluster.node(0), cluster.node(2)]
      const elsewhere = yield* Effect.flip(first.cli("GET", "foo"))
      assert.strictEqual(elsewhere.message, `MOVED 12182 127.0.0.1:${third.announcedPort}`)
      assert.notStrictEqual(third.announcedPort, third.port)
      yield* cluster.failover(cluster.replicaOf(2))
      assert.strictEqual(yield* cluster.ownerOf(12182), cluster.replicaOf(2))
    })
  )

  it.effect("leaves no process behind, dead, frozen or added", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const cluster = yield* Scope.provide(RedisCluster.make({ replicas: 0, requireFullCoverage: false }), scope)
      yield* Scope.provide(cluster.addNode, scope)
      const pids = yield* Effect.forEach(cluster.nodes(), (node) => node.pid)
      yield* cluster.node(0).freeze
      yield* cluster.node(1).kill
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(pids.filter(isAlive), [])
    })
  )
})
