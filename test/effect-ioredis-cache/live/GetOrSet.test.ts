import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option, Schema } from "effect"
import { Cache, MemoryCache } from "effect-ioredis-cache"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { layerReal, quiet, Server } from "../../suites/cacheLayers.ts"

const texts = { name: "texts", version: 1, key: Schema.String, value: Schema.String }

const region = Cache.region(texts)

const fork = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

describe("getOrSet in the long run", () => {
  // On memory alone: whatever grows is the cache.
  it.effect("lookups leave nothing behind: not when they succeed, fail, are interrupted or superseded", () =>
    Effect.gen(function* () {
      const cache = yield* region
      const round = (from: number, count: number) =>
        Effect.forEach(Array.from({ length: count }), (_, index) => {
          const key = `key-${from + index}`
          const interrupted = Effect.flatMap(fork(cache.getOrSet(key, Effect.never)), (caller) =>
            Effect.andThen(settleSoon, Fiber.interrupt(caller))
          )
          return [
            cache.getOrSet(key, Effect.succeed("1")),
            Effect.exit(cache.getOrSet(key, Effect.fail("no"))),
            interrupted,
            cache.getOrSet(key, Effect.as(cache.remove(key), "1"))
          ][index % 4] as Effect.Effect<unknown>
        })
      // Enough for memory to be full, and the code to be compiled.
      yield* round(0, 5_000)
      const before = heapUsed()
      yield* round(5_000, 20_000)
      const grown = heapUsed() - before
      assert.isBelow(grown, 1_500_000, "20,000 keys kept at 100 bytes each would be 2 MB")
    }).pipe(Effect.provide(Layer.merge(MemoryCache.layerCache, quiet)))
  )
})

it.live("the answer does not wait for the write: a real server, stopped after the miss", () =>
  Effect.gen(function* () {
    const cache = yield* region
    const server = yield* Server
    const startedAt = performance.now()
    assert.strictEqual(yield* cache.getOrSet("a", Effect.as(Effect.orDie(server.freeze), "1")), "1")
    assert.isBelow(performance.now() - startedAt, 500)
    // Memory answers, in the place of a Redis that is given its patience.
    assert.deepStrictEqual(yield* cache.get("a"), Option.some("1"))
  }).pipe(Effect.provide(layerReal({ patience: "600 millis" })))
)

const settleSoon = Effect.andThen(Effect.yieldNow, Effect.yieldNow)

setFlagsFromString("--expose-gc")
const collect: () => void = runInNewContext("gc")
const heapUsed = () => {
  collect()
  return process.memoryUsage().heapUsed
}
