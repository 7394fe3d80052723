import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Exit, Fiber, Metric, Ref, Schedule, Scope, Stream } from "effect"
import { CircuitBreaker, RedisError } from "effect-ioredis"
import { TestClock } from "effect/testing"
import { breakerOf } from "../../packages/effect-ioredis/src/internal/circuitBreaker/breakerOf.ts"
import * as NodeCircuit from "../../packages/effect-ioredis/src/internal/circuitBreaker/NodeCircuit.ts"
import * as ClockDouble from "../support/ClockDouble.ts"

/** A circuit from both sides: as its users see it, and taken apart into function calls. */
type Both = CircuitBreaker.CircuitBreaker & { readonly circuit: NodeCircuit.NodeCircuit }

const make = (options: CircuitBreaker.Options = {}): Effect.Effect<Both, never, Scope.Scope> =>
  Effect.map(NodeCircuit.make(options), (circuit) => ({ ...breakerOf(circuit, options.classify), circuit }))

const permitOf = ({ circuit }: Both): number => {
  const permit = circuit.acquire()
  if (permit === undefined) throw new Error("the breaker refused")
  return permit
}

const record = (breaker: Both, outcome: CircuitBreaker.Outcome, event?: unknown) =>
  breaker.circuit.record(permitOf(breaker), outcome, event)

const times = (n: number, f: () => void): void => {
  for (let i = 0; i < n; i++) f()
}

const tagOf = (breaker: CircuitBreaker.CircuitBreaker) => Effect.map(breaker.state, ({ _tag }) => _tag)

const visited = Effect.fnUntraced(function* (breaker: CircuitBreaker.CircuitBreaker) {
  const seen: Array<string> = []
  yield* Effect.forkScoped(Stream.runForEach(breaker.changes, ({ _tag }) => Effect.sync(() => seen.push(_tag))))
  yield* settle
  return seen
})

// Lets fibers that are ready run, without moving the clock.
const settle = TestClock.adjust(0)

const opened = Effect.fnUntraced(function* (options?: CircuitBreaker.Options) {
  const breaker = yield* make(options)
  yield* breaker.trip
  return breaker
})

describe("CircuitBreaker, closed", () => {
  it.effect("opens at the fifth failure in a row", () =>
    Effect.gen(function* () {
      const breaker = yield* make()
      times(4, () => record(breaker, "failure"))
      assert.strictEqual(yield* tagOf(breaker), "Closed")
      record(breaker, "failure")
      assert.strictEqual(yield* tagOf(breaker), "Open")
    })
  )

  it.effect("opens once for 100 concurrent failures", () =>
    Effect.gen(function* () {
      const breaker = yield* make({ tripPolicy: CircuitBreaker.consecutive(5) })
      const seen = yield* visited(breaker)
      const calls = yield* Effect.forEach(Array.from({ length: 100 }), () =>
        Effect.forkChild(Effect.exit(breaker.execute(Effect.andThen(Effect.sleep(10), Effect.fail("down")))))
      )
      yield* TestClock.adjust(10)
      const exits = yield* Effect.forEach(calls, Fiber.join)
      assert.strictEqual(exits.filter(Exit.isFailure).length, 100)
      yield* settle
      assert.deepStrictEqual(seen, ["Closed", "Open"])
    })
  )

  it.effect("stays closed for 4 failures, a success and 4 failures", () =>
    Effect.gen(function* () {
      const breaker = yield* make({ tripPolicy: CircuitBreaker.consecutive(5) })
      times(4, () => record(breaker, "failure"))
      record(breaker, "success")
      times(4, () => record(breaker, "failure"))
      assert.deepStrictEqual(yield* breaker.state, { _tag: "Closed", failures: 4 })
    })
  )

  it.effect("ignores what says nothing: interruption neither counts nor clears", () =>
    Effect.gen(function* () {
      const breaker = yield* make()
      times(4, () => record(breaker, "failure"))
      const call = yield* Effect.forkChild(breaker.execute(Effect.never), { startImmediately: true })
      yield* Fiber.interrupt(call)
      assert.deepStrictEqual(yield* breaker.state, { _tag: "Closed", failures: 4 })
    })
  )

  it.effect("takes failures of one event as one", () =>
    Effect.gen(function* () {
      const breaker = yield* make()
      const loss = new Error("connection lost")
      times(100, () => record(breaker, "failure", loss))
      assert.deepStrictEqual(yield* breaker.state, { _tag: "Closed", failures: 1 })
      times(4, () => record(breaker, "failure", new Error("another")))
      assert.strictEqual(yield* tagOf(breaker), "Open")
    })
  )

  it.effect("opens at once for a fatal failure", () =>
    Effect.gen(function* () {
      const breaker = yield* make()
      record(breaker, "fatal")
      assert.strictEqual(yield* tagOf(breaker), "Open")
    })
  )

  it.effect("opens for half of at least 20 of the last 100 calls, when told to watch the rate", () =>
    Effect.gen(function* () {
      const breaker = yield* make({ tripPolicy: CircuitBreaker.rate() })
      times(9, () => {
        record(breaker, "failure")
        record(breaker, "success")
      })
      record(breaker, "success")
      assert.strictEqual(yield* tagOf(breaker), "Closed")
      record(breaker, "failure")
      assert.strictEqual(yield* tagOf(breaker), "Open", "10 of 20 failed")
    })
  )

  it.effect("forgets what is older than the window", () =>
    Effect.gen(function* () {
      const breaker = yield* make({ tripPolicy: CircuitBreaker.rate({ window: 100 }) })
      times(49, () => record(breaker, "success"))
      times(48, () => record(breaker, "failure"))
      times(100, () => record(breaker, "success"))
      times(49, () => record(breaker, "failure"))
      assert.strictEqual(yield* tagOf(breaker), "Closed")
      record(breaker, "failure")
      assert.strictEqual(yield* tagOf(breaker), "Open", "50 of the last 100 failed")
    })
  )

  it.effect("never opens by itself, nor by `trip`, when told so; only when it is isolated", () =>
    Effect.gen(function* () {
      const breaker = yield* make({ tripPolicy: CircuitBreaker.never })
      times(1000, () => record(breaker, "failure"))
      record(breaker, "fatal")
      yield* breaker.trip
      assert.strictEqual(yield* tagOf(breaker), "Closed")
      yield* breaker.isolate
      assert.strictEqual(yield* tagOf(breaker), "Open")
    })
  )
})

describe("CircuitBreaker, open", () => {
  it.effect("refuses for 30 seconds, then lets a probe through", () =>
    Effect.gen(function* () {
      const breaker = yield* opened()
      yield* TestClock.adjust("29999 millis")
      assert.isUndefined(breaker.circuit.acquire())
      yield* TestClock.adjust("1 millis")
      assert.isDefined(breaker.circuit.acquire())
      assert.strictEqual(yield* tagOf(breaker), "HalfOpen")
    })
  )

  it.effect("fails with one shared error per opening and command, which says for how long", () =>
    Effect.gen(function* () {
      const breaker = yield* opened({ name: "redis", resetTimeout: "10 seconds" })
      const first = breaker.circuit.rejection("GET")
      assert.strictEqual(first, breaker.circuit.rejection("GET"))
      assert.notStrictEqual<unknown>(first, breaker.circuit.rejection("SET"))
      assert.strictEqual(Duration.toMillis(first.retryAfter), 10_000)
      assert.strictEqual(first.message, `GET was not sent: the circuit "redis" is open and is tried again within 10s`)
      yield* breaker.reset
      yield* breaker.trip
      assert.notStrictEqual(first, breaker.circuit.rejection("GET"))
    })
  )

  it.effect("does not run what it refuses", () =>
    Effect.gen(function* () {
      const breaker = yield* opened()
      const runs = yield* Ref.make(0)
      const error = yield* Effect.flip(breaker.execute(Ref.update(runs, (n) => n + 1)))
      assert.instanceOf(error, RedisError.RedisCircuitBreakerOpenError)
      assert.strictEqual(yield* Ref.get(runs), 0)
    })
  )

  it.effect("lets exactly one of 1,000 callers through when it is due, whoever comes first", () =>
    Effect.gen(function* () {
      const breaker = yield* opened({ resetTimeout: "1 second" })
      yield* TestClock.adjust("1 second")
      const runs = yield* Ref.make(0)
      const call = breaker.execute(
        Effect.andThen(
          Ref.update(runs, (n) => n + 1),
          Effect.sleep(10)
        )
      )
      const calls = yield* Effect.forEach(Array.from({ length: 1000 }), () => Effect.forkChild(Effect.exit(call)))
      yield* TestClock.adjust(10)
      const exits = yield* Effect.forEach(calls, Fiber.join)
      assert.strictEqual(yield* Ref.get(runs), 1)
      assert.strictEqual(exits.filter(Exit.isFailure).length, 999)
      assert.strictEqual(yield* tagOf(breaker), "Closed")
    })
  )

  it.effect("is due at once when told so", () =>
    Effect.gen(function* () {
      const breaker = yield* opened()
      const seen = yield* visited(breaker)
      breaker.circuit.makeDue()
      yield* settle
      assert.deepStrictEqual(seen, ["Open"])
      assert.isDefined(breaker.circuit.acquire())
    })
  )

  it.effect("grows with each opening in a row when given a Schedule, and starts anew after closing", () =>
    Effect.gen(function* () {
      const breaker = yield* opened({ resetTimeout: CircuitBreaker.schedule(Schedule.exponential("1 second")) })
      const openFor = Effect.map(breaker.state, (state) => state._tag === "Open" && Duration.toMillis(state.retryAfter))
      assert.strictEqual(yield* openFor, 1000)
      for (const next of [2000, 4000, 8000]) {
        breaker.circuit.makeDue()
        record(breaker, "failure")
        assert.strictEqual(yield* openFor, next)
      }
      breaker.circuit.makeDue()
      record(breaker, "success")
      yield* breaker.trip
      assert.strictEqual(yield* openFor, 1000)
    })
  )

  it.effect("goes on with the last delay of a Schedule that has ended", () =>
    Effect.gen(function* () {
      const breaker = yield* opened({
        resetTimeout: CircuitBreaker.schedule(Schedule.spaced("3 seconds").pipe(Schedule.upTo({ times: 1 })))
      })
      breaker.circuit.makeDue()
      record(breaker, "failure")
      yield* TestClock.adjust("2999 millis")
      assert.isUndefined(breaker.circuit.acquire())
      yield* TestClock.adjust("1 millis")
      assert.isDefined(breaker.circuit.acquire())
    })
  )

  it.effect("stays open until it is reset when it is isolated", () =>
    Effect.gen(function* () {
      const breaker = yield* make()
      yield* breaker.isolate
      breaker.circuit.makeDue()
      yield* TestClock.adjust("365 days")
      assert.isUndefined(breaker.circuit.acquire())
      assert.include(breaker.circuit.rejection("GET").message, "isolated until it is reset")
      yield* breaker.reset
      assert.isDefined(breaker.circuit.acquire())
    })
  )

  it.effect("does not care about a wall clock that jumps an hour either way", () =>
    Effect.gen(function* () {
      for (const jump of [3_600_000, -3_600_000]) {
        const clock = yield* ClockDouble.make
        const breaker = yield* Effect.provideService(opened({ resetTimeout: "30 seconds" }), Clock.Clock, clock)
        clock.wallOffset = jump
        yield* TestClock.adjust("29999 millis")
        assert.isUndefined(breaker.circuit.acquire())
        yield* TestClock.adjust("1 millis")
        assert.isDefined(breaker.circuit.acquire())
      }
    })
  )
})

describe("CircuitBreaker, half-open", () => {
  it.effect("closes after one success, and opens again after one failure", () =>
    Effect.gen(function* () {
      const breaker = yield* opened()
      const seen = yield* visited(breaker)
      breaker.circuit.makeDue()
      record(breaker, "failure")
      breaker.circuit.makeDue()
      record(breaker, "success")
      yield* settle
      assert.deepStrictEqual(seen, ["Open", "HalfOpen", "Open", "HalfOpen", "Closed"])
    })
  )

  it.effect("wants as many successes as it was told, one probe at a time", () =>
    Effect.gen(function* () {
      const breaker = yield* opened({ successThreshold: 3 })
      breaker.circuit.makeDue()
      for (const expected of ["HalfOpen", "HalfOpen", "Closed"]) {
        const permit = permitOf(breaker)
        if (expected !== "Closed") assert.isUndefined(breaker.circuit.acquire())
        breaker.circuit.record(permit, "success")
        assert.strictEqual(yield* tagOf(breaker), expected)
      }
    })
  )

  it.effect("lets as many probes through at once as it was told", () =>
    Effect.gen(function* () {
      const breaker = yield* opened({ maxProbes: 3 })
      breaker.circuit.makeDue()
      const permits = [permitOf(breaker), permitOf(breaker), permitOf(breaker)]
      assert.isUndefined(breaker.circuit.acquire())
      assert.deepStrictEqual(yield* breaker.state, { _tag: "HalfOpen", probes: 3 })
      for (const permit of permits) breaker.circuit.record(permit, "success")
      assert.strictEqual(yield* tagOf(breaker), "Closed")
    })
  )

  it.effect("gets the slot of an interrupted probe back, and does not close", () =>
    Effect.gen(function* () {
      const breaker = yield* opened()
      breaker.circuit.makeDue()
      const probe = yield* Effect.forkChild(breaker.execute(Effect.never), { startImmediately: true })
      assert.isUndefined(breaker.circuit.acquire())
      yield* Fiber.interrupt(probe)
      assert.deepStrictEqual(yield* breaker.state, { _tag: "HalfOpen", probes: 0 })
      assert.isDefined(breaker.circuit.acquire())
    })
  )

  it.effect("has a lease that ends without a failure when a probe hangs", () =>
    Effect.gen(function* () {
      const ends: Array<Exit.Exit<unknown, unknown>> = []
      const fibers: Metric.FiberRuntimeMetricsService = {
        recordFiberStart: () => {},
        recordFiberEnd: (_, exit) => ends.push(exit)
      }
      const breaker = yield* Effect.provideService(opened(), Metric.FiberRuntimeMetrics, fibers)
      breaker.circuit.makeDue()
      permitOf(breaker)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* tagOf(breaker), "Open")
      assert.deepStrictEqual(ends.at(-1), Exit.void)
    })
  )

  it.effect("opens again when a probe hangs, and ignores its late result", () =>
    Effect.gen(function* () {
      const breaker = yield* opened({ probeTimeout: "2 seconds", resetTimeout: "30 seconds" })
      breaker.circuit.makeDue()
      const hung = permitOf(breaker)
      yield* TestClock.adjust("1999 millis")
      assert.strictEqual(yield* tagOf(breaker), "HalfOpen")
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* tagOf(breaker), "Open")
      breaker.circuit.record(hung, "success")
      assert.strictEqual(yield* tagOf(breaker), "Open")
      breaker.circuit.makeDue()
      const next = permitOf(breaker)
      breaker.circuit.record(hung, "success")
      assert.strictEqual(yield* tagOf(breaker), "HalfOpen", "the late result took the place of the probe's")
      breaker.circuit.record(next, "success")
      assert.strictEqual(yield* tagOf(breaker), "Closed")
    })
  )

  it.effect("ends the lease of a probe with the probe", () =>
    Effect.gen(function* () {
      const clock = yield* ClockDouble.make
      const breaker = yield* Effect.provideService(opened(), Clock.Clock, clock)
      breaker.circuit.makeDue()
      const probe = permitOf(breaker)
      yield* settle
      assert.strictEqual(clock.asleep, 1)
      breaker.circuit.record(probe, "success")
      yield* settle
      assert.strictEqual(clock.asleep, 0)
    })
  )

  it.effect("is not changed by a result from before the last transition", () =>
    Effect.gen(function* () {
      const breaker = yield* make()
      const early = Array.from({ length: 10 }, () => permitOf(breaker))
      yield* breaker.trip
      breaker.circuit.makeDue()
      const probe = permitOf(breaker)
      for (const permit of early.slice(0, 5)) breaker.circuit.record(permit, "success")
      assert.strictEqual(yield* tagOf(breaker), "HalfOpen", "an early success closed it")
      breaker.circuit.record(probe, "success")
      for (const permit of early.slice(5)) breaker.circuit.record(permit, "failure")
      assert.deepStrictEqual(yield* breaker.state, { _tag: "Closed", failures: 0 }, "an early failure counted")
    })
  )
})

describe("CircuitBreaker, seen from outside", () => {
  it.effect("counts transitions and refusals, and shows its state", () =>
    Effect.gen(function* () {
      const breaker = yield* opened()
      yield* Effect.exit(breaker.execute(Effect.void))
      breaker.circuit.makeDue()
      record(breaker, "success")
      const snapshot = yield* Metric.snapshot
      const value = (id: string, attributes: Record<string, string>) =>
        snapshot.find(
          (metric) =>
            metric.id === id &&
            Object.entries(attributes).every(([key, expected]) => Object(metric.attributes)[key] === expected)
        )?.state
      assert.deepInclude(
        value("redis.client.circuit.transitions", {
          "redis.client.circuit.from": "Closed",
          "redis.client.circuit.to": "Open"
        }),
        { count: 1 }
      )
      assert.deepInclude(
        value("redis.client.circuit.transitions", {
          "redis.client.circuit.from": "HalfOpen",
          "redis.client.circuit.to": "Closed"
        }),
        { count: 1 }
      )
      assert.deepInclude(value("redis.client.circuit.rejections", {}), { count: 1 })
      assert.deepInclude(value("redis.client.circuit.state", { "redis.client.circuit.state": "Closed" }), { value: 1 })
      assert.deepInclude(value("redis.client.circuit.state", { "redis.client.circuit.state": "Open" }), { value: 0 })
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
  )

  it.effect("has metrics where it is given them, and none by itself", () =>
    Effect.gen(function* () {
      yield* CircuitBreaker.make({ name: "bare" })
      assert.deepStrictEqual(yield* Metric.snapshot, [])
      const scope = yield* Scope.make()
      const shown = CircuitBreaker.make({ name: "shown", metrics: CircuitBreaker.metrics })
      const breaker = yield* Scope.provide(shown, scope)
      yield* breaker.trip
      yield* Effect.exit(breaker.execute(Effect.void))
      const ids = Effect.map(Metric.snapshot, (all) => Array.from(new Set(all.map(({ id }) => id))).sort())
      assert.deepStrictEqual(yield* ids, [
        "redis.client.circuit.open.duration",
        "redis.client.circuit.rejections",
        "redis.client.circuit.state",
        "redis.client.circuit.transitions"
      ])
      const refused = (yield* Metric.snapshot).find(({ id }) => id === "redis.client.circuit.rejections")
      assert.deepInclude(refused?.state, { count: 1 })
      assert.deepInclude(refused?.attributes, { "redis.client.name": "shown" })
      yield* Scope.close(scope, Exit.void)
      assert.notInclude(yield* ids, "redis.client.circuit.state")
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
  )

  it.effect("lets `changes` end and leaves no lease behind when its scope closes", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const breaker = yield* Scope.provide(opened(), scope)
      breaker.circuit.makeDue()
      permitOf(breaker)
      const reader = yield* Effect.forkChild(Stream.runDrain(breaker.changes), { startImmediately: true })
      yield* settle
      yield* Scope.close(scope, Exit.void)
      yield* Fiber.await(reader)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* tagOf(breaker), "HalfOpen")
    })
  )
})
