import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Schema } from "effect"
import { Cache } from "effect-ioredis-cache"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { layerSimulated } from "../suites/cacheLayers.ts"

// No method waits for Redis longer than `patience`, however many keys it is given.

const region = Cache.region({ name: "texts", version: 1, key: Schema.String, value: Schema.String })

const keys = Array.from({ length: 5000 }, (_, n) => `k${n}`)

const entries = keys.map((key) => [key, "new"] as const)

/** Lets everything that can run, run. */
const settle = Effect.forEach(Array.from({ length: 20 }), () => Effect.yieldNow, { discard: true })

/** Runs while time passes in steps of 50 ms, and says what came of it and how long it took. */
const passing = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const now = Effect.map(Clock.currentTimeMillis, Number)
    const startedAt = yield* now
    const timed = Effect.flatMap(effect, (value) => Effect.map(now, (at) => ({ value, took: at - startedAt })))
    const fiber = yield* Effect.forkChild(timed, { startImmediately: true })
    yield* settle
    for (let passed = 0; passed < 10_000 && fiber.pollUnsafe() === undefined; passed += 50) {
      yield* TestClock.adjust(50)
      yield* settle
    }
    return yield* Fiber.join(fiber)
  })

const count = <A>(all: ReadonlyArray<A>) => {
  const counts = new Map<A, number>()
  for (const one of all) counts.set(one, (counts.get(one) ?? 0) + 1)
  return Object.fromEntries(counts)
}

const test = (
  title: string,
  body: () => Effect.Effect<void, unknown, Cache.Cache | SimulatedRedis.SimulatedRedis>,
  patience = 1000
) => it.effect(title, () => Effect.provide(body(), layerSimulated({ patience })))

describe("a batch of 5,000", () => {
  test("takes one patience where Redis takes nearly that long for each part of it", () =>
    Effect.gen(function* () {
      const cache = yield* region
      const server = yield* SimulatedRedis.SimulatedRedis
      yield* server.inject(Fault.delay("800 millis"))
      const set = yield* passing(cache.setMany(entries))
      assert.deepStrictEqual([set.took, count(set.value)], [1000, { Applied: 1000, Deferred: 4000 }])
    }))

  test("removes within one patience as well", () =>
    Effect.gen(function* () {
      const cache = yield* region
      const server = yield* SimulatedRedis.SimulatedRedis
      yield* cache.setMany(entries)
      yield* server.inject(Fault.delay("800 millis"))
      const removed = yield* passing(cache.removeMany(keys))
      assert.deepStrictEqual([removed.took, count(removed.value)], [1000, { Applied: 1000, Deferred: 4000 }])
    }))

  test("reads within one patience", () =>
    Effect.gen(function* () {
      const cache = yield* region
      const server = yield* SimulatedRedis.SimulatedRedis
      yield* server.inject(Fault.delay("800 millis"))
      const read = yield* passing(cache.getMany(keys))
      assert.deepStrictEqual([read.took, read.value.length], [800, 5000])
    }))

  for (const patience of [500, 1000]) {
    for (const [what, call] of [
      ["setMany", (cache: Texts) => cache.setMany(entries)],
      ["removeMany", (cache: Texts) => cache.removeMany(keys)],
      ["getMany", (cache: Texts) => cache.getMany(keys)]
    ] as const) {
      test(
        `a frozen Redis holds ${what} for ${patience} ms`,
        () =>
          Effect.gen(function* () {
            const cache = yield* region
            const server = yield* SimulatedRedis.SimulatedRedis
            yield* server.inject(Fault.freeze)
            const { took } = yield* passing<unknown, never, never>(call(cache))
            assert.strictEqual(took, patience)
          }),
        patience
      )
    }
  }

  test("what was not sent any more is this process's, and Redis is told when it is well", () =>
    Effect.gen(function* () {
      const cache = yield* region
      const server = yield* SimulatedRedis.SimulatedRedis
      yield* cache.setMany(keys.map((key) => [key, "old"] as const))
      yield* server.inject(Fault.delay("800 millis"))
      yield* passing(cache.removeMany(keys.slice(0, 3000)))
      const last = yield* passing(cache.get("k2999"))
      assert.strictEqual(last.value._tag, "None")
      yield* server.heal
      yield* passing(Effect.sleep("9 seconds"))
      yield* passing(Effect.sleep("9 seconds"))
      const left = Array.from(yield* server.entries).length
      assert.strictEqual(left, 2000)
    }))
})

type Texts = Cache.Region<string, string>
