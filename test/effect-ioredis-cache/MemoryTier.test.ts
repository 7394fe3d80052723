import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { TestClock } from "effect/testing"
import { Hit, type TierRegion, Write } from "../../packages/effect-ioredis-cache/src/internal/CacheTier.ts"
import * as MemoryStore from "../../packages/effect-ioredis-cache/src/internal/MemoryStore.ts"
import * as MemoryTier from "../../packages/effect-ioredis-cache/src/internal/MemoryTier.ts"

const version = { stamp: "writer------1", writtenAt: 0 } as const

// A tier in memory asks nothing else of its region.
const regionOf = (options: Partial<TierRegion<string>> = {}) =>
  ({ keyspace: "texts:", longestLife: 1000, staleFor: 0, ...options }) as TierRegion<string>

const makeStore = MemoryStore.make({})

const make = (options: Partial<TierRegion<string>> = {}) =>
  Effect.gen(function* () {
    return MemoryTier.make(yield* makeStore, yield* Clock.Clock)(regionOf(options))
  })

const write = (key: string, value: string, timeToLive = 1000) =>
  new Write(key, value, JSON.stringify(value), timeToLive)

/** For how many milliseconds more a value is fresh, in steps of 100. */
const lifeOf = Effect.fnUntraced(function* (tier: MemoryTier.MemoryTier<string>, key: string) {
  let life = 0
  for (; tier.find(key) !== undefined && life < 10_000; life += 100) yield* TestClock.adjust(100)
  return life
})

describe("MemoryTier", () => {
  it.effect("never shortens the life that a write gave, to the region's usual one", () =>
    Effect.gen(function* () {
      const rows: ReadonlyArray<
        readonly [given: number, timeToLive: number, lifeThere: number, life: number, what: string]
      > = [
        [3000, 1000, 5000, 3000, "what was cut to the region's longest life keeps what was given"],
        [3000, 1000, 2000, 2000, "but lives no longer than where it comes from"],
        [3000, 400, 400, 400, "what ends sooner there ends sooner here"],
        [200, 1000, 5000, 1000, "and a shorter life than the region's becomes that"]
      ]
      for (const [given, timeToLive, lifeThere, life, what] of rows) {
        const tier = yield* make()
        tier.take(write("a", "old", given))
        const at = Number((yield* Clock.Clock).monotonicTimeNanosUnsafe()) / 1_000_000
        tier.put("a", new Hit("new", timeToLive, 5, version, lifeThere), at)
        assert.deepStrictEqual([tier.find("a")?.value, tier.glance("a")?.version], ["new", version])
        assert.strictEqual(yield* lifeOf(tier, "a"), life, what)
      }
    })
  )

  it.effect("counts the tags of a value among its bytes", () =>
    Effect.gen(function* () {
      const tier = MemoryTier.make(yield* MemoryStore.make({ maxBytes: 50 }), yield* Clock.Clock)(regionOf())
      tier.take(write("a", "value"))
      assert.strictEqual(tier.find("a")?.bytes, 7)
      tier.take(new Write("a", "value", '"value"', 1000, "x".repeat(48)))
      assert.isUndefined(tier.find("a"), "it is larger than the memory")
    })
  )

  it.effect("says of which write of Redis it keeps a value, for as long as it keeps it", () =>
    Effect.gen(function* () {
      const tier = yield* make({ staleFor: 500 })
      tier.take(write("a", "own"))
      assert.deepStrictEqual([tier.glance("a")?.value, tier.glance("a")?.version], ["own", undefined])
      tier.put("a", new Hit("1", 1000, 3, version, 1000), tier.now("a"))
      assert.deepStrictEqual([tier.glance("a")?.value, tier.glance("a")?.version], ["1", version])
      yield* TestClock.adjust(1499)
      assert.deepStrictEqual([tier.find("a"), tier.glance("a")?.value], [undefined, "1"])
      tier.drop("a")
      assert.isUndefined(tier.glance("a"))
    })
  )

  it.effect("extends a life and never shortens one, and brings nothing back", () =>
    Effect.gen(function* () {
      const tier = yield* make()
      tier.take(write("a", "1"))
      tier.extend("a", 500)
      tier.extend("absent", 500)
      assert.isUndefined(tier.find("absent"))
      yield* TestClock.adjust(900)
      tier.extend("a", 500)
      assert.strictEqual(yield* lifeOf(tier, "a"), 500)
      tier.extend("a", 500)
      assert.isUndefined(tier.find("a"))
    })
  )

  it.effect("keeps an expired value for `stale` as long as it would have been kept anyway", () =>
    Effect.gen(function* () {
      const tier = yield* make({ staleFor: 500 })
      tier.take(write("a", "1"))
      tier.expire("a")
      assert.isUndefined(tier.find("a"))
      yield* TestClock.adjust(1499)
      assert.deepStrictEqual(tier.stale("a")?.at(tier.now("a"))?.value, "1")
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(tier.stale("a"), undefined)
      const fresh = yield* make()
      fresh.take(write("a", "1"))
      fresh.expire("a")
      assert.deepStrictEqual(fresh.stale("a"), undefined)
    })
  )

  it.effect("takes of several writes and removals those that nothing newer has overtaken", () =>
    Effect.gen(function* () {
      const tier = yield* make()
      const told: Array<unknown> = []
      const second = (index: number) => index === 1
      tier.setMany([write("a", "1"), write("b", "1")], second, (exit) => told.push(exit))
      assert.deepStrictEqual([tier.find("a")?.value, tier.find("b")?.value], [undefined, "1"])
      tier.take(write("a", "1"))
      tier.remove(["a", "b"], second, (exit) => told.push(exit))
      assert.deepStrictEqual([tier.find("a")?.value, tier.find("b")?.value], ["1", undefined])
      const fill = { write: write("a", "2"), beganAt: 0, lookupTime: 0, replaces: undefined }
      tier.fill(
        fill,
        () => false,
        (exit) => told.push(exit)
      )
      assert.strictEqual(tier.find("a")?.value, "1")
      assert.strictEqual(told.length, 3)
    })
  )

  it.effect("drops a key, all of its region, and nothing of another region or owner", () =>
    Effect.gen(function* () {
      const store = yield* makeStore
      const clock = yield* Clock.Clock
      const [first, second] = [{}, {}]
      const tiers = {
        texts: MemoryTier.make(store, clock, first)(regionOf()),
        same: MemoryTier.make(store, clock, first)(regionOf()),
        region: MemoryTier.make(store, clock, first)(regionOf({ keyspace: "others:" })),
        owner: MemoryTier.make(store, clock, second)(regionOf())
      }
      for (const key of ["texts:a", "texts:b"]) {
        tiers.texts.take(write(key, "first's"))
        tiers.owner.take(write(key, "second's"))
      }
      tiers.region.take(write("others:a", "first's"))
      tiers.texts.forget("texts:a")
      const seen = () => [
        tiers.same.find("texts:a")?.value,
        tiers.same.find("texts:b")?.value,
        tiers.region.find("others:a")?.value,
        tiers.owner.find("texts:a")?.value
      ]
      assert.deepStrictEqual(seen(), [undefined, "first's", "first's", "second's"])
      tiers.texts.forget(undefined)
      assert.deepStrictEqual(seen(), [undefined, undefined, "first's", "second's"])
    })
  )
})
