import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Schema } from "effect"
import { RedisClient } from "effect-ioredis"
import { Cache, Compression } from "effect-ioredis-cache"
import { binary } from "effect-ioredis-cache/BinaryCodec"
import { cacheSuite } from "../../suites/cache.ts"
import { eventually, layerProcess, layerReal, layerRealProcess, layerSimulated } from "../../suites/cacheLayers.ts"
import { heldUnder, run } from "../../support/Stored.ts"

/** A cache whose regions are binary, and compress whatever becomes smaller. */
const packing = Layer.effect(
  Cache.Cache,
  Effect.map(Cache.Cache, (cache) =>
    Cache.Cache.of({
      ...cache,
      region: (options) => cache.region({ codec: binary, compression: Compression.brotli({ from: 0 }), ...options })
    })
  )
)

cacheSuite("HybridCache in binary, on SimulatedRedis", Layer.provideMerge(packing, layerSimulated()), {
  time: "virtual"
})

const Thing = Schema.Struct({ name: Schema.String, data: Schema.Uint8Array })
const things = { name: "things", version: 1, key: Schema.String, value: Thing } as const
const inBinary = { ...things, codec: binary }

const thing = (byte: number) => ({ name: "a", data: new Uint8Array(1000).map((_, n) => (byte * n * n) % 256) })

const keyOf = (key: string) => `cache:things:v1:=${key}`

const { held, letters } = heldUnder(keyOf)

describe("the binary codec", () => {
  it.effect("stores bytes as bytes", () =>
    Effect.gen(function* () {
      const region = yield* Cache.region(inBinary)
      yield* region.set("a", thing(3))
      assert.strictEqual(yield* letters("a"), "b-")
      assert.isBelow((yield* held("a"))?.length ?? Infinity, 1070)
      assert.deepStrictEqual(yield* region.get("a"), Option.some(thing(3)))
      assert.deepStrictEqual(yield* region.getOrSet("b", Effect.succeed(thing(5))), thing(5))
      yield* eventually(Effect.map(letters("b"), (found) => found === "b-"))
    }).pipe(Effect.provide(layerSimulated()))
  )

  it.effect("reads JSON, and is a miss that stays for a process whose region is JSON", () =>
    Effect.gen(function* () {
      const one = yield* Cache.region(inBinary)
      const context = yield* Layer.build(Layer.fresh(layerProcess()))
      const other = yield* Effect.provideContext(Cache.region(things), context)
      yield* other.set("json", thing(3))
      yield* one.set("binary", thing(5))
      assert.deepStrictEqual(yield* one.getMany(["json", "binary"]), [Option.some(thing(3)), Option.some(thing(5))])
      assert.deepStrictEqual(yield* other.getMany(["json", "binary"]), [Option.some(thing(3)), Option.none()])
      assert.strictEqual(yield* letters("binary"), "b-")
      const { stats } = yield* Effect.provideContext(Cache.Cache, context)
      assert.include(yield* stats, { corrupt: 1 })
      assert.deepStrictEqual(yield* other.getOrSet("binary", Effect.succeed(thing(7))), thing(7))
      yield* eventually(Effect.map(letters("binary"), (found) => found === "j-"))
      assert.deepStrictEqual(yield* one.get("binary"), Option.some(thing(7)))
    }).pipe(Effect.provide(layerSimulated()), Effect.scoped)
  )

  for (const replay of ["ifUnchanged", "latest", "overwrite"] as const) {
    it.live(`values are replayed (${replay}) on a real server`, () =>
      Effect.gen(function* () {
        const { breaker } = yield* RedisClient.RedisClient
        const region = yield* Cache.region({ ...inBinary, replay })
        assert.strictEqual(yield* region.set("a", thing(3)), "Applied")
        const before = yield* held("a")
        yield* breaker.isolate
        assert.strictEqual(yield* region.set("a", thing(5)), "Deferred")
        assert.deepStrictEqual(yield* region.get("a"), Option.some(thing(5)))
        yield* breaker.reset
        yield* eventually(Effect.map(held("a"), (now) => now !== undefined && before?.equals(now) === false))
        const context = yield* Layer.build(Layer.fresh(layerRealProcess()))
        const other = yield* Effect.provideContext(Cache.region({ ...inBinary, replay }), context)
        assert.deepStrictEqual(yield* other.get("a"), Option.some(thing(5)))
        assert.strictEqual(yield* other.touch("a", { timeToLive: "1 hour" }), "Applied")
        assert.isAbove(Number(yield* run("PTTL", keyOf("a"))), 3_000_000)
        assert.deepStrictEqual(yield* other.get("a"), Option.some(thing(5)))
      }).pipe(Effect.provide(layerReal()), Effect.scoped)
    )
  }
})
