import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Layer, Option, Schema } from "effect"
import { Cache, MemoryCache } from "effect-ioredis-cache"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { eventually, layerReal, layerStrict, quiet, Server } from "../../suites/cacheLayers.ts"

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

for (const [name, layer] of [
  ["a cache on Redis and memory", layerReal()],
  ["the strict cache", Layer.provideMerge(layerStrict, layerReal())]
] as const) {
  it.live(`${name} on a real server: serves what has expired, and a refresh takes its place`, () =>
    Effect.gen(function* () {
      const cache = yield* Cache.region({ ...texts, timeToLive: "1 minute", staleFor: "1 minute" })
      yield* cache.set("a", "old", { timeToLive: "20 millis" })
      yield* eventually(Effect.map(cache.has("a"), (has) => !has))
      assert.deepStrictEqual(yield* cache.timeToLive("a"), Option.none())
      assert.strictEqual(yield* cache.getOrSet("a", Effect.fail("no")), "old")
      assert.strictEqual(yield* cache.refresh("a", Effect.succeed("new")), "new")
      yield* eventually(cache.has("a"))
      // A fresh one is replaced as well, by exactly what the lookup found there.
      assert.strictEqual(yield* cache.refresh("a", Effect.succeed("newer")), "newer")
      yield* eventually(Effect.map(cache.get("a"), (found) => Option.getOrNull(found) === "newer"))
      const left = Option.getOrThrow(yield* cache.timeToLive("a"))
      assert.isTrue(Duration.between(left, { minimum: Duration.seconds(50), maximum: Duration.seconds(60) }))
      const many = yield* cache.getOrSetMany(["a", "b"], (missing) =>
        Effect.succeed(missing.map((key) => [key, "looked up"] as const))
      )
      assert.deepStrictEqual(many, [Option.some("newer"), Option.some("looked up")])
      yield* eventually(cache.has("b"))
    }).pipe(Effect.provide(layer))
  )
}
