import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option, Schema } from "effect"
import { RedisCommand } from "effect-ioredis"
import { Cache } from "effect-ioredis-cache"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { layerProcess, layerSimulated } from "../suites/cacheLayers.ts"
import * as Captured from "../support/Captured.ts"
import { fork, sent } from "../support/VirtualRedis.ts"

// A long value of which memory holds the very write is asked for by its header.

const long = (text: string) => text.repeat(9000)
const redisKey = "cache:texts:v1:=a"

const define = (options: { readonly tags?: true; readonly replay?: "latest" } = {}) =>
  Cache.region({
    name: "texts",
    version: 1,
    key: Schema.String,
    value: Schema.String,
    timeToLive: "10 seconds",
    ...options
  })

/** A region here, the same of another process, and what of a read the server has received. */
const makeTexts = Effect.fnUntraced(function* (options: Parameters<typeof define>[0] = {}) {
  const other = yield* Layer.build(Layer.fresh(layerProcess()))
  const server = yield* SimulatedRedis.SimulatedRedis
  const here = yield* define(options)
  const there = yield* Effect.provideContext(define(options), other)
  const counts = Effect.gen(function* () {
    return [(yield* sent(server, "GETRANGE")).length, (yield* sent(server, "GET")).length] as const
  })
  return {
    here,
    there,
    server,
    /** What an Effect answers, and how many headers and how many values were asked for. */
    counted: Effect.fnUntraced(function* <A>(effect: Effect.Effect<A>) {
      const before = yield* counts
      const answer = yield* effect
      const after = yield* counts
      return [answer, after[0] - before[0], after[1] - before[1]] as const
    })
  }
})

const one = Option.some(long("1"))
const two = Option.some(long("2"))
const none = Option.none<string>()

describe("a long value that memory holds", () => {
  it.effect("is asked for by its header for as long as nobody writes it", () =>
    Effect.gen(function* () {
      const { counted, here, there } = yield* makeTexts()
      yield* there.set("a", long("1"))
      assert.deepStrictEqual(yield* counted(here.get("a")), [one, 0, 1])
      assert.deepStrictEqual(yield* counted(here.get("a")), [one, 1, 0])
      assert.deepStrictEqual(yield* counted(here.getOrSet("a", Effect.die("nothing is missing"))), [long("1"), 1, 0])
      yield* there.set("a", long("2"))
      assert.deepStrictEqual(yield* counted(here.get("a")), [two, 1, 1])
      assert.deepStrictEqual(yield* counted(here.get("a")), [two, 1, 0])
      yield* there.set("a", "short")
      assert.deepStrictEqual(yield* counted(here.get("a")), [Option.some("short"), 1, 1])
      assert.deepStrictEqual(yield* counted(here.get("a")), [Option.some("short"), 0, 1])
    }).pipe(Effect.provide(layerSimulated()), Effect.scoped)
  )

  it.effect("lives as long as its header says", () =>
    Effect.gen(function* () {
      const { counted, here, there } = yield* makeTexts()
      yield* there.set("a", long("1"))
      yield* here.get("a")
      yield* TestClock.adjust("9 seconds")
      yield* there.touch("a")
      assert.deepStrictEqual(yield* counted(here.get("a")), [one, 1, 0])
      yield* TestClock.adjust(9999)
      assert.deepStrictEqual(yield* counted(here.get("a")), [one, 1, 0])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* here.get("a"), none)
    }).pipe(Effect.provide(layerSimulated()), Effect.scoped)
  )

  it.effect("is a miss once it is removed, expired or of another type, and is filled again", () =>
    Effect.gen(function* () {
      const { counted, here, server, there } = yield* makeTexts({ replay: "latest" })
      const fill = here.getOrSet("a", Effect.succeed(long("2")))
      const isFilled = Effect.gen(function* () {
        assert.strictEqual(yield* fill, long("2"))
        // Nobody waits for what a lookup fills in.
        yield* TestClock.adjust(10)
        assert.deepStrictEqual(yield* there.get("a"), two)
      })
      yield* there.set("a", long("1"))
      yield* here.get("a")
      // A removed mark.
      yield* there.remove("a")
      assert.deepStrictEqual(yield* counted(here.get("a")), [none, 1, 1])
      yield* isFilled
      // Nothing at all.
      yield* here.get("a")
      yield* server.execute(RedisCommand.make("DEL", [redisKey]))
      assert.deepStrictEqual(yield* counted(here.get("a")), [none, 1, 1])
      yield* isFilled
      // A value that is over by its own word.
      yield* here.get("a")
      yield* server.execute(RedisCommand.make("PERSIST", [redisKey]))
      yield* TestClock.adjust("11 seconds")
      assert.deepStrictEqual(yield* here.get("a"), none)
      yield* isFilled
      yield* here.get("a")
      yield* server.inject(Fault.error("WRONGTYPE", { commands: ["GETRANGE", "GET"] }))
      assert.deepStrictEqual(yield* counted(here.get("a")), [none, 1, 1])
    }).pipe(Effect.provide(layerSimulated()), Effect.scoped)
  )

  it.effect("is read whole in a region with tags", () =>
    Effect.gen(function* () {
      const { counted, here, there } = yield* makeTexts({ tags: true })
      yield* there.set("a", long("1"))
      yield* here.get("a")
      assert.deepStrictEqual(yield* counted(here.get("a")), [one, 0, 1])
    }).pipe(Effect.provide(layerSimulated()), Effect.scoped)
  )

  it.effect("is read whole from then on by a user who may read nothing else", () =>
    Effect.gen(function* () {
      const { counted, here, server, there } = yield* makeTexts()
      yield* there.set("a", long("1"))
      yield* here.get("a")
      yield* server.inject(Fault.error("NOPERM", { commands: ["GETRANGE"] }))
      assert.deepStrictEqual(yield* counted(here.get("a")), [one, 1, 1])
      assert.deepStrictEqual(yield* counted(here.get("a")), [one, 0, 1])
    }).pipe(Effect.provide(layerSimulated()), Effect.scoped)
  )

  it.effect("takes no longer than patience altogether, and falls back to memory", () =>
    Effect.gen(function* () {
      const { here, server, there } = yield* makeTexts()
      yield* there.set("a", long("1"))
      yield* here.get("a")
      yield* there.set("a", long("2"))
      yield* server.inject(Fault.delay("600 millis"))
      const fiber = yield* fork(here.get("a"))
      yield* TestClock.adjust(999)
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* Fiber.join(fiber), one)
    }).pipe(Effect.provide(layerSimulated({ patience: "1 second" })), Effect.scoped)
  )

  for (const [what, act, then] of [
    ["made room for another", (here) => here.set("b", "b"), one],
    ["was set here", (here) => here.set("a", "own"), Option.some("own")],
    ["was removed here", (here) => here.remove("a"), none],
    ["was cleared here", (here) => here.clear, none]
  ] satisfies ReadonlyArray<
    readonly [string, (here: Cache.Region<string, string>) => Effect.Effect<unknown>, Option.Option<string>]
  >) {
    it.effect(`is read whole where it ${what} before its header came`, () => {
      const captured = Captured.make()
      return Effect.gen(function* () {
        const { here, server, there } = yield* makeTexts()
        const cache = yield* Cache.Cache
        yield* there.set("a", long("1"))
        yield* here.get("a")
        yield* server.inject(Fault.delay("100 millis"))
        const reading = yield* fork(here.get("a"))
        yield* fork(act(here))
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(reading)
        const asking = yield* fork(here.get("a"))
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(yield* Fiber.join(asking), then)
        assert.strictEqual((yield* cache.stats).corrupt, 0)
        assert.notMatch(captured.logs.join("\n"), /could not be read/)
      }).pipe(Effect.provide(layerSimulated({ maxEntries: 1, logs: captured.layer })), Effect.scoped)
    })
  }
})
