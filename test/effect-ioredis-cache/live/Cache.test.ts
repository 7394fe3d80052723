import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import type { RedisError } from "effect-ioredis"
import { MemoryCache, RedisCache } from "effect-ioredis-cache"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { cacheSuite } from "../../suites/cache.ts"
import { layerReal, layerSimulated, layerStrict, quiet } from "../../suites/cacheLayers.ts"

// On a busy machine 1,500 keys may take a second.
const patient = layerReal({
  patience: "20 seconds",
  redis: { commandTimeout: "10 seconds", operationTimeout: "20 seconds" }
})

cacheSuite("MemoryCache", Layer.merge(MemoryCache.layerCache, quiet), { time: "virtual" })

cacheSuite("HybridCache on SimulatedRedis", layerSimulated(), { time: "virtual" })

cacheSuite("HybridCache on a real server", patient, { time: "real" })

cacheSuite("RedisCache on SimulatedRedis", Layer.provideMerge(layerStrict, layerSimulated()), {
  time: "virtual",
  strict: true
})

cacheSuite("RedisCache on a real server", Layer.provideMerge(layerStrict, patient), { time: "real", strict: true })

describe("RedisCache", () => {
  const region = Effect.flatMap(RedisCache.RedisCache, (redis) =>
    redis.region({ name: "strict", version: 1, key: Schema.Int, value: Schema.String, maxBytes: 50 })
  )

  it.effect("every method fails with what Redis did, and the lookup does not run", () =>
    Effect.gen(function* () {
      const strict = yield* region
      yield* (yield* SimulatedRedis.SimulatedRedis).inject(
        Fault.error("MISCONF", { commands: ["GET", "MGET", "SET", "UNLINK", "SCAN"] })
      )
      const calls: ReadonlyArray<Effect.Effect<unknown, RedisError.RedisError>> = [
        strict.get(1),
        strict.has(1),
        strict.getMany([1, 2]),
        strict.set(1, "a"),
        strict.setMany([
          [1, "a"],
          [2, "b"]
        ]),
        strict.remove(1),
        strict.removeMany([1, 2]),
        strict.clear,
        strict.getOrSet(1, Effect.die("looked up"))
      ]
      for (const call of calls) {
        const error = yield* Effect.flip(call)
        assert.strictEqual(error._tag === "RedisOperationError" && error.code, "MISCONF")
      }
    }).pipe(Effect.provide(layerSimulated()))
  )

  it.effect("what does not fit is a RedisSerializationError that does not hold it, and the older value is gone", () =>
    Effect.gen(function* () {
      const strict = yield* region
      yield* strict.set(1, "a")
      const tooLarge = yield* Effect.flip(strict.set(1, "secret".repeat(20)))
      assert.isFalse(yield* strict.has(1))
      const badKey = yield* Effect.flip(strict.get(123.456))
      for (const error of [tooLarge, badKey]) {
        assert.deepInclude(error, { _tag: "RedisSerializationError", region: "strict", direction: "encode" })
        assert.notMatch(error.message, /secret|123/)
        assert.match(error.message, /(Store less|Correct)/)
      }
    }).pipe(Effect.provide(layerSimulated()))
  )
})
