import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Schema, SchemaTransformation } from "effect"
import { RedisClient, RedisCommand } from "effect-ioredis"
import { Cache } from "effect-ioredis-cache"
import { SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { layerProcess, layerSimulated } from "../suites/cacheLayers.ts"

// What memory holds of the very write that Redis answers with is not decoded again.

/** A region whose values are counted when they are decoded, and one of another process that counts for itself. */
const makeTexts = Effect.gen(function* () {
  let decoded = 0
  const value = Schema.String.pipe(
    Schema.decodeTo(
      Schema.String,
      SchemaTransformation.transform({
        decode: (text) => {
          decoded++
          return text
        },
        encode: (text) => text
      })
    )
  )
  const define = (schema: Schema.Codec<string, string>) =>
    Cache.region({ name: "texts", version: 1, key: Schema.String, value: schema, timeToLive: "10 seconds" })
  const other = yield* Layer.build(Layer.fresh(layerProcess()))
  return {
    here: yield* define(value),
    there: yield* Effect.provideContext(define(Schema.String), other),
    /** What an Effect answers, and how many values were decoded for it. */
    counted: <A>(effect: Effect.Effect<A>) =>
      Effect.suspend(() => {
        decoded = 0
        return Effect.map(effect, (answer) => [answer, decoded] as const)
      })
  }
})

/** From here on Redis is not asked, and no time passes in finding that out. */
const isolate = Effect.flatMap(RedisClient.RedisClient, ({ breaker }) => breaker.isolate)

const one = Option.some("1")
const two = Option.some("2")

describe("a value that memory holds decoded", () => {
  it.effect("is decoded by the first read of it and by none that follows", () =>
    Effect.gen(function* () {
      const { counted, here, there } = yield* makeTexts
      yield* there.set("a", "1")
      assert.deepStrictEqual(yield* counted(here.get("a")), [one, 1])
      assert.deepStrictEqual(yield* counted(here.get("a")), [one, 0])
      assert.deepStrictEqual(yield* counted(here.has("a")), [true, 0])
      assert.deepStrictEqual(yield* counted(here.getOrSet("a", Effect.succeed("2"))), ["1", 0])
    }).pipe(Effect.provide(layerSimulated()), Effect.scoped)
  )

  it.effect("is decoded again once another process has written it, even if it wrote the same", () =>
    Effect.gen(function* () {
      const { counted, here, there } = yield* makeTexts
      yield* there.set("a", "1")
      yield* here.get("a")
      yield* there.set("a", "1")
      assert.deepStrictEqual(yield* counted(here.get("a")), [one, 1])
      yield* there.set("a", "2")
      assert.deepStrictEqual(yield* counted(here.get("a")), [two, 1])
      assert.deepStrictEqual(yield* counted(here.get("a")), [two, 0])
    }).pipe(Effect.provide(layerSimulated()), Effect.scoped)
  )

  it.effect("is read several at a time likewise", () =>
    Effect.gen(function* () {
      const { counted, here, there } = yield* makeTexts
      yield* there.setMany([
        ["a", "1"],
        ["b", "1"]
      ])
      const read = counted(here.getMany(["a", "absent", "b"]))
      assert.deepStrictEqual(yield* read, [[one, Option.none(), one], 2])
      assert.deepStrictEqual(yield* read, [[one, Option.none(), one], 0])
      yield* there.set("b", "2")
      assert.deepStrictEqual(yield* read, [[one, Option.none(), two], 1])
    }).pipe(Effect.provide(layerSimulated()), Effect.scoped)
  )

  it.effect("lives as long as Redis says by now, where another process touched it", () =>
    Effect.gen(function* () {
      const { counted, here, there } = yield* makeTexts
      yield* there.set("a", "1")
      yield* here.get("a")
      yield* TestClock.adjust("5 seconds")
      yield* there.touch("a")
      assert.deepStrictEqual(yield* counted(here.get("a")), [one, 0])
      yield* isolate
      yield* TestClock.adjust(9999)
      assert.deepStrictEqual(yield* here.get("a"), one)
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* here.get("a"), Option.none())
    }).pipe(Effect.provide(layerSimulated()), Effect.scoped)
  )

  it.effect("is a miss once its life in Redis has ended, or a removal has left its mark", () =>
    Effect.gen(function* () {
      const { counted, here, there } = yield* makeTexts
      yield* there.set("a", "1")
      yield* here.get("a")
      yield* there.remove("a")
      assert.deepStrictEqual(yield* counted(here.get("a")), [Option.none(), 0])
      yield* there.set("a", "1")
      yield* here.get("a")
      const server = yield* SimulatedRedis.SimulatedRedis
      yield* server.execute(RedisCommand.make("PERSIST", ["cache:texts:v1:=a"]))
      yield* TestClock.adjust("11 seconds")
      assert.deepStrictEqual(yield* counted(here.get("a")), [Option.none(), 0])
    }).pipe(Effect.provide(layerSimulated()), Effect.scoped)
  )

  it.effect("is decoded again once it has made room for another", () =>
    Effect.gen(function* () {
      const { counted, here, there } = yield* makeTexts
      for (const key of ["a", "b", "c"]) yield* there.set(key, "1")
      for (const key of ["a", "b"]) yield* here.get(key)
      // The read makes it the one used last, so that the other one makes room.
      assert.deepStrictEqual(yield* counted(here.get("a")), [one, 0])
      yield* here.get("c")
      assert.deepStrictEqual(yield* counted(here.get("a")), [one, 0])
      assert.deepStrictEqual(yield* counted(here.get("b")), [one, 1])
    }).pipe(Effect.provide(layerSimulated({ maxEntries: 2 })), Effect.scoped)
  )

  it.effect("is the same object for every reader", () =>
    Effect.gen(function* () {
      const points = yield* Cache.region({
        name: "points",
        version: 1,
        key: Schema.String,
        value: Schema.Struct({ x: Schema.Finite })
      })
      yield* points.set("a", { x: 1 })
      const first = Option.getOrUndefined(yield* points.get("a"))
      assert.deepStrictEqual(first, { x: 1 })
      assert.strictEqual(Option.getOrUndefined(yield* points.get("a")), first)
    }).pipe(Effect.provide(layerSimulated()), Effect.scoped)
  )
})
