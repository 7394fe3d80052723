import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Schema } from "effect"
import { Cache, MemoryCache } from "effect-ioredis-cache"
import { BatchLookup, Part } from "../../packages/effect-ioredis-cache/src/internal/BatchLookup.ts"
import * as Encoding from "../../packages/effect-ioredis-cache/src/internal/Encoding.ts"
import { absent } from "../../packages/effect-ioredis-cache/src/internal/LookupRuns.ts"
import * as Recorder from "../../packages/effect-ioredis-cache/src/internal/Recorder.ts"
import * as SharedLookups from "../../packages/effect-ioredis-cache/src/internal/SharedLookups.ts"

const texts = { name: "texts", version: 1, key: Schema.String, value: Schema.String }

/** Two parts of one lookup, which is asked for `a` and `b` and has a value for `a`. */
const make = Effect.gen(function* () {
  const scope = yield* Effect.scope
  const context = yield* Effect.context<never>()
  const counters = new Recorder.Counters()
  const environment = {
    encoding: Encoding.make(texts, "5 minutes", "cache:", context),
    recorder: Recorder.make("texts", counters, context),
    batches: SharedLookups.make("texts", scope, () => ({ isCurrent: () => true, end: () => {} }))
  }
  const asked: Array<ReadonlyArray<string>> = []
  const batch = new BatchLookup(environment, (missing: readonly [string, ...Array<string>]) =>
    Effect.sync(() => {
      asked.push(missing)
      return new Map([["a", "1"]])
    })
  )
  const part = (key: string) => new Part(key, `cache:texts:v1:=${key}`, undefined, 0, batch, batch)
  return { a: part("a"), b: part("b"), asked, counters }
})

const fork = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkChild(effect, { startImmediately: true })

const settle = Effect.forEach(Array.from({ length: 20 }), () => Effect.yieldNow, { discard: true })

describe("BatchLookup", () => {
  it.effect("runs once, when every part has come to it, for parts that come after its end too", () =>
    Effect.gen(function* () {
      const { a, asked, b, counters } = yield* make
      const [first, second] = [a.begin("fill"), b.begin("fill")]
      const fiber = yield* fork(first)
      yield* settle
      assert.deepStrictEqual(asked, [])
      assert.strictEqual(yield* second, absent)
      assert.strictEqual(yield* Fiber.join(fiber), "1")
      assert.strictEqual(yield* first, "1")
      assert.deepStrictEqual(asked, [["a", "b"]])
      assert.strictEqual(counters.lookups, 1)
    })
  )

  it.effect("does not wait for a part that was abandoned", () =>
    Effect.gen(function* () {
      const { a, asked, b } = yield* make
      const first = a.begin("replace")
      const second = b.begin("replace")
      const fiber = yield* fork(first)
      yield* settle
      assert.deepStrictEqual(asked, [])
      assert.isDefined(second, "it is never run")
      b.abandon("replace")
      assert.strictEqual(yield* Fiber.join(fiber), "1")
    })
  )

  it.effect("leaves a key that comes when it runs to another one", () =>
    Effect.gen(function* () {
      const { a, asked, b } = yield* make
      assert.strictEqual(yield* a.begin("fill"), "1")
      assert.strictEqual(yield* b.begin("fill"), absent)
      assert.deepStrictEqual(asked, [["a"], ["b"]])
    })
  )

  it.effect("counts a lookup that throws before it is one", () =>
    Effect.gen(function* () {
      const region = yield* Cache.region(texts)
      const thrown = region.getOrSetMany(["a", "b"], (): Effect.Effect<ReadonlyMap<string, string>> => {
        throw new Error("there is no lookup")
      })
      assert.isTrue(Exit.hasDies(yield* Effect.exit(thrown)))
      assert.strictEqual((yield* (yield* Cache.Cache).stats).lookups, 1)
    }).pipe(Effect.provide(MemoryCache.layerCacheWith()))
  )

  it.effect("does not wait for the keys of a caller that left before they began", () =>
    Effect.gen(function* () {
      const region = yield* Cache.region(texts)
      const asked: Array<ReadonlyArray<string>> = []
      const lookup = (missing: ReadonlyArray<string>) =>
        Effect.sync(() => {
          asked.push(missing)
          return missing.map((key) => [key, "together"] as const)
        })
      const leaving = yield* fork(region.getOrSetMany(["a", "b"], lookup))
      const staying = yield* fork(region.getOrSet("b", Effect.succeed("alone")))
      leaving.interruptUnsafe()
      yield* settle
      assert.deepStrictEqual(staying.pollUnsafe(), Exit.succeed("together"))
      assert.deepStrictEqual(asked, [["a", "b"]])
    }).pipe(Effect.provide(MemoryCache.layerCacheWith()))
  )
})
