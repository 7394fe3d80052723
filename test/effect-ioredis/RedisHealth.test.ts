import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Redacted, Stream } from "effect"
import { RedisClient, RedisHealth, RetryPolicy } from "effect-ioredis"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import * as Captured from "../support/Captured.ts"

const login = { username: "app", password: Redacted.make("old") }

const layer = (logs: Layer.Layer<never>) =>
  RedisHealth.layer().pipe(
    Layer.provideMerge(RedisClient.layer({ login, requireReady: false, retry: RetryPolicy.none })),
    Layer.provideMerge(SimulatedRedis.layer({ users: { app: "old" } })),
    Layer.provide(logs)
  )

const reasonOf = (status: RedisHealth.Status) => (status._tag === "Down" ? status.reason : status._tag)

describe("the health of a client", () => {
  it.effect("says why Redis does not answer now, and since when it has not", () => {
    const captured = Captured.make()
    return Effect.gen(function* () {
      const health = yield* RedisHealth.RedisHealth
      const redis = yield* RedisClient.RedisClient
      const server = yield* SimulatedRedis.SimulatedRedis
      const seen = yield* Effect.forkChild(Stream.runCollect(Stream.take(health.changes, 3)), {
        startImmediately: true
      })
      yield* server.inject(Fault.refuse)
      yield* redis.reconnect
      yield* TestClock.adjust("1 second")
      const refused = yield* health.status
      assert.include(reasonOf(refused), "Check that Redis runs")
      // It comes back with another password.
      yield* server.setAccess({ users: { app: "new" } })
      yield* server.heal
      yield* TestClock.adjust("1 second")
      const denied = yield* health.status
      assert.include(reasonOf(denied), "password")
      assert.deepStrictEqual(denied.since, refused.since)
      assert.deepStrictEqual((yield* Fiber.join(seen)).map(reasonOf), ["Up", reasonOf(refused), reasonOf(denied)])
      yield* TestClock.adjust("1 minute")
      const lines = captured.logs.filter((line) => line.includes("Warn") || line.includes("WARN"))
      const count = (text: string) => lines.filter((line) => line.includes(text)).length
      assert.strictEqual(count("Redis does not answer"), 1)
      assert.strictEqual(count("Redis still does not answer"), 1)
      assert.include(lines.at(-1), "password")
    }).pipe(Effect.provide(layer(captured.layer)))
  })

  it.effect("is asked for by `check` although the circuit is open, and not where it was isolated by hand", () =>
    Effect.gen(function* () {
      const health = yield* RedisHealth.RedisHealth
      const { breaker } = yield* RedisClient.RedisClient
      const server = yield* SimulatedRedis.SimulatedRedis
      const pings = Effect.map(server.received, (all) => all.filter(({ name }) => name === "PING").length)
      yield* breaker.trip
      yield* TestClock.adjust(1)
      assert.strictEqual((yield* health.status)._tag, "Down")
      const before = yield* pings
      assert.strictEqual((yield* health.check)._tag, "Up")
      assert.strictEqual(yield* pings, before + 1)
      assert.strictEqual((yield* breaker.state)._tag, "Closed")
      yield* breaker.isolate
      yield* health.check
      assert.strictEqual(yield* pings, before + 1)
      assert.deepInclude(yield* breaker.state, { isolated: true })
    }).pipe(Effect.provide(layer(Captured.make().layer)))
  )
})
