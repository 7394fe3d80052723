import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Option, Schema } from "effect"
import { RedisClient } from "effect-ioredis"
import { Cache, HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
import { scripts } from "effect-ioredis-cache/testing"
import { SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"

const options = { name: "users", version: 1, key: Schema.String, value: Schema.String }

// Two caches of one client, each with a memory of its own, as two parts of a program may have.
const withTwoCaches = <A, E>(
  use: (
    one: Cache.Region<string, string>,
    other: Cache.Region<string, string>,
    redis: RedisClient.RedisClient
  ) => Effect.Effect<A, E, SimulatedRedis.SimulatedRedis>
) =>
  Effect.gen(function* () {
    const build = Effect.map(
      Layer.build(
        Layer.fresh(
          HybridCache.layer().pipe(Layer.provide([Layer.fresh(RedisCache.layer()), Layer.fresh(MemoryCache.layer())]))
        )
      ),
      Context.get(Cache.Cache)
    )
    const one = yield* (yield* build).region(options)
    const other = yield* (yield* build).region(options)
    return yield* use(one, other, yield* RedisClient.RedisClient)
  }).pipe(
    Effect.scoped,
    Effect.provide(RedisClient.layer().pipe(Layer.provideMerge(SimulatedRedis.layer({ scripts }))))
  )

describe("two caches of one client", () => {
  it.effect("do not contradict each other in an outage", () =>
    withTwoCaches((one, other, redis) =>
      Effect.gen(function* () {
        for (const key of ["set", "removed", "cleared"]) {
          assert.strictEqual(yield* other.set(key, "old"), "Applied")
          assert.deepStrictEqual(yield* other.get(key), Option.some("old"))
        }
        assert.strictEqual(yield* one.set("set", "new"), "Applied")
        assert.strictEqual(yield* one.remove("removed"), "Applied")
        yield* redis.breaker.isolate
        assert.deepStrictEqual(yield* other.get("set"), Option.none())
        assert.deepStrictEqual(yield* other.get("removed"), Option.none())
        yield* one.clear
        assert.deepStrictEqual(yield* other.get("cleared"), Option.none())
      })
    )
  )

  it.effect("answer a deferred write of the one through the other", () =>
    withTwoCaches((one, other, redis) =>
      Effect.gen(function* () {
        yield* other.set("k", "old")
        yield* redis.breaker.isolate
        assert.strictEqual(yield* one.set("k", "new"), "Deferred")
        assert.deepStrictEqual(yield* other.get("k"), Option.some("new"))
      })
    )
  )

  it.effect("do not keep what was looked up before a write of the other", () =>
    withTwoCaches((one, other) =>
      Effect.gen(function* () {
        const lookup = Effect.as(Effect.sleep("1 second"), "looked up")
        const asked = yield* Effect.forkChild(other.getOrSet("k", lookup), { startImmediately: true })
        yield* TestClock.adjust("500 millis")
        yield* one.set("k", "written")
        yield* TestClock.adjust("500 millis")
        assert.strictEqual(yield* Fiber.join(asked), "looked up")
        assert.deepStrictEqual(yield* other.get("k"), Option.some("written"))
        assert.strictEqual(yield* other.getOrSet("k", Effect.succeed("never")), "written")
      })
    )
  )
})
