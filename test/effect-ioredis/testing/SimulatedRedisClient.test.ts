import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Fiber, Layer } from "effect"
import { RedisClient, RedisTopology } from "effect-ioredis"
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

  const durable = { host: "durable", port: 6379 }
  const Client = RedisClient.layer({ topology: RedisTopology.server(durable) })

  it.effect("a server that is named from the beginning is the one that a layer connects to", () =>
    Effect.gen(function* () {
      const network = yield* SimulatedRedis.SimulatedRedis
      const redis = yield* RedisClient.RedisClient
      const server = yield* network.server(durable)
      yield* network.inject(Fault.refuse)
      assert.strictEqual(yield* redis.incr("visits"), 1)
      assert.strictEqual(yield* server.peek("visits"), "1")
      yield* server.inject(Fault.refuse)
      const visits = yield* Effect.forkChild(Effect.flip(redis.incr("visits")))
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* Fiber.join(visits))._tag, "RedisConnectionError")
    }).pipe(Effect.provide(Client.pipe(Layer.provideMerge(SimulatedRedis.layer({ servers: [durable] })))))
  )

  it.effect("a server that comes too late to be connected to is a mistake of the test", () =>
    Effect.gen(function* () {
      const network = yield* SimulatedRedis.SimulatedRedis
      const cause = yield* Effect.flip(Effect.sandbox(network.server(durable)))
      assert.match(String(Cause.squash(cause)), /servers: \[\{ host: "durable", port: 6379 \}\]/)
    }).pipe(Effect.provide(Client.pipe(Layer.provideMerge(SimulatedRedis.layer()))))
  )
})
