import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Duration, Effect, Exit, Fiber, Scope } from "effect"
import { RedisClient, RedisCommand, RedisConnector } from "effect-ioredis"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import * as Deadlines from "../../../packages/effect-ioredis/src/internal/Deadlines.ts"
import * as ClockDouble from "../../support/ClockDouble.ts"
import * as Connect from "../../support/Connect.ts"
import * as FakeConnector from "../../support/FakeConnector.ts"
import * as ReceiveQueue from "../../support/ReceiveQueue.ts"
import * as RedisServer from "../../support/RedisServer.ts"
import * as Wait from "../../support/Wait.ts"

describe("Deadlines", () => {
  it.effect("expire in order, each at its time, whatever order they were set in", () =>
    Effect.gen(function* () {
      const deadlines = yield* Deadlines.make(noActivity)
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
      const deadlines = yield* Effect.provideService(Deadlines.make(noActivity), Clock.Clock, clock)
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
      const deadlines = yield* Deadlines.make(noActivity).pipe(
        Effect.provideService(Clock.Clock, clock),
        Scope.provide(scope)
      )
      yield* Scope.close(scope, Exit.void)
      let expired = false
      deadlines.add(1000, 1000, () => {
        expired = true
      })
      yield* TestClock.adjust(2000)
      assert.isFalse(expired)
    })
  )

  it.effect("stay in order within each duration, also where some are cancelled", () =>
    Effect.gen(function* () {
      const deadlines = yield* Deadlines.make(noActivity)
      const added = Array.from({ length: 6 }, (_, at) => deadlines.add(1000 + at, 1000, () => {}))
      for (const index of [2, 0, 5]) {
        added[index]?.cancel()
        added[index]?.cancel()
        deadlines.checkInvariants()
      }
      yield* TestClock.adjust(1002)
      deadlines.checkInvariants()
      deadlines.add(500, 1000, () => {})
      assert.throws(deadlines.checkInvariants, "not in order")
    })
  )

  it.live("say whether they come late because the event loop was held up", () =>
    Effect.gen(function* () {
      const deadlines = yield* Deadlines.make(noActivity)
      const expire = Effect.fnUntraced(function* (meanwhile: () => void) {
        const expired = yield* Deferred.make<boolean>()
        const now = Number((yield* Clock.Clock).monotonicTimeNanosUnsafe()) / 1e6
        deadlines.add(now + 20, 20, () => Deferred.doneUnsafe(expired, Effect.succeed(deadlines.isCatchingUp())))
        meanwhile()
        const late = yield* Deferred.await(expired)
        // The deadline may have woken us in its own turn.
        yield* Effect.yieldNow
        assert.isFalse(deadlines.isCatchingUp())
        return late
      })
      assert.isTrue(yield* expire(() => holdUp(100)))
      // A busy machine may hold up any one of them, but not each.
      yield* Wait.until(
        "one is in time",
        Effect.map(
          expire(() => {}),
          (late) => !late
        )
      )
    })
  )

  it.live("expire although each turn of a busy event loop brings something", () =>
    Effect.gen(function* () {
      let heard = 0
      const deadlines = yield* Deadlines.make(() => heard++)
      const expired = yield* Deferred.make<void>()
      const now = Number((yield* Clock.Clock).monotonicTimeNanosUnsafe()) / 1e6
      deadlines.add(now + 20, 20, () => Deferred.doneUnsafe(expired, Effect.void))
      holdUp(100)
      yield* Wait.until("it has expired", Deferred.isDone(expired))
    })
  )

  it.live("expire soon where turns are quick, although each of them brings something", () =>
    Effect.gen(function* () {
      let at = 0
      let heard = 0
      // Each turn takes 2 ms by this clock, on a busy machine too.
      const clock: Clock.Clock = Object.assign(Object.create(yield* Clock.Clock), {
        monotonicTimeNanosUnsafe: () => BigInt(at) * 1_000_000n
      })
      const deadlines = yield* Effect.provideService(
        Deadlines.make(() => heard),
        Clock.Clock,
        clock
      )
      const expired = yield* Deferred.make<number>()
      deadlines.add(20, 20, () => Deferred.doneUnsafe(expired, Effect.succeed(at)))
      const serve = () => {
        at += 2
        heard++
        if (at < 2000) setImmediate(serve)
      }
      at = 100
      // From here on somebody else is served in each turn.
      yield* Effect.sleep(20)
      serve()
      assert.isBelow(yield* Deferred.await(expired), 350)
    })
  )

  it.effect("that come late are no failures of a connection that spoke meanwhile", () =>
    Effect.gen(function* () {
      const fake = yield* FakeConnector.make()
      const { clock } = fake.connector
      for (const late of [false, true]) {
        const busy: Clock.Clock = {
          ...(yield* ClockDouble.make),
          sleep: (duration) => clock.sleep(Duration.sum(duration, Duration.millis(late ? 50 : 0)))
        }
        const redis = yield* FakeConnector.client({ ...fake, connector: { ...fake.connector, clock: busy } })
        const call = yield* Effect.forkChild(
          Effect.flip(redis.run(RedisCommand.make("GET", ["a"]), { retry: false })),
          { startImmediately: true }
        )
        yield* TestClock.adjust("3 seconds")
        assert.strictEqual((yield* Fiber.join(call))._tag, "RedisTimeoutError")
        assert.deepStrictEqual((yield* redis.stats).breaker, { _tag: "Closed", failures: late ? 0 : 1 })
      }
    })
  )

  it.effect("that come a little early open the circuit of a stalled connection before the caller is told", () =>
    Effect.gen(function* () {
      const server = yield* SimulatedRedis.make()
      const { connector } = server
      const { clock } = connector
      const impatient: Clock.Clock = {
        ...(yield* ClockDouble.make),
        sleep: (duration) => clock.sleep(Duration.subtract(duration, Duration.micros(400n)))
      }
      const redis = yield* RedisClient.make().pipe(
        Effect.provideService(RedisConnector.RedisConnector, { ...connector, clock: impatient })
      )
      yield* server.inject(Fault.freeze)
      const ping = redis.run(RedisCommand.make("PING"), { retry: false })
      const told = yield* Effect.forkChild(Effect.andThen(Effect.exit(ping), redis.breaker.state), {
        startImmediately: true
      })
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* Fiber.join(told))._tag, "Open")
    })
  )

  it.live("take no late event loop for a late Redis: the reply that waits in the socket is read first", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const serverProcess = yield* server.pid
      const redis = yield* Connect.client({ port: server.port })
      yield* redis.ping
      // Redis answers only once the event loop is held up, so that nothing can read the reply before.
      yield* server.freeze
      const call = yield* Effect.forkChild(
        redis.run(RedisCommand.make("ECHO", ["hi"], { kind: "read" }), { operationTimeout }),
        { startImmediately: true }
      )
      yield* Wait.until("the command has left", () => ReceiveQueue.bytes({ localPort: server.port }) > 0)
      // Between this point of the loop and the sockets come the timers, and the deadline among them.
      yield* Effect.yieldNow
      const replyWaits = yield* Effect.sync(() => {
        const waits = () => ReceiveQueue.bytes({ remotePort: server.port }) > 0
        process.kill(serverProcess, "SIGCONT")
        holdUp(operationTimeout + 50)
        const latest = performance.now() + 10_000
        while (!waits() && performance.now() < latest);
        return waits()
      })
      assert.isTrue(replyWaits)
      assert.strictEqual(yield* Fiber.join(call), "hi")
    })
  )
})

const operationTimeout = 1000

/** Nothing ever comes from the servers. */
const noActivity = () => 0

/** Keeps the event loop busy. */
const holdUp = (millis: number): void => {
  const until = performance.now() + millis
  while (performance.now() < until);
}
