import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option, Schema } from "effect"
import { Cache } from "effect-ioredis-cache"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import * as Reads from "../../packages/effect-ioredis-cache/src/internal/Reads.ts"
import { layerProcess, testSimulated } from "../suites/cacheLayers.ts"
import * as PartsDouble from "./PartsDouble.ts"

const texts = { name: "texts", version: 1, key: Schema.String, value: Schema.String }

const region = Cache.region(texts)

const fork = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

describe("reads in flight", () => {
  for (const [what, supersede, remembered] of [
    ["remove", (cache: Texts) => cache.remove("a"), undefined],
    ["set", (cache: Texts) => cache.set("a", "new"), "new"],
    ["setMany", (cache: Texts) => cache.setMany([["a", "new"]]), "new"],
    ["clear", (cache: Texts) => cache.clear, undefined],
    ["nothing", () => Effect.void, "old"]
  ] as const) {
    for (const [how, read] of [
      ["get", (cache: Texts) => cache.get("a")],
      ["getMany", (cache: Texts) => Effect.map(cache.getMany(["b", "a"]), ([, found]) => found)],
      ["getOrSet", (cache: Texts) => Effect.asSome(cache.getOrSet("a", Effect.succeed("fresh")))]
    ] as const) {
      testSimulated(`a ${how} in flight that ends after ${what} leaves ${remembered ?? "nothing"} in memory`, () =>
        Effect.gen(function* () {
          const cache = yield* region
          const server = yield* SimulatedRedis.SimulatedRedis
          yield* (yield* otherProcess).set("a", "old")
          yield* server.inject(Fault.delay("100 millis"))
          const reading = yield* fork(read(cache))
          yield* settle
          const writing = yield* fork(supersede(cache))
          yield* settle
          yield* TestClock.adjust("1 second")
          // They overlap, so that either order is right; a lookup that began after a removal is no older than it.
          const answered = Option.getOrUndefined((yield* Fiber.join(reading)) ?? Option.none())
          const fresh = how === "getOrSet" && remembered === undefined ? "fresh" : remembered
          assert.oneOf(answered, ["old", remembered, fresh])
          yield* Fiber.join(writing)
          yield* server.inject(Fault.refuse)
          assert.oneOf(Option.getOrUndefined(yield* patiently(cache.get("a"))), [remembered, fresh])
        })
      )
    }
  }

  testSimulated("a read that misses while another process' value is set here runs no lookup", () =>
    Effect.gen(function* () {
      const cache = yield* region
      const server = yield* SimulatedRedis.SimulatedRedis
      yield* server.inject(Fault.delay("100 millis"))
      const caller = yield* fork(cache.getOrSet("a", Effect.die("there is a value")))
      yield* settle
      yield* fork(cache.set("a", "new"))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(caller), "new")
    })
  )
})

type Texts = Cache.Region<string, string>

const otherProcess = Effect.flatMap(Layer.build(Layer.fresh(layerProcess())), (context) =>
  Effect.provideContext(region, context)
)

/** Lets everything that can run, run. */
const settle = Effect.forEach(Array.from({ length: 50 }), () => Effect.yieldNow, { discard: true })

/** With time enough for every retry. */
const patiently = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(fork(effect), (fiber) =>
    Effect.andThen(
      Effect.forEach(Array.from({ length: 40 }), () => Effect.andThen(settle, TestClock.adjust("50 millis"))),
      Fiber.join(fiber)
    )
  )

const make = Effect.map(PartsDouble.make, (double) => ({ ...double, reads: Reads.make(double.parts) }))

const none = { hit: undefined, source: "redis" }
const one = { hit: { value: "1" }, source: "redis" }
const keyspace = "cache:texts:v1:"

describe("Reads", () => {
  it.effect("ask nobody for what is known", () =>
    Effect.gen(function* () {
      const { calls, counters, known, reads } = yield* make
      known.set("a", "1")
      assert.deepStrictEqual(yield* reads.get("a"), Option.some("1"))
      assert.deepStrictEqual(yield* reads.getBeforeLookup(`${keyspace}=a`), { hit: { value: "1" }, source: "memory" })
      assert.deepStrictEqual([calls, counters.hits.memory], [[], 2])
    })
  )

  it.effect("are current while their key is not written", () =>
    Effect.gen(function* () {
      const { end, held, parts, reads } = yield* make
      for (const [written, isCurrent] of [
        ["b", true],
        ["a", false]
      ] as const) {
        for (const [read, answer] of [
          [reads.get("a"), one],
          [reads.getMany(["a"]), [one]]
        ] as const) {
          const reading = yield* fork<unknown, never, never>(read)
          parts.sequences.intend(`${keyspace}=${written}`).end()
          assert.strictEqual(end(answer), isCurrent)
          yield* Fiber.join(reading)
        }
      }
      assert.strictEqual(held(), 0)
    })
  )

  for (const [what, found, isWritten, calls] of [
    ["finds nothing and the key was written meanwhile", none, true, ["get a", "peek a"]],
    ["finds nothing", none, false, ["get a"]],
    ["finds a value, though the key was written meanwhile", one, true, ["get a"]]
  ] as const) {
    it.effect(`before a lookup look ${calls.length === 2 ? "again" : "once"} where the first ${what}`, () =>
      Effect.gen(function* () {
        const double = yield* make
        const reading = yield* fork(double.reads.getBeforeLookup(`${keyspace}=a`))
        if (isWritten) double.parts.sequences.intend(`${keyspace}=a`).end()
        double.end(found)
        if (calls.length === 2) double.end({ hit: { value: "2" }, source: "memory" })
        const { hit } = yield* Fiber.join(reading)
        assert.strictEqual(hit?.value, calls.length === 2 ? "2" : found.hit?.value)
        assert.deepStrictEqual([double.calls, double.held()], [[...calls], 0])
        const { hits, misses } = double.counters
        assert.deepStrictEqual([hits.redis + hits.memory, misses], hit === undefined ? [0, 1] : [1, 0])
      })
    )
  }

  for (const [what, second, counted] of [
    ["as the hit that the second look is", { hit: { value: "2" }, source: "memory" }, { hits: 1, fallbacks: 0 }],
    [
      "as the first look where the second finds nothing",
      { hit: undefined, source: "memory" },
      { hits: 0, fallbacks: 1 }
    ]
  ] as const) {
    it.effect(`of one key or several before a lookup count once, ${what}`, () =>
      Effect.gen(function* () {
        const first = { hit: undefined, source: "fallback" }
        for (const many of [false, true]) {
          const double = yield* make
          const key = `${keyspace}=a`
          const reading = yield* fork<unknown, never, never>(
            many ? double.reads.getManyBeforeLookup([key]) : double.reads.getBeforeLookup(key)
          )
          double.parts.sequences.intend(key).end()
          double.end(many ? [first] : first)
          yield* settle
          double.end(second)
          yield* Fiber.join(reading)
          const { fallbacks, hits, misses } = double.counters
          assert.deepStrictEqual({ hits: hits.memory, fallbacks }, counted)
          assert.strictEqual(misses, 1 - counted.hits)
        }
      })
    )
  }

  it.effect("answer several keys in order, without those that do not fit", () =>
    Effect.gen(function* () {
      const { calls, end, reads, rejected } = yield* make
      const reading = yield* fork(reads.getMany(["a", "longer than ten", "b"]))
      assert.deepStrictEqual(calls, ["getMany a b"])
      end([one, none])
      assert.deepStrictEqual(yield* Fiber.join(reading), [Option.some("1"), Option.none(), Option.none()])
      assert.strictEqual(rejected.length, 1)
    })
  )

  it.effect("that are interrupted are cancelled, and hold nothing", () =>
    Effect.gen(function* () {
      const { held, reads, state } = yield* make
      for (const read of [reads.get("a"), reads.getMany(["a", "b"]), reads.getBeforeLookup(`${keyspace}=a`)]) {
        yield* Fiber.interrupt(yield* fork<unknown, never, never>(read))
      }
      assert.deepStrictEqual([state.cancelled, held()], [3, 0])
    })
  )
})
