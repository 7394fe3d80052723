import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Schema } from "effect"
import { RedisClient } from "effect-ioredis"
import { Cache, Compression } from "effect-ioredis-cache"
import * as StoredValue from "../../../packages/effect-ioredis-cache/src/internal/StoredValue.ts"
import { compressor } from "../../../packages/effect-ioredis-cache/src/internal/brotli.ts"
import { cacheSuite } from "../../suites/cache.ts"
import { eventually, layerProcess, layerReal, layerRealProcess, layerSimulated } from "../../suites/cacheLayers.ts"
import { heldUnder, run } from "../../support/Stored.ts"

/** A cache whose regions compress whatever becomes smaller. */
const compressing = Layer.effect(
  Cache.Cache,
  Effect.map(Cache.Cache, (cache) =>
    Cache.Cache.of({
      ...cache,
      region: (options) => cache.region({ compression: Compression.brotli({ from: 0 }), ...options })
    })
  )
)

cacheSuite("HybridCache that compresses, on SimulatedRedis", Layer.provideMerge(compressing, layerSimulated()), {
  time: "virtual"
})

const texts = { name: "texts", version: 1, key: Schema.String, value: Schema.String } as const
const packed = { ...texts, compression: Compression.brotli() }

const keyOf = (key: string) => `cache:texts:v1:=${key}`
const long = (text: string) => text.repeat(2000)

const { held, letters } = heldUnder(keyOf)

describe("compression", () => {
  it.effect("a value from the size on is stored compressed, one below it as it is", () =>
    Effect.gen(function* () {
      const region = yield* Cache.region(packed)
      yield* region.setMany([
        ["long", long("a")],
        ["short", "a"]
      ])
      assert.strictEqual(yield* letters("long"), "jb")
      assert.strictEqual(yield* letters("short"), "j-")
      assert.isBelow((yield* held("long"))?.length ?? Infinity, 100)
      assert.strictEqual(yield* region.getOrSet("filled", Effect.succeed(long("b"))), long("b"))
      yield* eventually(Effect.map(letters("filled"), (found) => found === "jb"))
    }).pipe(Effect.provide(layerSimulated()))
  )

  it.effect("a process whose region does not compress reads what another compressed, and the other way", () =>
    Effect.gen(function* () {
      const one = yield* Cache.region(packed)
      const context = yield* Layer.build(Layer.fresh(layerProcess()))
      const other = yield* Effect.provideContext(Cache.region(texts), context)
      yield* one.set("a", long("a"))
      yield* other.set("b", long("b"))
      assert.deepStrictEqual([yield* letters("a"), yield* letters("b")], ["jb", "j-"])
      assert.deepStrictEqual(yield* other.getMany(["a", "b"]), [Option.some(long("a")), Option.some(long("b"))])
      assert.deepStrictEqual(yield* one.getMany(["a", "b"]), [Option.some(long("a")), Option.some(long("b"))])
    }).pipe(Effect.provide(layerSimulated()), Effect.scoped)
  )

  const storedText = (payload: StoredValue.Payload) =>
    StoredValue.encode(
      keyOf("a"),
      { kind: "set", stamp: "Other_000000", writtenAt: 0, life: Infinity, staleLife: Infinity, lookupTime: 0 },
      payload
    )
  const pack = compressor(Compression.brotli({ from: 0, upTo: 1e9 }))
  const bomb = pack(JSON.stringify("a".repeat(100_001)))

  const unreadable: ReadonlyArray<readonly [string, string | Uint8Array, stays: boolean]> = [
    ["what would be longer than maxBytes", storedText(bomb), true],
    ["what is no JSON when it is decompressed", storedText(pack(long("a"))), false],
    ["what does not fit when it is decompressed", storedText(pack(JSON.stringify([long("a")]))), true],
    ["what is cut short", storedText(pack(JSON.stringify(long("a")))).slice(0, -2), false],
    ["what is of a compression that nobody knows", Buffer.from(storedText('"a"')).fill("z", 3, 4), true]
  ]
  for (const [what, stored, stays] of unreadable) {
    it.effect(`${what} is a miss and counted, and ${stays ? "stays" : "is removed"}`, () =>
      Effect.gen(function* () {
        const region = yield* Cache.region({ ...texts, maxBytes: 100_000 })
        yield* run("SET", keyOf("a"), stored)
        assert.deepStrictEqual(yield* region.get("a"), Option.none())
        const { stats } = yield* Cache.Cache
        assert.include(yield* stats, { corrupt: 1, misses: 1 })
        yield* eventually(Effect.map(held("a"), (found) => (found !== undefined) === stays))
        assert.strictEqual(yield* region.getOrSet("a", Effect.succeed("new")), "new")
        yield* eventually(Effect.map(held("a"), (found) => found?.toString("latin1").endsWith('"new"') === true))
      }).pipe(Effect.provide(layerSimulated()))
    )
  }

  it.effect("what is in memory counts as long as it is decoded", () =>
    Effect.gen(function* () {
      const region = yield* Cache.region(packed)
      yield* region.set("a", long("a"))
      yield* Effect.flatMap(RedisClient.RedisClient, ({ breaker }) => breaker.isolate)
      assert.deepStrictEqual(yield* region.get("a"), Option.none())
    }).pipe(Effect.provide(layerSimulated({ maxEntries: 10, maxBytes: 500 })))
  )
})

describe("compressed values on a real server", () => {
  const redis = RedisClient.RedisClient

  for (const replay of ["ifUnchanged", "latest", "overwrite"] as const) {
    it.live(`are replayed (${replay})`, () =>
      Effect.gen(function* () {
        const { breaker } = yield* redis
        const region = yield* Cache.region({ ...packed, replay })
        assert.strictEqual(yield* region.set("a", long("a")), "Applied")
        yield* breaker.isolate
        assert.strictEqual(yield* region.set("a", long("é")), "Deferred")
        assert.deepStrictEqual(yield* region.get("a"), Option.some(long("é")))
        const before = yield* Effect.andThen(breaker.reset, held("a"))
        yield* eventually(Effect.map(held("a"), (now) => now !== undefined && before?.equals(now) === false))
        assert.strictEqual(yield* letters("a"), "jb")
        const context = yield* Layer.build(Layer.fresh(layerRealProcess()))
        const other = yield* Effect.provideContext(Cache.region({ ...texts, replay }), context)
        assert.deepStrictEqual(yield* other.get("a"), Option.some(long("é")))
        assert.strictEqual(yield* other.touch("a", { timeToLive: "1 hour" }), "Applied")
        assert.isAbove(Number(yield* run("PTTL", keyOf("a"))), 3_000_000)
        assert.deepStrictEqual(yield* other.get("a"), Option.some(long("é")))
        assert.strictEqual(yield* other.set("a", "short"), "Applied")
        assert.deepStrictEqual(yield* region.get("a"), Option.some("short"))
      }).pipe(Effect.provide(layerReal()), Effect.scoped)
    )
  }
})
