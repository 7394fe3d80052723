import { assert, it } from "@effect/vitest"
import { Effect, Layer, Schedule, Schema } from "effect"
import { RedisClient, RedisHealth } from "effect-ioredis"
import { Cache, HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"

/** An example to copy: a program that lives through an outage from 10 s to 40 s, in no time, and what its callers saw. */
const Simulated = HybridCache.layer().pipe(
  Layer.provide([RedisCache.layer(), MemoryCache.layer()]),
  Layer.provideMerge(RedisHealth.layer()),
  Layer.provide(RedisClient.layer()),
  Layer.provideMerge(SimulatedRedis.layer({ script: [{ from: "10 seconds", to: "40 seconds", fault: Fault.refuse }] }))
)

it.effect("answers every second through an outage, and writes again after it", () =>
  Effect.gen(function* () {
    const users = yield* Cache.region({ name: "users", version: 1, key: Schema.Int, value: Schema.String })
    const seen: Array<string> = []
    const everySecond = Effect.gen(function* () {
      const name = yield* users.getOrSet(1, Effect.succeed("ada"))
      const outcome = yield* users.set(2, "grace")
      seen.push(`${name} ${outcome}`)
    }).pipe(Effect.repeat(Schedule.fixed("1 second")))

    yield* Effect.forkChild(everySecond)
    yield* TestClock.adjust("60 seconds")

    const from = (second: number, to: number) => new Set(seen.slice(second, to))
    assert.deepStrictEqual(from(0, 9), new Set(["ada Applied"]))
    assert.deepStrictEqual(from(12, 39), new Set(["ada Deferred"]))
    assert.deepStrictEqual(from(42, 60), new Set(["ada Applied"]))
    assert.isAtLeast(seen.length, 58)
    assert.strictEqual((yield* (yield* Cache.Cache).stats).lookups, 1)
  }).pipe(Effect.provide(Simulated))
)
