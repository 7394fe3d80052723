import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { IoredisConnection, RedisClient } from "effect-ioredis"
import { TestClock } from "effect/testing"
import * as Deadlines from "../packages/effect-ioredis/src/internal/Deadlines.ts"
import * as ClockDouble from "./support/ClockDouble.ts"
import * as ReceiveQueue from "./support/ReceiveQueue.ts"
import * as RedisServer from "./support/RedisServer.ts"
import * as Wait from "./support/Wait.ts"

describe("Deadlines", () => {
  it.effect("expire in order, each at its time, whatever order they were set in", () =>
    Effect.gen(function* () {
      const deadlines = yield* Deadlines.make
      const expired: Array<string> = []
      for (const [name, millis] of [
        ["long", 2000],
        ["short", 100],
        ["middle", 1000],
        ["long too", 2000]
      ] as const) {
        deadlines.add(millis, millis, () => expired.push(name))
      }
      const cancelled = deadlines.add(500, 500, () => expired.push("cancelled"))
      cancelled.cancel()
      for (const [adjustment, expected] of [
        [99, []],
        [1, ["short"]],
        [899, ["short"]],
        [1, ["short", "middle"]],
        [1000, ["short", "middle", "long", "long too"]]
      ] as const) {
        yield* TestClock.adjust(adjustment)
        assert.deepStrictEqual(expired, [...expected])
      }
    })
  )

  it.effect("sleep on one fiber, and on none when there is nothing to wait for", () =>
    Effect.gen(function* () {
      const testClock = yield* Clock.Clock
      const clock = yield* ClockDouble.make
      const deadlines = yield* Effect.provideService(Deadlines.make, Clock.Clock, clock)
      for (let millis = 1000; millis > 0; millis -= 100) deadlines.add(millis, millis, () => {})
      yield* Effect.provideService(TestClock.adjust(0), Clock.Clock, testClock)
      assert.strictEqual(clock.asleep, 1)
      yield* TestClock.adjust(1000)
      assert.strictEqual(clock.asleep, 0)
    })
  )

  it.effect("start nothing once their scope is closed", () =>
    Effect.gen(function* () {
      const clock = yield* ClockDouble.make
      const scope = yield* Scope.make()
      const deadlines = yield* Deadlines.make.pipe(Effect.provideService(Clock.Clock, clock), Scope.provide(scope))
      yield* Scope.close(scope, Exit.void)
      let expired = false
      deadlines.add(1000, 1000, () => {
        expired = true
      })
      yield* TestClock.adjust(2000)
      assert.isFalse(expired)
    })
  )

  it.live("take no late event loop for a late Redis: the reply that waits in the socket is read first", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const serverProcess = yield* server.pid
      yield* Effect.gen(function* () {
        const redis = yield* RedisClient.RedisClient
        yield* redis.ping
        // Redis answers only once the event loop is held up, so that nothing can read the reply before.
        yield* server.freeze
        const call = yield* Effect.forkChild(
          redis.send({ name: "ECHO", args: ["hi"], kind: "read", reply: "text" }, { operationTimeout }),
          { startImmediately: true }
        )
        yield* Wait.until("the command has left", () => ReceiveQueue.bytes({ localPort: server.port }) > 0)
        // Between this point of the loop and the sockets come the timers, and the deadline among them.
        yield* Effect.yieldNow
        const replyWaits = yield* Effect.sync(() => {
          const sent = performance.now()
          process.kill(serverProcess, "SIGCONT")
          const waits = () => ReceiveQueue.bytes({ remotePort: server.port }) > 0
          while (performance.now() < sent + operationTimeout + 50 || (!waits() && performance.now() < sent + 10_000));
          return waits()
        })
        assert.isTrue(replyWaits)
        assert.strictEqual(yield* Fiber.join(call), "hi")
      }).pipe(
        Effect.provide(
          RedisClient.layer().pipe(Layer.provide(IoredisConnection.layer({ host: "127.0.0.1", port: server.port })))
        )
      )
    })
  )
})

const operationTimeout = 1000
