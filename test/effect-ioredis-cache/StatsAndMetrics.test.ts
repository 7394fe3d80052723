import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Metric, Random, Schema } from "effect"
import { RedisClient } from "effect-ioredis"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { Cache } from "effect-ioredis-cache"
import { TestClock } from "effect/testing"
import { layerSimulated } from "../suites/cacheLayers.ts"

const alone = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => Effect.provideService(effect, Metric.MetricRegistry, new Map()))

const oneOf = <A>(all: ReadonlyArray<A>) => Effect.map(Random.next, (draw) => all[Math.floor(draw * all.length)] as A)

const plain = { name: "plain", version: 1, key: Schema.String, value: Schema.String } as const
const rich = { ...plain, name: "rich", tags: true, lease: true, staleFor: "1 hour", timeToLive: "2 seconds" } as const

type Texts = Cache.Region<string, string>

const aCall = Effect.fnUntraced(function* (region: Texts) {
  const [one, other] = [yield* oneOf(["a", "b", "c"]), yield* oneOf(["a", "b", "c"])]
  const lookup = Effect.andThen(
    Effect.sleep(yield* oneOf([0, 5, 500])),
    yield* oneOf([Effect.succeed("1"), Effect.fail("no")])
  )
  const calls: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
    region.get(one),
    region.getMany([one, other]),
    region.getOrSet(one, lookup),
    region.getOrSetMany([one, other], (keys) =>
      Effect.as(
        lookup,
        keys.map((key) => [key, "1"] as const)
      )
    ),
    region.refresh(one, lookup),
    region.set(one, "2"),
    region.setMany([
      [one, "3"],
      [other, "4"]
    ]),
    region.remove(one),
    region.removeMany([one, other]),
    region.touch(one),
    region.clear
  ]
  return Effect.exit(yield* oneOf(calls))
})

/** What the metrics have of what the stats of the cache count. */
const counted = Effect.map(Metric.snapshot, (all) => {
  const sum = (id: string, label = "", value = "") =>
    all.reduce((total, { attributes, id: own, state }) => {
      if (own !== id || (label !== "" && attributes?.[label] !== value)) return total
      return total + Number("count" in state ? state.count : "value" in state ? state.value : 0)
    }, 0)
  return {
    hits: sum("cache.requests", "cache.result", "hit"),
    misses: sum("cache.requests", "cache.result", "miss"),
    fallbacks: sum("cache.requests", "cache.source", "fallback"),
    corrupt: sum("cache.unreadable"),
    stale: sum("cache.stale"),
    lookups: sum("cache.lookups"),
    timed: sum("cache.lookup.duration"),
    failedLookups: sum("cache.lookups", "cache.result", "failure"),
    lookupsInFlight: sum("cache.lookups.in_flight"),
    sharedLookups: sum("cache.lookups.shared"),
    applied: sum("cache.writes", "cache.outcome", "applied"),
    deferred: sum("cache.writes", "cache.outcome", "deferred"),
    rejected: sum("cache.writes", "cache.outcome", "rejected"),
    entries: sum("cache.memory.entries"),
    evictions: sum("cache.memory.evictions"),
    journal: sum("cache.journal.deferred"),
    overflows: sum("cache.journal.overflows"),
    replays: sum("cache.journal.replays")
  }
})

const sumOf = (counts: Readonly<Record<string, number>>) =>
  Object.values(counts).reduce((total, count) => total + count, 0)

describe("What a cache has counted", () => {
  it.effect("is the same in stats and metrics, whatever befell Redis", () =>
    Effect.gen(function* () {
      const cache = yield* Cache.Cache
      const server = yield* SimulatedRedis.SimulatedRedis
      const redis = yield* RedisClient.RedisClient
      const regions: ReadonlyArray<Texts> = [yield* cache.region(plain), yield* cache.region(rich)]
      yield* TestClock.adjust("1 second")
      for (let round = 0; round < 150; round++) {
        const dice = yield* Random.next
        if (dice < 0.1) yield* server.inject(yield* oneOf([Fault.refuse, Fault.freeze, Fault.error("LOADING")]))
        else if (dice < 0.3) yield* server.heal
        else if (dice < 0.4) yield* redis.breaker.reset
        const calls: Array<Fiber.Fiber<unknown>> = []
        for (let n = 0; n < 3; n++) {
          calls.push(yield* Effect.forkChild(yield* aCall(yield* oneOf(regions)), { startImmediately: true }))
        }
        yield* TestClock.adjust(yield* oneOf([0, 1, 20, 300, 3000]))
        if ((yield* Random.next) < 0.5) for (const call of calls) yield* Fiber.interrupt(call)
      }
      yield* server.heal
      yield* TestClock.adjust("1 minute")
      const { hits, journal, memory, writes, ...stats } = yield* cache.stats
      assert.deepStrictEqual(
        {
          hits: sumOf(hits),
          misses: stats.misses,
          fallbacks: stats.fallbacks,
          corrupt: stats.corrupt,
          stale: stats.stale,
          lookups: stats.lookups,
          timed: stats.lookups,
          failedLookups: stats.failedLookups,
          lookupsInFlight: 0,
          sharedLookups: stats.sharedLookups,
          ...writes,
          entries: memory?.entries,
          evictions: memory?.evictions,
          journal: 0,
          overflows: journal?.overflows,
          replays: sumOf({ ...journal?.replays })
        },
        yield* counted
      )
      assert.strictEqual(stats.lookupsInFlight, 0)
      for (const count of [sumOf(hits), stats.misses, stats.fallbacks, stats.stale, stats.lookups, writes.deferred]) {
        assert.isAbove(count, 0)
      }
    }).pipe(
      Effect.provide(layerSimulated({ maxEntries: 4, journal: { maxEntries: 4 } })),
      alone,
      Random.withSeed("a cache")
    )
  )
})
