import { assert, describe, it } from "@effect/vitest"
import { CircuitBreaker, RedisClient, RedisCommand, type RedisError, RedisReservation } from "effect-ioredis"
import { type Duration, Effect, Exit, Fiber, Layer, type Scope } from "effect"
import { Strings } from "effect-ioredis/commands"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"

const circuitBreaker: NonNullable<RedisClient.Options["circuitBreaker"]> = {
  tripPolicy: CircuitBreaker.consecutive(2),
  resetTimeout: "10 seconds"
}

/** A test on a client whose server has kept a login for a while. */
const on = <A, E>(
  test: Effect.Effect<A, E, RedisClient.RedisClient | SimulatedRedis.SimulatedRedis | Scope.Scope>,
  options: RedisClient.Options = {}
) =>
  Effect.andThen(TestClock.adjust("6 seconds"), test).pipe(
    Effect.scoped,
    Effect.provide(RedisClient.layer({ circuitBreaker, ...options }).pipe(Layer.provideMerge(SimulatedRedis.layer())))
  )

const blpop = (seconds: number) => RedisCommand.make("BLPOP", ["jobs", seconds])

const pass = <A, E, R>(effect: Effect.Effect<A, E, R>, time: Duration.Input = "10 seconds") =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    yield* TestClock.adjust(time)
    const exit = fiber.pollUnsafe()
    if (exit === undefined) return assert.fail("it goes on")
    return yield* exit
  })

const failures = Effect.flatMap(RedisClient.RedisClient, ({ breaker }) =>
  Effect.map(breaker.state, (state) => (state._tag === "Closed" ? state.failures : state._tag))
)

const reserveAndLeave = Effect.scoped(RedisReservation.reserve())

const execute = RedisReservation.transaction([Strings.incr("n")])

const logins = Effect.flatMap(SimulatedRedis.SimulatedRedis, ({ received }) =>
  Effect.map(received, (all) => new Set(all.map(({ connection }) => connection)).size)
)

describe("A circuit that is open", () => {
  it.effect("refuses a reservation and a transaction at once, and nobody logs in", () =>
    on(
      Effect.gen(function* () {
        const { breaker } = yield* RedisClient.RedisClient
        yield* breaker.isolate
        const before = yield* logins
        for (const call of [Effect.asVoid(reserveAndLeave), Effect.asVoid(execute)]) {
          const error = yield* pass(Effect.flip(call), 0)
          assert.strictEqual(error._tag, "RedisCircuitBreakerOpenError")
        }
        assert.strictEqual(yield* logins, before)
      })
    )
  )

  it.effect("refuses those that wait for another reservation to end, when they wait or after it", () =>
    on(
      Effect.gen(function* () {
        const { breaker } = yield* RedisClient.RedisClient
        const holder = yield* Effect.forkChild(
          Effect.scoped(Effect.andThen(RedisReservation.reserve(), Effect.sleep("2 seconds")))
        )
        yield* TestClock.adjust("1 second")
        const waiting = yield* Effect.forkChild(Effect.flip(reserveAndLeave))
        yield* TestClock.adjust("500 millis")
        yield* breaker.isolate
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(holder)
        assert.strictEqual((yield* Fiber.join(waiting))._tag, "RedisCircuitBreakerOpenError")
      }),
      { maxReserved: 1 }
    )
  )

  it.effect("is waited for where the call says so, and no longer", () =>
    on(
      Effect.gen(function* () {
        const { breaker } = yield* RedisClient.RedisClient
        yield* breaker.isolate
        const calls = [
          Effect.asVoid(Effect.scoped(RedisReservation.reserve({ waitToSend: "2 seconds" }))),
          Effect.asVoid(RedisReservation.transaction([Strings.incr("n")], { waitToSend: "2 seconds" }))
        ]
        for (const call of calls) {
          const tooLong = yield* Effect.forkChild(Effect.flip(call))
          yield* TestClock.adjust("1999 millis")
          assert.isUndefined(tooLong.pollUnsafe())
          yield* TestClock.adjust("1 millis")
          assert.strictEqual((yield* Fiber.join(tooLong))._tag, "RedisCircuitBreakerOpenError")
          const inTime = yield* Effect.forkChild(call)
          yield* TestClock.adjust("1 second")
          yield* breaker.reset
          yield* TestClock.adjust("100 millis")
          assert.isTrue(Exit.isSuccess(inTime.pollUnsafe() ?? Exit.interrupt()))
          yield* breaker.isolate
        }
      })
    )
  )
})

describe("The circuit counts", () => {
  it.effect("logins that fail for a reservation", () =>
    on(
      Effect.gen(function* () {
        const server = yield* SimulatedRedis.SimulatedRedis
        yield* server.inject(Fault.error("WRONGPASS"))
        yield* pass(Effect.flip(reserveAndLeave))
        assert.strictEqual(yield* failures, 1)
        yield* pass(Effect.flip(execute), "5 seconds")
        assert.strictEqual(yield* failures, "Open")
        const { stats } = yield* RedisClient.RedisClient
        assert.strictEqual((yield* stats).lastFailure?.reason, "Auth")
      })
    )
  )

  it.effect("the loss of a connection in a transaction once, and nothing that follows on a lost one", () =>
    on(
      Effect.gen(function* () {
        const server = yield* SimulatedRedis.SimulatedRedis
        const connection = yield* RedisReservation.reserve()
        yield* server.inject(Fault.cut({ executed: false, at: "MULTI" }))
        yield* pass(Effect.flip(connection.transaction([Strings.incr("n")])), 1)
        assert.strictEqual(yield* failures, 1)
        for (let n = 0; n < 3; n++) yield* pass(Effect.flip(connection.run(Strings.get("n"))), 1)
        assert.strictEqual(yield* failures, 1)
      })
    )
  )

  it.effect("a server that hangs, which opens it", () =>
    on(
      Effect.gen(function* () {
        const server = yield* SimulatedRedis.SimulatedRedis
        const connection = yield* RedisReservation.reserve()
        yield* server.inject(Fault.freeze)
        const error = yield* pass(Effect.flip(connection.run(Strings.get("n"))), "2 seconds")
        assert.strictEqual(error._tag, "RedisTimeoutError")
        assert.strictEqual(yield* failures, "Open")
      })
    )
  )

  it.effect("what puts everybody off", () =>
    on(
      Effect.gen(function* () {
        const server = yield* SimulatedRedis.SimulatedRedis
        const connection = yield* RedisReservation.reserve()
        yield* server.inject(Fault.error("LOADING"))
        for (let n = 0; n < 2; n++) yield* pass(Effect.flip(connection.run(Strings.get("n"))), 1)
        assert.strictEqual(yield* failures, "Open")
      })
    )
  )
})

describe("The circuit does not count", () => {
  it.effect("a command that waits on the server for as long as it said", () =>
    on(
      Effect.gen(function* () {
        const connection = yield* RedisReservation.reserve()
        assert.isNull(yield* pass(connection.run(blpop(30)), "30 seconds"))
        assert.strictEqual(yield* failures, 0)
      })
    )
  )

  it.effect("what the program does itself: an interruption, a new connection, its own short time, a wrong key", () =>
    on(
      Effect.gen(function* () {
        const server = yield* SimulatedRedis.SimulatedRedis
        const { reconnect } = yield* RedisClient.RedisClient
        const first = yield* RedisReservation.reserve()
        const waiting = yield* Effect.forkChild(first.run(blpop(30)))
        yield* TestClock.adjust("1 second")
        yield* Fiber.interrupt(waiting)
        const second = yield* RedisReservation.reserve()
        const replaced = yield* Effect.forkChild(Effect.flip(second.run(blpop(30))))
        yield* TestClock.adjust("1 second")
        yield* reconnect
        yield* TestClock.adjust("6 seconds")
        yield* Fiber.join(replaced)
        const third = yield* RedisReservation.reserve()
        yield* third.run(Strings.set("n", "text"))
        yield* Effect.flip(third.run(Strings.incr("n")))
        yield* server.inject(Fault.delay("300 millis"))
        const error = yield* pass(
          Effect.flip(RedisReservation.transaction([Strings.get("n")], { operationTimeout: "100 millis" })),
          "100 millis"
        )
        assert.include(["RedisTimeoutError", "RedisConnectionError"], error._tag)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* failures, 0)
      })
    )
  )
})

describe("A circuit that is half-open", () => {
  const opened = Effect.gen(function* () {
    const { breaker } = yield* RedisClient.RedisClient
    yield* breaker.trip
    yield* TestClock.adjust("10 seconds")
  })

  it.effect("lets one reservation ask, and is closed by its answer", () =>
    on(
      Effect.gen(function* () {
        const server = yield* SimulatedRedis.SimulatedRedis
        const { breaker } = yield* RedisClient.RedisClient
        // One is kept, which may be dead for all that is known.
        yield* pass(reserveAndLeave, 1)
        yield* breaker.trip
        yield* TestClock.adjust("9500 millis")
        yield* breaker.trip
        yield* TestClock.adjust("500 millis")
        yield* server.inject(Fault.delay("100 millis"))
        const [first, second] = [
          yield* Effect.forkChild(reserveAndLeave),
          yield* Effect.forkChild(Effect.flip(reserveAndLeave))
        ]
        yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* Fiber.join(second))._tag, "RedisCircuitBreakerOpenError")
        yield* Fiber.join(first)
        assert.strictEqual(yield* failures, 0)
      })
    )
  )

  it.effect("is opened again by one that has no answer", () =>
    on(
      Effect.gen(function* () {
        const server = yield* SimulatedRedis.SimulatedRedis
        yield* opened
        yield* server.inject(Fault.error("WRONGPASS"))
        yield* pass(Effect.flip(reserveAndLeave), "5 seconds")
        assert.strictEqual(yield* failures, "Open")
      })
    )
  )

  it.effect("is not held by a command that waits on the server", () =>
    on(
      Effect.gen(function* () {
        const { breaker, ping } = yield* RedisClient.RedisClient
        const connection = yield* RedisReservation.reserve()
        yield* breaker.trip
        yield* TestClock.adjust("10 seconds")
        const waiting = yield* Effect.forkChild(connection.run(blpop(30)))
        yield* TestClock.adjust(1)
        yield* pass(ping, 1)
        assert.strictEqual(yield* failures, 0)
        yield* TestClock.adjust("30 seconds")
        assert.isNull(yield* Fiber.join(waiting))
        assert.strictEqual(yield* failures, 0)
      })
    )
  )
})

describe("A transaction with a time of its own", () => {
  it.effect("is over by then, reservation, login and all", () =>
    on(
      Effect.gen(function* () {
        const server = yield* SimulatedRedis.SimulatedRedis
        const options = { operationTimeout: "800 millis" } as const
        const call = Effect.flip(RedisReservation.transaction([Strings.incr("n")], options))
        yield* server.inject(Fault.delay("500 millis"))
        yield* pass(call, "800 millis")
        yield* server.heal
        yield* TestClock.adjust("10 seconds")
        const held = yield* RedisReservation.reserve()
        const error = yield* pass(call, "800 millis")
        assert.strictEqual(error._tag === "RedisConnectionError" && error.reason, "Saturated")
        const late = yield* pass(Effect.flip(Effect.scoped(RedisReservation.reserve(options))), "800 millis")
        assert.strictEqual(late._tag === "RedisConnectionError" && late.reason, "Saturated")
        yield* pass(held.run(Strings.get("n")), 1)
      }),
      { maxReserved: 1 }
    )
  )
})

it("fails with what a command fails with", () => {
  type Failure<T> = T extends Effect.Effect<unknown, infer E, unknown> ? E : never
  const same = <A, B>(..._: [A] extends [B] ? ([B] extends [A] ? [] : [never]) : [never]) => {}
  same<Failure<ReturnType<typeof RedisReservation.reserve>>, RedisError.RedisCommandError>()
  same<Failure<ReturnType<typeof RedisReservation.transaction>>, RedisError.RedisCommandError>()
  same<Parameters<typeof RedisReservation.transaction>[1], Omit<RedisReservation.Options, "key"> | undefined>()
})
