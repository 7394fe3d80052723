import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option, Schema, type Scope } from "effect"
import type { RedisClient } from "effect-ioredis"
import { Cache } from "effect-ioredis-cache"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { layerProcess, layerSimulated } from "../suites/cacheLayers.ts"

const texts = { name: "texts", version: 1, key: Schema.String, value: Schema.String }

const region = Cache.region(texts)

const fork = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

describe("reads in flight", () => {
  const test = (
    title: string,
    body: () => Effect.Effect<
      void,
      unknown,
      Cache.Cache | SimulatedRedis.SimulatedRedis | RedisClient.RedisClient | Scope.Scope
    >
  ) => it.effect(title, () => Effect.provide(body(), layerSimulated()))

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
      test(`a ${how} in flight that ends after ${what} leaves ${remembered ?? "nothing"} in memory`, () =>
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
        }))
    }
  }

  test("a read that misses while another process' value is set here runs no lookup", () =>
    Effect.gen(function* () {
      const cache = yield* region
      const server = yield* SimulatedRedis.SimulatedRedis
      yield* server.inject(Fault.delay("100 millis"))
      const caller = yield* fork(cache.getOrSet("a", Effect.die("there is a value")))
      yield* settle
      yield* fork(cache.set("a", "new"))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(caller), "new")
    }))
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
