import { assert, describe, layer } from "@effect/vitest"
import { Context, Effect, Layer, Result } from "effect"
import { IoredisConnector, RedisClient, RedisCommand, RedisHealth, RedisScript, RedisTopology } from "effect-ioredis"
import { slotOf } from "../../../packages/effect-ioredis/src/internal/slot.ts"
import * as RedisCluster from "../../support/RedisCluster.ts"
import * as Wait from "../../support/Wait.ts"

class Cluster extends Context.Service<Cluster, RedisCluster.RedisCluster>()("test/Cluster") {
  static readonly layer = Layer.effect(Cluster, RedisCluster.make({ requireFullCoverage: false }))
}

const connect = Effect.flatMap(Cluster, (cluster) =>
  RedisClient.make({
    topology: RedisTopology.cluster({ seeds: cluster.nodes().map(({ port }) => ({ host: "127.0.0.1", port })) }),
    requireReady: true
  }).pipe(Effect.provide(IoredisConnector.layer()))
)

const run = (name: string, ...args: ReadonlyArray<RedisCommand.Argument>) => RedisCommand.make(name, args)

const keys = Array.from({ length: 100 }, (_, n) => `key:${n}`)

const fromReplica = { readFrom: "replica" } as const

describe("the servers of a real cluster", () => {
  layer(Cluster.layer, { timeout: "30 seconds" })((it) => {
    it.effect("are all asked where a command concerns every master", () =>
      Effect.gen(function* () {
        const redis = yield* connect
        yield* Effect.forEach(keys, (key) => redis.set(key, key), { concurrency: "unbounded" })
        assert.strictEqual(yield* redis.run(run("DBSIZE")), keys.length)
        const found = yield* redis.run(run("KEYS", "key:*"))
        assert.sameMembers(Array.isArray(found) ? found : [], keys)
        yield* redis.ping
        assert.include(keys, yield* redis.run(run("RANDOMKEY")))
        const library =
          "#!lua name=lib\nredis.register_function{function_name='one', callback=function() return 1 end, flags={'no-writes'}}"
        assert.strictEqual(yield* redis.run(run("FUNCTION", "LOAD", library)), "lib")
        const sha = yield* redis.run(run("SCRIPT", "LOAD", "return 2"))
        for (const key of keys) {
          assert.strictEqual(yield* redis.run(run("FCALL", "one", 1, key)), 1)
          assert.strictEqual(yield* redis.run(run("EVALSHA", String(sha), 1, key)), 2)
        }
        assert.deepStrictEqual(yield* redis.run(run("SCRIPT", "EXISTS", String(sha), "0")), [1, 0])
        const crossed = yield* Effect.flip(redis.run(run("MSET", "a", 1, "b", 2)))
        assert.deepInclude(crossed, { code: "CROSSSLOT" })
        yield* redis.run(run("FLUSHALL"))
        assert.strictEqual(yield* redis.run(run("DBSIZE")), 0)
        yield* redis.run(run("FUNCTION", "FLUSH"))
      })
    )

    it.effect("answer reads as replicas where they are asked to, and the master does when a replica is killed", () =>
      Effect.gen(function* () {
        const cluster = yield* Cluster
        const redis = yield* connect
        yield* Effect.forEach(keys, (key) => redis.set(key, key), { concurrency: "unbounded" })
        const read = redis.pipeline(
          keys.map((key) => run("GET", key)),
          fromReplica
        )
        const replica = cluster.replicaOf(0)
        const calls = Effect.map(replica.cli("INFO", "commandstats"), (text) =>
          Number(/cmdstat_get:calls=(\d+)/.exec(String(text))?.[1] ?? 0)
        )
        yield* Wait.until(
          "the replica answers",
          Effect.andThen(
            read,
            Effect.map(calls, (count) => count > 0)
          )
        )
        assert.deepStrictEqual((yield* read).map(Result.getOrThrow), keys)
        const onFirst = keys.find((key) => slotOf(key) < 5461) ?? assert.fail("no key is on the first shard")
        const script = RedisScript.make({
          lua: "return redis.call('GET', KEYS[1])",
          keys: (key: string) => [key],
          kind: "read"
        })
        assert.strictEqual(yield* redis.eval(script)(onFirst, fromReplica), onFirst)
        yield* replica.kill
        for (let round = 0; round < 20; round++) {
          assert.deepStrictEqual((yield* read).map(Result.getOrThrow), keys)
        }
        assert.deepStrictEqual(yield* redis.breaker.state, { _tag: "Closed", failures: 0 })
      })
    )

    it.effect("are named by the health where they are down, with their slots", () =>
      Effect.gen(function* () {
        const cluster = yield* Cluster
        const redis = yield* connect
        const health = yield* RedisHealth.make().pipe(Effect.provideService(RedisClient.RedisClient, redis))
        assert.strictEqual((yield* health.status)._tag, "Up")
        // Its replica is dead already, so that nobody takes over.
        const lost = cluster.node(0)
        yield* lost.kill
        const isPartial = Effect.map(health.status, ({ _tag }) => _tag === "Partial")
        yield* Wait.until("the health knows", isPartial)
        const status = yield* health.status
        assert.deepStrictEqual(status._tag === "Partial" ? status.nodes.map(({ node, slots }) => [node, slots]) : [], [
          [`redis 127.0.0.1:${lost.port}`, [[0, 5460]]]
        ])
        yield* lost.start
        yield* Wait.until(
          "it is up again",
          Effect.map(health.check, ({ _tag }) => _tag === "Up")
        )
      })
    )
  })
})
