import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Option, Schema, Scope } from "effect"
import { RedisClient } from "effect-ioredis"
import { Cache, HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
import { scripts } from "effect-ioredis-cache/testing"
import { SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"

const options = { name: "users", version: 1, key: Schema.String, value: Schema.String }

// Caches of one client, each with a memory of its own, as parts of a program may have.
const withCaches = <A, E>(
  use: (
    build: Effect.Effect<Cache.Cache, never, Scope.Scope>,
    redis: RedisClient.RedisClient
  ) => Effect.Effect<A, E, Scope.Scope | SimulatedRedis.SimulatedRedis>
) =>
  Effect.gen(function* () {
    const redis = yield* RedisClient.RedisClient
    const layer = HybridCache.layer().pipe(
      Layer.provide([Layer.fresh(RedisCache.layer()), Layer.fresh(MemoryCache.layer())]),
      Layer.provide(Layer.succeed(RedisClient.RedisClient, redis))
    )
    return yield* use(Effect.map(Layer.build(Layer.fresh(layer)), Context.get(Cache.Cache)), redis)
  }).pipe(
    Effect.scoped,
    Effect.provide(RedisClient.layer().pipe(Layer.provideMerge(SimulatedRedis.layer({ scripts }))))
  )

const withTwoCaches = <A, E>(
  use: (
    one: Cache.Region<string, string>,
    other: Cache.Region<string, string>,
    redis: RedisClient.RedisClient
  ) => Effect.Effect<A, E, SimulatedRedis.SimulatedRedis>
) =>
  withCaches((build, redis) =>
    Effect.gen(function* () {
      const one = yield* (yield* build).region(options)
      const other = yield* (yield* build).region(options)
      return yield* use(one, other, redis)
    })
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

  it.effect("define a region alike, or the second is refused", () =>
    withCaches((build) =>
      Effect.gen(function* () {
        const one = yield* build
        const other = yield* build
        yield* one.region(options)
        const another = [
          other.region({ ...options, value: Schema.Number }),
          other.region({ ...options, replay: "latest" }),
          other.region({ ...options, near: { maxStaleness: "1 second" } }),
          other.region({ ...options, removedFor: "1 minute" })
        ] as const
        for (const region of another) assert.isTrue(Exit.isFailure(yield* Effect.exit<unknown, never, never>(region)))
        yield* other.region(options)
      })
    )
  )

  it.effect("do not contradict each other when one of them has closed", () =>
    withCaches((build, redis) =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const one = yield* (yield* Scope.provide(build, scope)).region(options)
        const other = yield* (yield* build).region(options)
        yield* other.set("removed", "old")
        yield* other.set("cleared", "old")
        yield* Scope.close(scope, Exit.void)
        assert.strictEqual(yield* one.remove("removed"), "Applied")
        yield* redis.breaker.isolate
        assert.deepStrictEqual(yield* other.get("removed"), Option.none())
        assert.deepStrictEqual(yield* other.get("cleared"), Option.some("old"))
        yield* one.clear
        assert.deepStrictEqual(yield* other.get("cleared"), Option.none())
      })
    )
  )

  it.effect("may share a memory with caches of another prefix", () =>
    Effect.gen(function* () {
      const memory = Layer.succeed(MemoryCache.MemoryCache, yield* MemoryCache.make())
      const build = (prefix: string) =>
        Effect.map(
          Layer.build(
            Layer.fresh(HybridCache.layer()).pipe(
              Layer.provide([Layer.effect(RedisCache.RedisCache, RedisCache.make({ prefix })), memory])
            )
          ),
          Context.get(Cache.Cache)
        )
      const one = yield* build("one")
      const other = yield* build("other")
      const texts = yield* one.region(options)
      const numbers = yield* other.region({ ...options, value: Schema.Number })
      yield* texts.set("k", "text")
      yield* numbers.set("k", 1)
      yield* (yield* RedisClient.RedisClient).breaker.isolate
      assert.deepStrictEqual(yield* texts.get("k"), Option.some("text"))
      assert.deepStrictEqual(yield* numbers.get("k"), Option.some(1))
      yield* texts.clear
      assert.deepStrictEqual(yield* texts.get("k"), Option.none())
      assert.deepStrictEqual(yield* numbers.get("k"), Option.some(1))
    }).pipe(
      Effect.scoped,
      Effect.provide(RedisClient.layer().pipe(Layer.provideMerge(SimulatedRedis.layer({ scripts }))))
    )
  )
})
