import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Schema } from "effect"
import { RedisClient, RedisCommand } from "effect-ioredis"
import { Cache } from "effect-ioredis-cache"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import * as commands from "../../packages/effect-ioredis-cache/src/internal/journal/commands.ts"
import * as Scripts from "../../packages/effect-ioredis-cache/src/internal/journal/scripts.ts"
import { history } from "./journal/JournalHarness.ts"
import { layerReal, layerSimulated, layerStrict } from "../suites/cacheLayers.ts"

const texts = { name: "texts", version: 1, key: Schema.String, value: Schema.String } as const

const passing = <A, E, R>(call: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(call, { startImmediately: true })
    while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("20 millis")
    return yield* Fiber.join(fiber)
  })

describe("what a removal says", () => {
  const layers: ReadonlyArray<readonly [string, typeof it.effect, Layer.Layer<Cache.Cache, unknown>]> = [
    ["on a simulated server", it.effect, layerSimulated()],
    ["on a real server", it.live, layerReal()],
    ["of the strict cache", it.effect, Layer.provideMerge(layerStrict, layerSimulated())]
  ]
  for (const [what, test, layer] of layers) {
    test(`where marks are left: a mark is nothing, ${what}`, () =>
      Effect.gen(function* () {
        const region = yield* Cache.region({ ...texts, replay: "latest" })
        assert.strictEqual(yield* region.remove("a"), "Absent")
        assert.strictEqual(yield* region.remove("a"), "Absent")
        assert.strictEqual(yield* region.set("a", "1"), "Applied")
        assert.strictEqual(yield* region.remove("a"), "Applied")
        yield* region.set("b", "1")
        assert.deepStrictEqual(yield* region.removeMany(["a", "b", "c"]), ["Absent", "Applied", "Absent"])
      }).pipe(Effect.provide(layer)))

    test(`where a mark takes the place of whatever is there it is not known, ${what}`, () =>
      Effect.gen(function* () {
        const region = yield* Cache.region({ ...texts, removedFor: "1 minute" })
        assert.strictEqual(yield* region.remove("a"), "Applied")
      }).pipe(Effect.provide(layer)))
  }

  it.effect("what another process stored was there", () =>
    Effect.gen(function* () {
      const region = yield* Cache.region(texts)
      const redis = yield* RedisClient.RedisClient
      yield* redis.run(RedisCommand.make("SET", ["cache:texts:v1:=a", "theirs"]))
      assert.strictEqual(yield* region.remove("a"), "Applied")
      assert.strictEqual(yield* region.remove("a"), "Absent")
    }).pipe(Effect.provide(layerSimulated()))
  )

  it.effect("what this process has in memory was there, also where Redis has lost it", () =>
    Effect.gen(function* () {
      const region = yield* Cache.region(texts)
      const redis = yield* RedisClient.RedisClient
      yield* region.set("a", "1")
      yield* redis.run(RedisCommand.make("UNLINK", ["cache:texts:v1:=a"]))
      assert.strictEqual(yield* region.remove("a"), "Applied")
      assert.strictEqual(yield* region.remove("a"), "Absent")
    }).pipe(Effect.provide(layerSimulated()))
  )

  it.effect("without Redis nothing is known", () =>
    Effect.gen(function* () {
      const region = yield* Cache.region(texts)
      const redis = yield* RedisClient.RedisClient
      yield* redis.breaker.isolate
      assert.strictEqual(yield* region.remove("a"), "Deferred")
    }).pipe(Effect.provide(layerSimulated()))
  )

  history("a value that Redis has not confirmed was there", {}, (h) =>
    Effect.sync(() => {
      h.defer("a", "1")
      assert.deepStrictEqual(h.remove("a"), ["Applied"])
      assert.deepStrictEqual(h.remove("a"), ["Absent"])
    })
  )

  it.effect("a removal that was sent twice does not know what the first one found", () =>
    Effect.gen(function* () {
      const region = yield* Cache.region(texts)
      const server = yield* SimulatedRedis.SimulatedRedis
      yield* region.set("a", "1")
      yield* server.inject(Fault.cut({ executed: true, at: "UNLINK" }))
      assert.strictEqual(yield* passing(region.remove("a")), "Applied")
      const unlinks = (yield* server.received).filter(({ name }) => name === "UNLINK")
      assert.strictEqual(unlinks.length, 2)
      assert.strictEqual(yield* region.remove("a"), "Absent")
    }).pipe(Effect.provide(Layer.provideMerge(layerStrict, layerSimulated())))
  )

  it("only the first UNLINK's count says it, and the script's answer at any time", () => {
    const unlink = RedisCommand.make("UNLINK", ["a"])
    const mark = Scripts.call(Scripts.replaceEarlier, "a", ["mark", 1000, Scripts.moment(0)])
    const rows = [
      [unlink, 0, 1, true],
      [unlink, 1, 1, false],
      [unlink, 0, 2, false],
      [mark, 2, 1, true],
      [mark, 2, 2, true],
      [mark, 1, 1, false],
      [mark, 0, 1, false],
      [RedisCommand.make("SET", ["a", "mark"]), "OK", 1, false]
    ] as const
    for (const [command, reply, sendings, is] of rows) {
      assert.strictEqual(commands.saysAbsent(command, reply, sendings), is, `${command.name} ${reply} ${sendings}`)
    }
  })
})
