import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Exit, Fiber, Layer, Schema, Scope } from "effect"
import { Persistable, PersistedCache, Persistence } from "effect/persistence"
import { RedisClient, RuntimeSettings } from "effect-ioredis"
import { Cache, HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
import * as OnCache from "effect-ioredis-cache/persistence"
import { scripts } from "effect-ioredis-cache/testing"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { persistedSuite } from "../suites/persisted.ts"

const Simulated = HybridCache.layer().pipe(
  Layer.provide([RedisCache.layer(), MemoryCache.layer()]),
  Layer.provide(RedisClient.layer()),
  Layer.provideMerge(SimulatedRedis.layer({ scripts }))
)

persistedSuite("a cache in virtual time", OnCache.layer().pipe(Layer.provide(Simulated)), { time: "virtual" })

persistedSuite("a cache on memory alone", OnCache.layer().pipe(Layer.provide(MemoryCache.layerCache)), {
  time: "virtual"
})

class Price extends Persistable.Class<{ payload: { readonly of: string } }>()("Price", {
  primaryKey: ({ of }) => of,
  success: Schema.Number
}) {}

// Another process, whose memory is another.
const OtherProcess = Layer.fresh(
  OnCache.layer().pipe(
    Layer.provide(HybridCache.layer()),
    Layer.provide([RedisCache.layer(), MemoryCache.layer()]),
    Layer.provide(RedisClient.layer()),
    Layer.provide(SimulatedRedis.layerConnector)
  )
)

const inVirtualTime = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const running = yield* Effect.forkChild(effect)
    for (let step = 0; running.pollUnsafe() === undefined && step < 100; step++) yield* TestClock.adjust("100 millis")
    return yield* Fiber.join(running)
  })

describe("Effect's Persistence on a cache, while Redis is away", () => {
  it.effect("answers what it knows, takes what is written, and tells Redis afterwards", () =>
    Effect.gen(function* () {
      const redis = yield* SimulatedRedis.SimulatedRedis
      const store = yield* (yield* Persistence.BackingPersistence).make("prices")
      const other = yield* Effect.flatMap(Persistence.BackingPersistence, ({ make }) => make("prices")).pipe(
        Effect.provide(yield* Layer.build(OtherProcess))
      )
      yield* store.set("known", { n: 1 }, undefined)
      yield* store.set("removed", { n: 2 }, undefined)
      yield* store.set("changed", { n: 3 }, Duration.minutes(5))
      yield* redis.inject(Fault.refuse)
      yield* inVirtualTime(
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* store.get("known"), { n: 1 })
          yield* store.remove("removed")
          yield* store.setMany([
            ["changed", { n: 4 }, Duration.minutes(5)],
            ["new", { n: 5 }, undefined]
          ])
          const keys = ["known", "removed", "changed", "new", "unknown"] as const
          assert.deepStrictEqual(yield* store.getMany([...keys]), [{ n: 1 }, undefined, { n: 4 }, { n: 5 }, undefined])
        })
      )
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(yield* inVirtualTime(store.get("new")), { n: 5 })
      yield* redis.heal
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* other.getMany(["known", "removed", "changed"]), [{ n: 1 }, undefined, { n: 4 }])
      yield* TestClock.adjust("4 minutes")
      assert.deepStrictEqual(yield* other.getMany(["known", "changed"]), [{ n: 1 }, undefined])
    }).pipe(Effect.scoped, Effect.provide(Layer.provideMerge(OnCache.layer(), Simulated)))
  )

  it.effect("lets a PersistedCache go on, where Effect's own store fails", () =>
    Effect.gen(function* () {
      const redis = yield* SimulatedRedis.SimulatedRedis
      let lookups = 0
      const prices = yield* PersistedCache.make((_: Price) => Effect.sync(() => ++lookups), {
        storeId: "prices",
        timeToLive: () => "1 hour",
        inMemoryTTL: () => "1 second"
      })
      const price = (of: string) => inVirtualTime(prices.get(new Price({ of })))
      assert.strictEqual(yield* price("tea"), 1)
      yield* redis.inject(Fault.freeze)
      yield* TestClock.adjust("30 minutes")
      assert.strictEqual(yield* price("tea"), 1)
      assert.strictEqual(yield* price("milk"), 2)
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(yield* price("milk"), 2)
      assert.strictEqual(lookups, 2)
    }).pipe(Effect.scoped, Effect.provide(Layer.provideMerge(OnCache.layer(), Simulated)))
  )

  it.effect("fails for what cannot be stored, and for nothing else", () =>
    Effect.gen(function* () {
      const store = yield* (yield* Persistence.BackingPersistence).make("small")
      for (const value of [{ text: "a".repeat(100) }, { big: 1n }]) {
        const error = yield* Effect.flip(store.set("ada's", value, undefined))
        assert.instanceOf(error, Persistence.PersistenceError)
        assert.notInclude(`${error.message} ${error.cause}`, "ada")
        const many = yield* Effect.exit(
          store.setMany([
            ["fits", { n: 1 }, Duration.minutes(5)],
            ["ada's", value, undefined]
          ])
        )
        assert.isTrue(Exit.isFailure(many))
      }
      assert.isUndefined(yield* store.get("ada's"))
    }).pipe(Effect.scoped, Effect.provide(OnCache.layer({ maxBytes: 50 }).pipe(Layer.provide(Simulated))))
  )

  it.effect("fails for nothing that fits while the cache is bypassed, or once it has closed", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const context = yield* Layer.build(Layer.provideMerge(OnCache.layer({ maxBytes: 50 }), Simulated)).pipe(
        Scope.provide(scope)
      )
      const store = yield* Context.get(context, Persistence.BackingPersistence).make("lives")
      let lookups = 0
      const prices = yield* PersistedCache.make((_: Price) => Effect.sync(() => ++lookups), {
        storeId: "prices",
        timeToLive: () => "1 hour",
        inMemoryTTL: () => "1 second"
      }).pipe(Effect.provideContext(context))
      const isUsable = Effect.gen(function* () {
        const before = lookups
        assert.strictEqual(yield* prices.get(new Price({ of: "tea" })), before + 1)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* prices.get(new Price({ of: "tea" })), before + 2)
        yield* store.setMany([
          ["a", { n: 1 }, undefined],
          ["b", { n: 2 }, Duration.minutes(5)]
        ])
        assert.instanceOf(
          yield* Effect.flip(store.set("a", { text: "a".repeat(100) }, undefined)),
          Persistence.PersistenceError
        )
      })
      const settings = yield* RuntimeSettings.RuntimeSettings
      const removals = [prices.invalidate(new Price({ of: "tea" })), store.clear]
      yield* settings.update({ mode: "bypass" })
      yield* isUsable
      yield* Effect.all(removals)
      yield* settings.update({})
      yield* Scope.close(scope, Exit.void)
      yield* inVirtualTime(isUsable)
      for (const removal of removals) {
        assert.instanceOf(yield* Effect.flip(inVirtualTime(removal)), Persistence.PersistenceError)
      }
    }).pipe(Effect.scoped, Effect.provide(RuntimeSettings.layer({ document: {} })))
  )

  it.effect("keeps stores apart whatever their ids are, and versions too", () =>
    Effect.gen(function* () {
      const ids = ["a", "A", "a:b", "a%3ab", "{a}", "ä", "", "a b", "*"]
      const stores = yield* Effect.forEach(ids, (id) =>
        Effect.flatMap(Persistence.BackingPersistence, ({ make }) => make(id))
      )
      yield* Effect.forEach(stores, (store, n) => store.set("key", { n }, undefined))
      const found = yield* Effect.forEach(stores, (store) => store.get("key"))
      assert.deepStrictEqual(
        found,
        ids.map((_, n) => ({ n }))
      )
      const next = yield* Effect.flatMap(Persistence.BackingPersistence, ({ make }) => make("a")).pipe(
        Effect.provide(OnCache.layer({ version: 2 }))
      )
      assert.isUndefined(yield* next.get("key"))
    }).pipe(Effect.scoped, Effect.provide(Layer.provideMerge(OnCache.layer(), Simulated)))
  )

  it.effect("is no other region of the same name", () =>
    Effect.gen(function* () {
      const region = yield* Cache.region({ name: "prices", version: 1, key: Schema.String, value: Schema.String })
      const store = yield* (yield* Persistence.BackingPersistence).make("prices")
      yield* region.set("tea", "green")
      assert.isUndefined(yield* store.get("tea"))
    }).pipe(Effect.scoped, Effect.provide(Layer.provideMerge(OnCache.layer(), Simulated)))
  )
})
