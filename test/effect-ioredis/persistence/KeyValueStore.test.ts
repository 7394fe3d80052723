import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer } from "effect"
import { KeyValueStore } from "effect/persistence"
import { RedisClient, RedisError } from "effect-ioredis"
import * as Persistence from "effect-ioredis/persistence"
import { SimulatedRedis } from "effect-ioredis/testing"
import { keyValueStoreSuite } from "../../suites/keyValueStore.ts"

const Client = Layer.provideMerge(RedisClient.layer(), SimulatedRedis.layer())

keyValueStoreSuite("a simulated Redis", RedisClient.layer().pipe(Layer.provide(SimulatedRedis.layer())))

const Store = Layer.provideMerge(Persistence.layerKeyValueStore({ prefix: "kv:" }), Client)

describe("A KeyValueStore on a client", () => {
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
