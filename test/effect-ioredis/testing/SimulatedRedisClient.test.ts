import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { RedisClient } from "effect-ioredis"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"

describe("SimulatedRedis below a client", () => {
  it.effect("a program's client under an outage, as in the documentation", () =>
    Effect.gen(function* () {
      const server = yield* SimulatedRedis.SimulatedRedis
      const redis = yield* RedisClient.RedisClient
      yield* redis.set("visits", 41)
      yield* server.inject(Fault.refuse)
      const visits = yield* Effect.forkChild(redis.incr("visits"))
      yield* TestClock.adjust("100 millis")
      yield* server.heal
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(visits), 42)
      assert.strictEqual(yield* server.peek("visits"), "42")
      assert.match((yield* redis.info("server")).run_id ?? "", /^[0-9a-f]{40}$/)
    }).pipe(Effect.provide(RedisClient.layer().pipe(Layer.provideMerge(SimulatedRedis.layer()))))
  )
})
