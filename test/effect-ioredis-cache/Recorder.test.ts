import { assert, describe, it } from "@effect/vitest"
import { Effect, Metric, Option } from "effect"
import { TestClock } from "effect/testing"
import * as Recorder from "../../packages/effect-ioredis-cache/src/internal/Recorder.ts"
import * as Captured from "../support/Captured.ts"

const make = Effect.map(Effect.context<never>(), (context) => {
  const counters = new Recorder.Counters()
  return { counters, ...Recorder.make("users", counters, context) }
})

const alone = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => Effect.provideService(effect, Metric.MetricRegistry, new Map()))

describe("Recorder", () => {
  it.effect("counts how each read ended, and hands its value on", () =>
    Effect.gen(function* () {
      const { counters, lookup, read, stale } = yield* make
      const hit = { value: undefined }
      assert.deepStrictEqual(read({ hit, source: "redis" }), Option.some(undefined))
      read({ hit, source: "memory" })
      read({ hit, source: "fallback" })
      assert.deepStrictEqual(read({ hit: undefined, source: "redis" }), Option.none())
      read({ hit: undefined, source: "fallback" })
      stale()
      yield* lookup(Effect.sync(() => assert.strictEqual(counters.lookupsInFlight, 1)))
      yield* Effect.exit(lookup(Effect.fail("no")))
      yield* lookup(Effect.interrupt).pipe(Effect.exit)
      const { failedLookups, fallbacks, hits, lookups, lookupsInFlight, misses, stale: served } = counters
      assert.deepStrictEqual(hits, { redis: 1, memory: 1, near: 0, journal: 0, fallback: 1 })
      assert.deepStrictEqual({ misses, fallbacks, served }, { misses: 2, fallbacks: 2, served: 1 })
      assert.deepStrictEqual(
        { lookups, failedLookups, lookupsInFlight },
        { lookups: 3, failedLookups: 2, lookupsInFlight: 0 }
      )
    }).pipe(alone)
  )

  it.effect("warns of unreadable values once a wave, which ends with a minute without one", () => {
    const captured = Captured.make()
    return Effect.gen(function* () {
      const { counters, unreadable } = yield* make
      const levels: Array<boolean> = []
      for (const pause of [0, 0, 59_999, 59_999, 60_000, 1]) {
        yield* TestClock.adjust(pause)
        unreadable("hash", "it is broken")
        yield* TestClock.adjust(0)
        levels.push(/level=warn/i.test(captured.logs.at(-1) ?? ""))
      }
      assert.deepStrictEqual(levels, [true, false, false, false, true, false])
      assert.strictEqual(counters.corrupt, 6)
    }).pipe(Effect.provide(captured.layer), alone)
  })
})
