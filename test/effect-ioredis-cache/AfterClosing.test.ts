import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Option, Schema, Scope } from "effect"
import { Cache, MemoryCache } from "effect-ioredis-cache"
import { TestClock } from "effect/testing"
import { layerSimulated, quiet } from "../suites/cacheLayers.ts"

// Nobody replays what is written through a cache that has closed, so that no such write is taken.

const region = Cache.region({ name: "texts", version: 1, key: Schema.String, value: Schema.String })

const layers = [
  ["memory", Layer.merge(MemoryCache.layerCache, quiet)],
  ["Redis and memory", layerSimulated()]
] as const

for (const [name, layer] of layers) {
  describe(`a cache on ${name} that has closed`, () => {
    const test = (title: string, body: (cache: Texts) => Effect.Effect<void>) =>
      it.effect(title, () =>
        Effect.gen(function* () {
          const scope = yield* Scope.make()
          const cache = yield* Effect.provide(region, yield* Layer.buildWithScope(layer, scope))
          assert.strictEqual(yield* cache.set("a", "old"), "Applied")
          yield* Scope.close(scope, Exit.void)
          yield* body(cache)
        })
      )

    test("rejects a set, and serves no older value in its place", (cache) =>
      Effect.gen(function* () {
        assert.strictEqual(yield* cache.set("a", "new"), "Rejected")
        assert.deepStrictEqual(yield* cache.get("a"), Option.none())
      }))

    test("rejects every entry of a setMany", (cache) =>
      Effect.gen(function* () {
        const entries = [
          ["a", "new"],
          ["b", "new"]
        ] as const
        assert.deepStrictEqual(yield* cache.setMany(entries), ["Rejected", "Rejected"])
        assert.deepStrictEqual(yield* cache.getMany(["a", "b"]), [Option.none(), Option.none()])
      }))

    test("defers no removal", (cache) =>
      Effect.gen(function* () {
        assert.notStrictEqual(yield* cache.remove("a"), "Deferred")
        assert.deepStrictEqual(yield* cache.get("a"), Option.none())
        for (const outcome of yield* cache.removeMany(["a", "b"])) assert.notStrictEqual(outcome, "Deferred")
        const clearing = yield* Effect.forkChild(cache.clear, { startImmediately: true })
        yield* TestClock.adjust("1 second")
        assert.notStrictEqual(yield* Fiber.join(clearing), "Deferred")
      }))
  })
}

type Texts = Cache.Region<string, string>
