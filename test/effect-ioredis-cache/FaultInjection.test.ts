import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, identity, Layer, Option, Random, Schema } from "effect"
import { RedisClient, RedisConnector } from "effect-ioredis"
import * as FaultInjection from "effect-ioredis/FaultInjection"
import { SimulatedRedis } from "effect-ioredis/testing"
import { Cache, HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
import { scripts } from "effect-ioredis-cache/testing"
import { TestClock } from "effect/testing"

const options = { name: "counts", version: 1, key: Schema.String, value: Schema.Number, timeToLive: "1 day" } as const

const keys = ["a", "b", "c"] as const

// A process of its own: a client and a cache.
const process = Layer.fresh(
  HybridCache.layer().pipe(
    Layer.provide([RedisCache.layer(), MemoryCache.layer()]),
    Layer.provideMerge(RedisClient.layer({ commandTimeout: "200 millis", connections: 2 }))
  )
)

/** What comes of 80 writes of one process of which some have not ended when the next begins. */
const contradictsNothing = (kinds: ReadonlyArray<FaultInjection.Kind>, replay: "ifUnchanged" | "latest") =>
  Effect.gen(function* () {
    const faults = yield* FaultInjection.FaultInjection
    const region = yield* Context.get(yield* Layer.build(process), Cache.Cache).region({ ...options, replay })
    // Another process, which is spared: it sees what Redis has.
    const spared = yield* Layer.build(process.pipe(Layer.provide(Layer.succeed(RedisConnector.Middleware, identity))))
    const other = yield* Context.get(spared, Cache.Cache).region({ ...options, replay })
    const last = new Map<string, Option.Option<number>>()
    let deferred = 0
    // A miss contradicts nothing.
    const check = Effect.fnUntraced(function* (reader: Cache.Region<string, number>, key: string) {
      const found = yield* passing(reader.get(key))
      if (Option.isSome(found)) assert.deepStrictEqual(found, last.get(key))
      return found
    })
    yield* faults.turnOn({ rate: 0.2, kinds, delay: "150 millis", duration: "1 hour" })
    for (let n = 1; n <= 80; n++) {
      const key = yield* Random.choice(keys)
      const removes = (yield* Random.next) < 0.2
      last.set(key, removes ? Option.none() : Option.some(n))
      const write = removes ? region.remove(key) : region.set(key, n)
      const writing = yield* Effect.forkChild(write, { startImmediately: true })
      yield* TestClock.adjust(yield* Random.nextIntBetween(0, 1_500))
      const exit = writing.pollUnsafe()
      if (exit?._tag !== "Success") continue
      if (exit.value === "Deferred") deferred++
      yield* check(region, key)
      if (exit.value === "Applied") yield* check(other, key)
    }
    yield* faults.turnOff
    yield* TestClock.adjust("3 minutes")
    for (const key of keys) {
      for (const reader of [region, other]) {
        const found = yield* check(reader, key)
        // Of this one Redis is told the value itself.
        if (replay === "latest") assert.deepStrictEqual(found, last.get(key))
      }
    }
    return deferred
  }).pipe(
    Effect.scoped,
    Effect.provide(Layer.fresh(FaultInjection.layer().pipe(Layer.provideMerge(SimulatedRedis.layer({ scripts })))))
  )

describe("a cache with faults", () => {
  const cases: ReadonlyArray<ReadonlyArray<FaultInjection.Kind>> = [["Mute"], ["Cut", "Refuse"], FaultInjection.kinds]
  for (const kinds of cases) {
    for (const replay of ["ifUnchanged", "latest"] as const) {
      it.effect(
        `that replays by "${replay}" contradicts nothing it has acknowledged: ${kinds.join(", ")}`,
        () =>
          Effect.gen(function* () {
            for (const seed of [1, 2, 3]) {
              const deferred = yield* contradictsNothing(kinds, replay).pipe(Random.withSeed(seed))
              assert.isAbove(deferred, 10, `${seed}`)
            }
          }),
        { tags: ["long"] }
      )
    }
  }
})

/** Time goes by until it is done. */
const passing = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("10 millis")
    return yield* Fiber.join(fiber)
  })
