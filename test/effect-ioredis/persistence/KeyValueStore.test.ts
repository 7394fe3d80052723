import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer } from "effect"
import { KeyValueStore } from "effect/persistence"
import { RedisClient, RedisError } from "effect-ioredis"
import * as Persistence from "effect-ioredis/persistence"
import { SimulatedRedis } from "effect-ioredis/testing"

const Client = Layer.provideMerge(RedisClient.layer(), SimulatedRedis.layer())

const options: Persistence.KeyValueStoreOptions = { prefix: "kv[*]?:" }

const Store = Layer.provideMerge(Persistence.layerKeyValueStore(options), Client)

describe("A KeyValueStore on a client", () => {
  it.effect("keeps texts and bytes under its prefix, and removes them", () =>
    Effect.gen(function* () {
      const store = yield* KeyValueStore.KeyValueStore
      const redis = yield* SimulatedRedis.SimulatedRedis
      assert.isUndefined(yield* store.get("a"))
      assert.isUndefined(yield* store.getUint8Array("a"))
      yield* store.set("a", "ä")
      assert.strictEqual(yield* redis.peek("kv[*]?:a"), "ä")
      assert.strictEqual(yield* store.get("a"), "ä")
      assert.deepStrictEqual(yield* store.getUint8Array("a"), new TextEncoder().encode("ä"))
      yield* store.set("b", Uint8Array.of(0, 255, 128))
      assert.deepStrictEqual(Array.from((yield* store.getUint8Array("b")) ?? []), [0, 255, 128])
      assert.isTrue(yield* store.has("a"))
      yield* store.remove("a")
      assert.isFalse(yield* store.has("a"))
    }).pipe(Effect.provide(Store))
  )

  it.effect("counts, lists and clears its own entries alone", () =>
    Effect.gen(function* () {
      const store = yield* KeyValueStore.KeyValueStore
      const redis = yield* RedisClient.RedisClient
      yield* redis.set("kv_anything?:other", "1")
      assert.isTrue(yield* store.isEmpty)
      const names = Array.from({ length: 1200 }, (_, n) => `${n % 2 === 0 ? "even" : "odd"}:${n}`)
      yield* Effect.forEach(names, (name) => store.set(name, "1"), { concurrency: "unbounded" })
      assert.strictEqual(yield* store.size, 1200)
      assert.isFalse(yield* store.isEmpty)
      assert.deepStrictEqual((yield* store.keys).toSorted(), names.toSorted())
      yield* store.clearPrefix("even:")
      assert.strictEqual(yield* store.size, 600)
      yield* store.clear
      assert.strictEqual(yield* store.size, 0)
      assert.strictEqual(yield* redis.exists("kv_anything?:other"), 1)
    }).pipe(Effect.provide(Store))
  )

  it.effect("changes what is there, and nothing else", () =>
    Effect.gen(function* () {
      const store = yield* KeyValueStore.KeyValueStore
      assert.isUndefined(yield* store.modify("a", (text) => `${text}!`))
      yield* store.set("a", "hello")
      assert.strictEqual(yield* store.modify("a", (text) => `${text}!`), "hello!")
      assert.strictEqual(yield* store.get("a"), "hello!")
    }).pipe(Effect.provide(Store))
  )

  it.effect("fails with Effect's error, which holds the client's", () =>
    Effect.gen(function* () {
      const store = yield* KeyValueStore.KeyValueStore
      const { breaker } = yield* RedisClient.RedisClient
      yield* breaker.isolate
      const error = yield* Effect.flip(store.set("a", "1"))
      assert.instanceOf(error, KeyValueStore.KeyValueStoreError)
      assert.deepStrictEqual([error.method, error.key], ["set", "a"])
      assert.instanceOf(error.cause, RedisError.RedisCircuitBreakerOpenError)
      const [size, cleared] = [yield* Effect.flip(store.size), yield* Effect.flip(store.clear)]
      assert.deepStrictEqual([size.method, cleared.method], ["size", "clear"])
    }).pipe(Effect.provide(Store))
  )

  it.effect("is not made without a prefix", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(Layer.build(Persistence.layerKeyValueStore({ prefix: "" })))
      assert.match(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", /prefix is ""/)
    }).pipe(Effect.provide(Client), Effect.scoped)
  )
})
