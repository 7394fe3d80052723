import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Fiber, Layer, Metric, Schedule, Scheduler, Stream } from "effect"
import { CircuitBreaker, RedisClient, RedisCommand } from "effect-ioredis"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"

const retryAfter = (state: CircuitBreaker.State) =>
  state._tag === "Open" ? Duration.toMillis(state.retryAfter) : undefined

const dueCircuit = Effect.fnUntraced(function* (options: CircuitBreaker.Options = {}) {
  const breaker = yield* CircuitBreaker.make({ resetTimeout: "1 second", ...options })
  yield* breaker.trip
  yield* TestClock.adjust("1 second")
  return breaker
})

describe("a probe is never lost", () => {
  it.effect("when `classify` throws: the call dies, and the next call is the probe", () =>
    Effect.gen(function* () {
      const breaker = yield* dueCircuit({
        probeTimeout: "1 hour",
        classify: () => {
          throw new Error("a mistake in classify")
        }
      })
      const exit = yield* Effect.exit(breaker.execute(Effect.void))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      assert.deepStrictEqual(yield* breaker.state, { _tag: "HalfOpen", probes: 0 })
    })
  )

  it.effect("when the caller is interrupted as soon as it was admitted", () =>
    Effect.gen(function* () {
      for (let op = 1; op <= 20; op++) {
        const breaker = yield* dueCircuit({ probeTimeout: "1 hour" })
        const call = yield* breaker
          .execute(Effect.never)
          .pipe(
            Effect.provideService(Scheduler.Scheduler, new YieldsAt(op)),
            Effect.forkChild({ startImmediately: true })
          )
        yield* Fiber.interrupt(call)
        const state = yield* breaker.state
        assert.isFalse(state._tag === "HalfOpen" && state.probes > 0, `lost where it yields before operation ${op}`)
      }
    })
  )
})

/** A fiber may yield, and then be interrupted, before any of its operations: it does so before the one of that number. */
class YieldsAt extends Scheduler.MixedScheduler {
  private readonly number: number
  private operations = 0

  constructor(number: number) {
    super()
    this.number = number
  }

  override shouldYield(): boolean {
    return ++this.operations === this.number
  }
}

describe("`changes`", () => {
  it.effect("begins with the current state, counted from now", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({ resetTimeout: "30 seconds" })
      yield* breaker.trip
      yield* TestClock.adjust("20 seconds")
      const first = Effect.map(Stream.runHead(breaker.changes), (head) =>
        head._tag === "Some" ? head.value : undefined
      )
      assert.deepStrictEqual(yield* first, yield* breaker.state)
      yield* breaker.reset
      yield* Effect.exit(breaker.execute(Effect.fail("down")))
      assert.deepStrictEqual(yield* first, { _tag: "Closed", failures: 1 })
    })
  )
})

describe("a `resetTimeout` Schedule", () => {
  const slow = Schedule.exponential("1 second").pipe(
    Schedule.modifyDelay(({ duration }) => Effect.as(Effect.sleep(1), duration))
  )

  it.effect("that has to wait for its delay does not open for 0 ms, but for the default", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({ resetTimeout: CircuitBreaker.schedule(slow) })
      yield* breaker.trip
      assert.strictEqual(retryAfter(yield* breaker.state), 30_000)
    })
  )

  it.effect("that has to wait later goes on with the last delay that it gave", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({
        resetTimeout: CircuitBreaker.schedule(
          Schedule.exponential("1 second").pipe(
            Schedule.modifyDelay(({ attempt, duration }) =>
              attempt > 2 ? Effect.as(Effect.sleep(1), duration) : Effect.succeed(duration)
            )
          )
        )
      })
      const openFor: Array<number | undefined> = []
      for (let opening = 0; opening < 4; opening++) {
        yield* breaker.trip
        openFor.push(retryAfter(yield* breaker.state))
        yield* TestClock.adjust("10 seconds")
        yield* Effect.exit(breaker.execute(Effect.fail("down")))
      }
      assert.deepStrictEqual(openFor, [1000, 2000, 2000, 2000])
    })
  )

  it.effect("that dies does not take the circuit along", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({
        resetTimeout: CircuitBreaker.schedule(
          Schedule.spaced("1 second").pipe(Schedule.modifyDelay(() => Effect.die("a mistake")))
        )
      })
      yield* breaker.trip
      assert.strictEqual(retryAfter(yield* breaker.state), 30_000)
    })
  )
})

describe("`circuitBreaker: false`", () => {
  it.effect("never refuses, whatever a connection is suspected of", () =>
    Effect.gen(function* () {
      const redis = yield* RedisClient.RedisClient
      const server = yield* SimulatedRedis.SimulatedRedis
      yield* redis.ping
      yield* Effect.forkChild(Effect.exit(redis.get("a")), { startImmediately: true })
      yield* server.inject(Fault.freeze)
      for (let second = 0; second < 20; second++) {
        yield* Effect.forkChild(Effect.exit(redis.get("a")), { startImmediately: true })
        yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* redis.breaker.state)._tag, "Closed")
      }
      yield* redis.breaker.trip
      assert.strictEqual((yield* redis.breaker.state)._tag, "Closed")
    }).pipe(Effect.provide(Layer.provideMerge(RedisClient.layer({ circuitBreaker: false }), SimulatedRedis.layer())))
  )
})

describe("refusals", () => {
  it.effect("of ever new commands are not kept", () =>
    Effect.gen(function* () {
      const redis = yield* RedisClient.RedisClient
      yield* redis.breaker.isolate
      const first = yield* Effect.flip(redis.run(RedisCommand.make("FIRST")))
      assert.strictEqual(first, yield* Effect.flip(redis.run(RedisCommand.make("FIRST"))))
      for (let n = 0; n < 1000; n++) yield* Effect.flip(redis.run(RedisCommand.make(`COMMAND${n}`)))
      assert.notStrictEqual(first, yield* Effect.flip(redis.run(RedisCommand.make("FIRST"))))
    }).pipe(
      Effect.provide(Layer.provideMerge(RedisClient.layer(), SimulatedRedis.layer())),
      Effect.provideService(Metric.MetricRegistry, new Map())
    )
  )
})
