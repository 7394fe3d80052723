import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Clock, Duration, Effect, Exit, Fiber, Result, Schedule, Scope } from "effect"
import { CircuitBreaker, RedisClient, RedisCommand, RedisConnector, type RedisError, RetryPolicy } from "effect-ioredis"
import { of } from "effect-ioredis/dispatch"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import {
  withRedis,
  get,
  fork,
  sent,
  result,
  settled,
  failure,
  elapsed,
  callback,
  set
} from "../support/VirtualRedis.ts"
import * as ClockDouble from "../support/ClockDouble.ts"

const noBudget = { budget: false } as const

describe("Attempts, retrying", () => {
  it.effect("waits 80–120, 160–240 and 320–480 ms before the three retries of a read, then stops", () =>
    withRedis({ retry: RetryPolicy.make(noBudget) })((redis, server) =>
      Effect.gen(function* () {
        yield* server.inject(Fault.error("TRYAGAIN"))
        const delays: Array<ReadonlyArray<number>> = []
        for (let call = 0; call < 50; call++) {
          const before = (yield* sent(server, "GET")).length
          const fiber = yield* fork(Effect.exit(redis.run(get("k"))))
          yield* TestClock.adjust("10 seconds")
          assert.strictEqual(failure(yield* Fiber.join(fiber))._tag, "RedisOperationError")
          const times = (yield* sent(server, "GET")).slice(before).map(({ at }) => at)
          delays.push(Arr.zipWith(times.slice(1), times, (later, earlier) => later - earlier))
        }
        for (const each of delays) {
          assert.strictEqual(each.length, 3)
          for (const [index, delay] of each.entries()) {
            assert.isAtLeast(delay, 80 * 2 ** index)
            assert.isAtMost(delay, 120 * 2 ** index + 1)
          }
        }
        assert.isAbove(new Set(delays.map(([first]) => first)).size, 10, "the delays are not jittered")
      })
    )
  )

  it.effect("retries a write twice", () =>
    withRedis()((redis, server) =>
      Effect.gen(function* () {
        yield* server.inject(Fault.error("TRYAGAIN"))
        const fiber = yield* fork(Effect.exit(redis.set("k", "v")))
        yield* TestClock.adjust("10 seconds")
        assert.isTrue(Exit.isFailure(yield* Fiber.join(fiber)))
        assert.strictEqual((yield* sent(server, "SET")).length, 3)
      })
    )
  )

  it.effect("opens the circuit with the second call's second attempt, and neither sends nor sleeps after it", () =>
    withRedis({
      circuitBreaker: { tripPolicy: CircuitBreaker.consecutive(5) },
      retry: RetryPolicy.make({ read: RetryPolicy.exponential({ retries: 2 }) })
    })((redis, server) =>
      Effect.gen(function* () {
        yield* server.inject(Fault.error("LOADING"))
        const first = yield* fork(Effect.exit(redis.run(get("k"))))
        yield* TestClock.adjust("10 seconds")
        yield* Fiber.join(first)
        assert.strictEqual((yield* sent(server, "GET")).length, 3)
        const second = yield* fork(elapsed(redis.run(get("k"))))
        yield* TestClock.adjust("10 seconds")
        const { exit, millis } = yield* Fiber.join(second)
        assert.strictEqual(failure(exit)._tag, "RedisOperationError")
        const all = yield* sent(server, "GET")
        assert.strictEqual(all.length, 5)
        assert.strictEqual((yield* redis.breaker.state)._tag, "Open")
        assert.strictEqual(millis, (all[4]?.at ?? 0) - (all[3]?.at ?? 0), "it slept after the last attempt")
      })
    )
  )

  it.effect("never sends INCR twice once it may have run, and says that the outcome is unknown", () =>
    withRedis()((redis, server) =>
      Effect.gen(function* () {
        yield* server.inject(Fault.cut({ executed: true, at: "INCRBY" }))
        const fiber = yield* fork(Effect.exit(redis.incr("counter")))
        yield* TestClock.adjust("10 seconds")
        const error = failure(yield* Fiber.join(fiber))
        assert.deepInclude({ ...error }, { _tag: "RedisConnectionError", sent: "unknown", command: "INCRBY" })
        assert.strictEqual((yield* sent(server, "INCRBY")).length, 1)
        assert.strictEqual(yield* server.peek("counter"), "1")
      })
    )
  )

  it.effect("sends INCR again where it was never sent", () =>
    withRedis()((redis, server) =>
      Effect.gen(function* () {
        yield* server.inject(Fault.refuse)
        const fiber = yield* fork(redis.incr("counter"))
        yield* TestClock.adjust(50)
        yield* server.heal
        yield* TestClock.adjust("2 seconds")
        assert.strictEqual(yield* Fiber.join(fiber), 1)
      })
    )
  )

  it.effect("sends at most 1,000 + 10 + 200 commands for 1,000 calls in an outage, with the breaker off", () =>
    withRedis({ circuitBreaker: false })((redis, server) =>
      Effect.gen(function* () {
        yield* server.inject(Fault.error("LOADING"))
        const calls = yield* fork(
          Effect.forEach(
            Arr.range(1, 1000),
            (n) => Effect.delay(Effect.exit(redis.run(get(`k${n}`))), Duration.millis(n * 20)),
            { concurrency: "unbounded" }
          )
        )
        yield* TestClock.adjust("1 minute")
        const exits = yield* Fiber.join(calls)
        assert.isTrue(exits.every(Exit.isFailure))
        const total = (yield* sent(server, "GET")).length
        assert.isAtMost(total, 1210)
        assert.isAtLeast(total, 1200, "the budget was not used")
      })
    )
  )

  for (const budget of [
    { capacity: Number.NaN, perAttempt: 0.2 },
    { capacity: 10, perAttempt: Number.NaN }
  ]) {
    it.effect(`a budget of ${Object.values(budget).join(" and ")} is no leave to retry without end`, () =>
      withRedis({ circuitBreaker: false, retry: RetryPolicy.make({ budget }) })((redis, server) =>
        Effect.gen(function* () {
          yield* server.inject(Fault.error("LOADING"))
          const call = yield* fork(Effect.exit(redis.run(get("k"))))
          yield* TestClock.adjust("10 seconds")
          yield* Fiber.join(call)
          assert.strictEqual((yield* sent(server, "GET")).length, 1)
        })
      )
    )
  }

  it.effect("ends an attempt exactly at the call's operation deadline", () =>
    withRedis({ operationTimeout: "1 second" })((redis, server) =>
      Effect.gen(function* () {
        yield* server.inject(Fault.freeze)
        const inAttempt = yield* fork(elapsed(redis.run(get("k"))))
        yield* TestClock.adjust("10 seconds")
        const frozen = yield* Fiber.join(inAttempt)
        assert.strictEqual(failure(frozen.exit)._tag, "RedisTimeoutError")
        assert.strictEqual(frozen.millis, 1000)
      })
    )
  )

  it.effect("does not sleep until its deadline for a retry that would come after it, and says what failed", () =>
    withRedis({
      operationTimeout: "1 second",
      retry: RetryPolicy.make({ read: Schedule.spaced("300 millis"), effectful: Schedule.spaced("300 millis") })
    })((redis, server) =>
      Effect.gen(function* () {
        const ending = Effect.fnUntraced(function* (command: RedisCommand.RedisCommand) {
          const fiber = yield* fork(elapsed(redis.run(command)))
          yield* TestClock.adjust("10 seconds")
          const { exit, millis } = yield* Fiber.join(fiber)
          return { error: failure(exit), millis }
        })
        yield* server.inject(Fault.error("TRYAGAIN"))
        const refused = yield* ending(get("k"))
        assert.deepInclude({ ...refused.error }, { _tag: "RedisOperationError", code: "TRYAGAIN" })
        assert.strictEqual(refused.millis, 900)
        yield* server.heal
        yield* server.inject(Fault.refuse)
        yield* redis.reconnect
        yield* TestClock.adjust(1)
        const unsent = yield* ending(RedisCommand.make("INCR", ["n"]))
        assert.deepInclude({ ...unsent.error }, { _tag: "RedisConnectionError", sent: "never" })
        assert.notInclude(unsent.error.message, "may still")
        assert.strictEqual(unsent.millis, 900)
      })
    )
  )

  it.effect("sends nothing any more where the event loop wakes it for a retry after its deadline", () =>
    Effect.gen(function* () {
      const testClock = yield* Clock.Clock
      const clock = yield* ClockDouble.make
      const late: Clock.Clock = {
        ...clock,
        sleep: (duration) => clock.sleep(Duration.toMillis(duration) === 900 ? Duration.millis(1100) : duration)
      }
      const retry = RetryPolicy.make({ read: Schedule.spaced("900 millis") })
      yield* withRedis({ operationTimeout: "1 second", retry })((redis, server) =>
        Effect.gen(function* () {
          yield* server.inject(Fault.error("TRYAGAIN"))
          const call = yield* fork(elapsed(redis.run(get("k"))))
          yield* Effect.provideService(TestClock.adjust("10 seconds"), Clock.Clock, testClock)
          const { exit, millis } = yield* Fiber.join(call)
          assert.deepInclude({ ...failure(exit) }, { _tag: "RedisOperationError", code: "TRYAGAIN" })
          assert.strictEqual(millis, 1100)
          assert.strictEqual((yield* sent(server, "GET")).length, 1)
        })
      ).pipe(Effect.provideService(Clock.Clock, late))
    })
  )

  it.effect("ends at once when it is interrupted in a sleep", () =>
    withRedis({ retry: RetryPolicy.make({ read: Schedule.spaced("1 hour") }) })((redis, server) =>
      Effect.gen(function* () {
        yield* server.inject(Fault.error("TRYAGAIN"))
        const fiber = yield* fork(redis.run(get("k"), { operationTimeout: "1 day" }))
        yield* TestClock.adjust("1 minute")
        const { exit, millis } = yield* elapsed(Fiber.interrupt(fiber))
        assert.isTrue(Exit.isSuccess(exit))
        assert.strictEqual(millis, 0)
        yield* server.heal
        yield* TestClock.adjust("1 day")
        assert.strictEqual((yield* sent(server, "GET")).length, 1)
      })
    )
  )

  it.effect("does not retry what something newer has overtaken", () =>
    withRedis()((redis, server) =>
      Effect.gen(function* () {
        yield* server.inject(Fault.error("TRYAGAIN"))
        let current = true
        const sending = { begin: () => current, end: () => {} }
        const set = callback<Result.Result<unknown, RedisError.RedisCommandError>>((done) =>
          of(redis).send(RedisCommand.make("SET", ["k", "old"]), { sending }, done)
        )
        const fiber = yield* fork(Effect.exit(Effect.flatMap(set, Effect.fromResult)))
        yield* TestClock.adjust(10)
        current = false
        yield* TestClock.adjust("1 second")
        assert.deepInclude(
          { ...failure(yield* Fiber.join(fiber)) },
          { _tag: "RedisOperationError", code: "SUPERSEDED" }
        )
        assert.strictEqual((yield* sent(server, "SET")).length, 1)
      })
    )
  )
})

describe("What a call says after its retries", () => {
  it.effect("is that it may have run, although the last attempt never left", () =>
    withRedis({ circuitBreaker: false })((redis, server) =>
      Effect.gen(function* () {
        yield* server.inject(Fault.cut({ executed: true, at: "SET" }))
        const one = yield* fork(Effect.exit(redis.set("k", "v")))
        yield* server.inject(Fault.cut({ executed: true, at: "SET" }))
        const batch = yield* fork(redis.pipeline([set("k", "v"), get("k")]))
        yield* TestClock.adjust(1)
        yield* server.inject(Fault.refuse)
        yield* TestClock.adjust("10 seconds")
        assert.deepInclude({ ...failure(yield* Fiber.join(one)) }, { sent: "unknown" })
        const [write] = yield* Fiber.join(batch)
        assert.isTrue(write !== undefined && Result.isFailure(write))
        if (write !== undefined && Result.isFailure(write))
          assert.deepInclude({ ...write.failure }, { sent: "unknown" })
      })
    )
  )
})

describe("A call that waits to be sent", () => {
  const waiting = { retry: false, waitToSend: "3 seconds" } as const

  it.effect("goes out as soon as there is a connection, and costs no retry", () =>
    withRedis()((redis, server) =>
      Effect.gen(function* () {
        yield* server.inject(Fault.refuse)
        const one = yield* fork(redis.run(RedisCommand.make("INCR", ["n"]), waiting))
        const batch = yield* fork(redis.pipeline([RedisCommand.make("INCR", ["n"]), get("k")], waiting))
        yield* TestClock.adjust("2 seconds")
        assert.strictEqual(result(one), "waiting")
        yield* server.heal
        yield* TestClock.adjust(750)
        assert.strictEqual(result(one), "Success")
        assert.isTrue((yield* Fiber.join(batch)).every(Result.isSuccess))
        assert.strictEqual(yield* server.peek("n"), "2")
      })
    )
  )

  it.effect("fails when its time is over, and at once without it", () =>
    withRedis({ circuitBreaker: false })((redis, server) =>
      Effect.gen(function* () {
        yield* server.inject(Fault.refuse)
        const patient = yield* fork(Effect.exit(redis.run(get("k"), waiting)))
        const brief = yield* fork(Effect.exit(redis.run(get("k"), { ...waiting, operationTimeout: "1 second" })))
        const hasty = yield* fork(Effect.exit(redis.run(get("k"), { retry: false })))
        assert.strictEqual(result(hasty), "Success")
        yield* TestClock.adjust(999)
        assert.strictEqual(result(brief), "waiting")
        yield* TestClock.adjust(1)
        assert.strictEqual(result(brief), "Success")
        yield* TestClock.adjust(1999)
        assert.strictEqual(result(patient), "waiting")
        yield* TestClock.adjust(1)
        const exit = yield* settled(patient)
        assert.deepInclude({ ...failure(exit) }, { _tag: "RedisConnectionError", sent: "never" })
      })
    )
  )

  it.effect("waits for the circuit: one call is the probe, the others follow its success", () =>
    withRedis({ circuitBreaker: { resetTimeout: "2 seconds" } })((redis, server) =>
      Effect.gen(function* () {
        yield* redis.breaker.trip
        const calls = yield* Effect.forEach(Arr.range(1, 20), () => fork(redis.run(get("k"), waiting)))
        yield* TestClock.adjust(1999)
        assert.strictEqual((yield* sent(server, "GET")).length, 0)
        yield* server.inject(Fault.delay(200))
        yield* TestClock.adjust(1)
        yield* TestClock.adjust(100)
        assert.strictEqual((yield* sent(server, "GET")).length, 0)
        assert.strictEqual((yield* redis.stats).inFlight, 1)
        yield* TestClock.adjust(300)
        assert.isTrue(calls.every((call) => result(call) === "Success"))
        assert.strictEqual((yield* sent(server, "GET")).length, 20)
      })
    )
  )

  it.effect("goes out when a probe whose caller gave it up shows that Redis is back", () =>
    withRedis({ circuitBreaker: { resetTimeout: "1 second" } })((redis, server) =>
      Effect.gen(function* () {
        yield* redis.breaker.trip
        yield* TestClock.adjust("1 second")
        yield* server.inject(Fault.delay(500))
        const probe = yield* fork(redis.run(get("k")))
        const call = yield* fork(redis.run(get("k"), waiting))
        yield* TestClock.adjust(100)
        yield* Fiber.interrupt(probe)
        yield* TestClock.adjust(399)
        assert.strictEqual((yield* redis.breaker.state)._tag, "HalfOpen")
        yield* TestClock.adjust(1)
        assert.strictEqual((yield* redis.breaker.state)._tag, "Closed")
        yield* TestClock.adjust(500)
        assert.strictEqual(result(call), "Success")
      })
    )
  )

  it.effect("does not wait once it may have been executed, nor for a session that was lost", () =>
    withRedis({ circuitBreaker: false })((redis, server, dispatch) =>
      Effect.gen(function* () {
        const session = dispatch.nodes()[0]?.sessions()[0]
        yield* server.inject(Fault.freeze)
        const call = yield* fork(Effect.exit(redis.run(RedisCommand.make("INCR", ["n"]), waiting)))
        yield* server.inject(Fault.refuse)
        yield* TestClock.adjust(0)
        assert.deepInclude({ ...failure(yield* settled(call)) }, { sent: "unknown" })
        let answers = 0
        dispatch.send(get("k"), { session, waitToSend: 3000 }, () => answers++)
        assert.strictEqual(answers, 1)
      })
    )
  )

  it.effect(
    "waits also when it may have been executed, where it may be sent again, and takes nothing of the budget",
    () =>
      withRedis({ circuitBreaker: false })((redis, server) =>
        Effect.gen(function* () {
          const options = { waitToSend: "3 seconds" } as const
          yield* server.inject(Fault.freeze)
          const repeatable = Array.from({ length: 50 }, (_, n) => RedisCommand.make("SET", [`key-${n}`, "1"]))
          const calls = yield* fork(
            Effect.forEach(repeatable, (set) => redis.run(set, options), { concurrency: "unbounded" })
          )
          const once = yield* fork(Effect.exit(redis.run(RedisCommand.make("SET", ["once", "1"]), waiting)))
          yield* server.inject(Fault.refuse)
          yield* TestClock.adjust("2 seconds")
          assert.strictEqual(result(calls), "waiting")
          assert.deepInclude({ ...failure(yield* settled(once)) }, { sent: "unknown" })
          yield* server.heal
          yield* TestClock.adjust("1 second")
          assert.lengthOf(yield* Fiber.join(calls), 50)
          yield* server.inject(Fault.freeze)
          const late = yield* fork(Effect.exit(redis.run(RedisCommand.make("SET", ["late", "1"]), options)))
          yield* server.inject(Fault.refuse)
          yield* TestClock.adjust("3 seconds")
          assert.deepInclude({ ...failure(yield* settled(late)) }, { sent: "unknown" })
        })
      )
  )

  it.effect("ends when the client closes", () =>
    Effect.gen(function* () {
      const server = yield* SimulatedRedis.make()
      const closing = yield* Scope.make()
      const redis = yield* RedisClient.make().pipe(
        Effect.provideService(RedisConnector.RedisConnector, server.connector),
        Scope.provide(closing)
      )
      yield* server.inject(Fault.refuse)
      const call = yield* fork(Effect.exit(redis.run(get("k"), waiting)))
      yield* TestClock.adjust(100)
      yield* Scope.close(closing, Exit.void)
      yield* TestClock.adjust(0)
      assert.strictEqual(failure(yield* settled(call))._tag, "RedisConnectionError")
    }).pipe(Effect.scoped)
  )
})
