import { assert, describe, layer } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Option, Result, Scope, Stream } from "effect"
import {
  IoredisConnector,
  RedisClient,
  RedisCommand,
  RedisConnection,
  type RedisError,
  RedisTopology
} from "effect-ioredis"
import { slotOf } from "../../../packages/effect-ioredis/src/internal/slot.ts"
import * as Connect from "../../support/Connect.ts"
import * as RedisCluster from "../../support/RedisCluster.ts"
import * as Wait from "../../support/Wait.ts"

class Cluster extends Context.Service<Cluster, RedisCluster.RedisCluster>()("test/Cluster") {
  static readonly layer = Layer.effect(Cluster, RedisCluster.make({ requireFullCoverage: false }))
}

const connect = Effect.flatMap(Cluster, (cluster) =>
  RedisClient.make({
    topology: RedisTopology.cluster({ seeds: [{ host: "127.0.0.1", port: cluster.node(4).port }] }),
    requireReady: true
  }).pipe(Effect.provide(IoredisConnector.layer()))
)

const keys = (count: number, prefix = "key") => Array.from({ length: count }, (_, n) => `${prefix}:${n}`)

describe("a client on a real cluster", () => {
  layer(Cluster.layer, { timeout: "30 seconds" })((it) => {
    it.effect("reads and writes keys of every node, and puts answers together in order", () =>
      Effect.gen(function* () {
        const redis = yield* connect
        const all = keys(300)
        yield* Effect.forEach(all, (key, n) => redis.set(key, n), { concurrency: "unbounded" })
        const texts = yield* redis.mget(all)
        assert.deepStrictEqual(
          texts.map(Option.getOrUndefined),
          all.map((_, n) => String(n))
        )
        assert.strictEqual(yield* redis.exists(...all), 300)
        const results = yield* redis.pipeline(all.map((key) => RedisCommand.make("GET", [key])))
        assert.deepStrictEqual(
          results.map(Result.getOrThrow),
          all.map((_, n) => String(n))
        )
        const scanned = yield* Stream.runCollect(redis.scan({ match: "key:*" }))
        assert.deepStrictEqual(Array.from(new Set(scanned)).sort(), Array.from(all).sort())
        assert.strictEqual(yield* redis.del(...all), 300)
        assert.deepStrictEqual(yield* redis.breaker.state, { _tag: "Closed", failures: 0 })
        assert.strictEqual((yield* redis.stats).connections, 3)
      })
    )

    it.effect("is told where a key is by a server that does not own it", () =>
      Effect.gen(function* () {
        const cluster = yield* Cluster
        const [other, owner] = [cluster.node(0), cluster.node(2)]
        const connection = yield* Connect.connection({ port: other.port })
        const error = yield* Effect.flip(RedisConnection.send(connection, RedisCommand.make("GET", ["foo"])))
        assert.isTrue(error._tag === "RedisOperationError" && error.code === "MOVED")
        if (error._tag !== "RedisOperationError") return
        const expected: RedisError.Redirect = { slot: 12_182, host: "127.0.0.1", port: owner.port, ask: false }
        assert.deepStrictEqual(error.redirect, expected)
      })
    )

    it.effect("is answered by every node before it closes", () =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const redis = yield* Effect.provideService(connect, Scope.Scope, scope)
        const calls = yield* Effect.forEach(keys(60, "closing"), (key) =>
          Effect.forkChild(Effect.result(redis.incr(key)), { startImmediately: true })
        )
        yield* Scope.close(scope, Exit.void)
        const results = yield* Effect.forEach(calls, Fiber.join)
        assert.deepStrictEqual(
          results.map((result) => (Result.isSuccess(result) ? result.success : result.failure.message)),
          calls.map(() => 1)
        )
      })
    )

    it.effect("follows slots that move under load: nothing fails, nothing is done twice", () =>
      Effect.gen(function* () {
        const cluster = yield* Cluster
        const redis = yield* connect
        const counters = keys(200, "counter")
        let rounds = 0
        const load = Effect.gen(function* () {
          yield* Effect.forEach(counters, (key) => redis.incr(key), { concurrency: "unbounded" })
          rounds++
        })
        const moving = cluster.moveSlots(counters.slice(0, 60).map(slotOf), cluster.node(1))
        yield* Effect.raceFirst(moving, Effect.forever(load))
        yield* load
        const texts = yield* redis.mget(counters)
        const counts = texts.map((text) => Number(Option.getOrThrow(text)))
        // The round that was under way when the slots had moved was given up.
        for (const count of counts) assert.isTrue(count === rounds || count === rounds + 1, `${count} of ${rounds}`)
      })
    )

    it.effect("goes to the promoted replica when a master is killed", () =>
      Effect.gen(function* () {
        const cluster = yield* Cluster
        const redis = yield* connect
        const lost = cluster.node(0)
        const all = keys(200, "after")
        yield* lost.kill
        yield* cluster.nextOwnerOf(0, lost)
        const { millis } = yield* Wait.timed(
          Wait.until(
            "every key can be written",
            Effect.map(
              Effect.forEach(all, (key) => Effect.result(redis.set(key, 1)), { concurrency: "unbounded" }),
              (results) => results.every(Result.isSuccess)
            )
          )
        )
        // Twice what is asked for: the short round of failovers measures it, on a machine of its own.
        assert.isBelow(millis, 1000)
      })
    )
  })
})
