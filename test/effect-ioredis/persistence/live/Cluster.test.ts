import { assert, describe, layer } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Layer, Queue, Schema } from "effect"
import { KeyValueStore, PersistedQueue, Persistence, RateLimiter, Redis } from "effect/persistence"
import { Redis as OurRedis } from "effect-ioredis"
import * as OnClient from "effect-ioredis/persistence"
import * as RedisCluster from "../../../support/RedisCluster.ts"

const Client = Layer.unwrap(
  Effect.map(RedisCluster.make(), (cluster) =>
    OurRedis.layer({ cluster: [{ host: "127.0.0.1", port: cluster.node(0).port }], requireReady: true })
  )
)

// Related keys share a slot by the hash tag of their prefix.
const Modules = Layer.mergeAll(
  PersistedQueue.layer.pipe(
    Layer.provide(PersistedQueue.layerStoreRedis({ prefix: "{jobs}:", pollInterval: "50 millis" }))
  ),
  Persistence.layerBackingRedis
).pipe(
  Layer.provideMerge(OnClient.layer()),
  Layer.provideMerge(OnClient.layerRateLimiter({ prefix: "{limits}:", whenUnavailable: "fail" })),
  Layer.provideMerge(OnClient.layerKeyValueStore({ prefix: "kv:" })),
  Layer.provide(Client)
)

describe("Effect's modules on a real cluster", () => {
  layer(Modules, { excludeTestServices: true, timeout: "60 seconds" })((it) => {
    it.effect("a queue, a limiter and a cache have all that belongs together on one server", () =>
      Effect.gen(function* () {
        const queue = yield* PersistedQueue.make({ name: "mails", schema: Schema.Number })
        yield* queue.offer(7, { id: "job" })
        assert.strictEqual(yield* queue.take(Effect.succeed), 7)
        const { consume } = yield* RateLimiter.RateLimiter
        const call = { algorithm: "token-bucket", key: "alice", limit: 1, window: "1 hour" } as const
        assert.isTrue(Exit.isSuccess(yield* Effect.exit(consume(call))))
        assert.strictEqual((yield* Effect.flip(consume(call))).reason._tag, "RateLimitExceeded")
        const backing = yield* (yield* Persistence.BackingPersistence).make("{prices}")
        yield* backing.setMany([
          ["a", { n: 1 }, undefined],
          ["b", { n: 2 }, Duration.minutes(1)]
        ])
        assert.deepStrictEqual(yield* backing.getMany(["a", "b"]), [{ n: 1 }, { n: 2 }])
        yield* backing.clear
        assert.isUndefined(yield* backing.get("a"))
      }).pipe(Effect.scoped)
    )

    it.effect("a store counts and clears what is on every server", () =>
      Effect.gen(function* () {
        const store = yield* KeyValueStore.KeyValueStore
        const names = Array.from({ length: 50 }, (_, n) => `key-${n}`)
        yield* Effect.forEach(names, (name) => store.set(name, "1"), { concurrency: "unbounded" })
        yield* store.set("bytes", Uint8Array.of(0, 255, 128))
        assert.deepStrictEqual(yield* store.getUint8Array("bytes"), Buffer.of(0, 255, 128))
        assert.strictEqual(yield* store.size, 51)
        yield* store.clear
        assert.isTrue(yield* store.isEmpty)
      })
    )

    it.effect("a reserved connection waits wherever its keys are, and a channel is heard", () =>
      Effect.gen(function* () {
        const redis = yield* Redis.Redis
        const news = yield* redis.subscribe("news")
        const connection = yield* redis.reserve
        // One for each master.
        for (const key of ["a", "b", "c"]) {
          const popped = yield* Effect.forkChild(connection.send("BLPOP", key, "0"))
          yield* redis.send("RPUSH", key, "one")
          assert.deepStrictEqual(yield* Fiber.join(popped), [key, "one"])
        }
        yield* redis.send("PUBLISH", "news", "hello")
        assert.deepStrictEqual(yield* Queue.take(news), { channel: "news", message: "hello" })
      }).pipe(Effect.scoped)
    )
  })
})
