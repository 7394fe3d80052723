import { assert, describe, it } from "@effect/vitest"
import { Cause, Config, Effect, Exit, Fiber, Layer, Logger, Stream } from "effect"
import { RedisClient, RedisHealth } from "effect-ioredis"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import * as Captured from "../support/Captured.ts"

const layer = (options?: RedisHealth.Options) =>
  RedisHealth.layer(options).pipe(
    Layer.provideMerge(RedisClient.layer({ closeTimeout: 0 })),
    Layer.provideMerge(SimulatedRedis.layer())
  )

describe("RedisHealth", () => {
  it.effect("bad options are a defect that names each of them", () =>
    Effect.gen(function* () {
      for (const bad of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
        const exit = yield* Effect.exit(Effect.scoped(Layer.build(layer({ interval: bad, timeout: bad }))))
        const defect = Exit.isFailure(exit) && Cause.hasDies(exit.cause) ? Cause.squash(exit.cause) : undefined
        assert.instanceOf(defect, Config.ConfigError)
        assert.include(defect.message, `interval is ${bad}: expected a duration above zero`)
        assert.include(defect.message, `timeout is ${bad}: expected a duration above zero`)
      }
    })
  )

  it.effect(
    "is down from the moment at which the circuit opens until Redis answers again, and says so once each",
    () => {
      const captured = Captured.make()
      return Effect.gen(function* () {
        const health = yield* RedisHealth.RedisHealth
        const server = yield* SimulatedRedis.SimulatedRedis
        yield* TestClock.adjust(0)
        assert.strictEqual((yield* health.status)._tag, "Up")
        yield* server.inject(Fault.refuse)
        yield* (yield* RedisClient.RedisClient).breaker.trip
        yield* TestClock.adjust(0)
        assert.strictEqual((yield* health.status)._tag, "Down")
        yield* TestClock.adjust("90 seconds")
        const down = yield* health.status
        assert.strictEqual(down._tag, "Down")
        if (down._tag === "Down") assert.isNotEmpty(down.reason)
        yield* server.heal
        yield* TestClock.adjust("10 minutes")
        const up = yield* health.status
        assert.strictEqual(up._tag, "Up")
        assert.isAbove(up.since.epochMilliseconds, down.since.epochMilliseconds)
        const said = (message: string) => captured.logs.filter((line) => line.includes(message)).length
        assert.deepStrictEqual(
          ["Redis does not answer", "Redis still does not answer", "Redis answers again"].map(said),
          [1, 1, 1]
        )
      }).pipe(Effect.provide(layer().pipe(Layer.provideMerge(captured.layer))))
    }
  )

  it.effect("checks each connection when it is asked to, and emits what changed", () =>
    Effect.gen(function* () {
      const health = yield* RedisHealth.RedisHealth
      const server = yield* SimulatedRedis.SimulatedRedis
      const seen: Array<string> = []
      yield* Effect.forkChild(
        Stream.runForEach(health.changes, ({ _tag }) => Effect.sync(() => seen.push(_tag))),
        {
          startImmediately: true
        }
      )
      yield* server.inject(Fault.freeze)
      const check = yield* Effect.forkChild(health.check, { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* Fiber.join(check))._tag, "Down")
      yield* server.heal
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(seen, ["Up", "Down", "Up"])
    }).pipe(Effect.provide(layer().pipe(Layer.provideMerge(Logger.layer([])))))
  )
})
