import { assert, describe, it } from "@effect/vitest"
import {
  Array as Arr,
  Cause,
  Clock,
  Context,
  Duration,
  Effect,
  Exit,
  Fiber,
  Layer,
  Option,
  Result,
  Schedule,
  Schema,
  Stream,
  Tracer
} from "effect"
import { CircuitBreaker, RedisClient, RedisCommand, type RedisError, RetryPolicy } from "effect-ioredis"
import { type Cancel, of } from "effect-ioredis/dispatch"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { expectTypeOf } from "vitest"
import * as ClockDouble from "../support/ClockDouble.ts"
import * as FakeConnector from "../support/FakeConnector.ts"

// Each test has a server, a connection and a client of its own, in virtual time.
const withRedis =
  (options?: RedisClient.Options) =>
  <A, E>(
    use: (redis: RedisClient.RedisClient, server: SimulatedRedis.SimulatedRedis) => Effect.Effect<A, E>
  ): Effect.Effect<A, E> =>
    Effect.gen(function* () {
      return yield* use(yield* RedisClient.RedisClient, yield* SimulatedRedis.SimulatedRedis)
    }).pipe(
      Effect.provide(
        RedisClient.layer({ ...options, requireReady: false }).pipe(Layer.provideMerge(SimulatedRedis.layer()))
      )
    )

const get = (key: string) => RedisCommand.make("GET", [key])

const sent = (server: SimulatedRedis.SimulatedRedis, name: string) =>
  Effect.map(server.received, (all) => all.filter((command) => command.name === name))

const fork = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkChild(effect, { startImmediately: true })

const callback = <A>(start: (done: (value: A) => void) => Cancel): Effect.Effect<A> =>
  Effect.callback((resume) => {
    const cancel = start((value) => resume(Effect.succeed(value)))
    return Effect.sync(cancel)
  })

const elapsed = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const startedAt = yield* Clock.currentTimeMillis
    const exit = yield* Effect.exit(effect)
    return { exit, millis: (yield* Clock.currentTimeMillis) - startedAt }
  })

const errorOf = (exit: Exit.Exit<unknown, RedisError.RedisCommandError>): RedisError.RedisCommandError =>
  Exit.isFailure(exit) ? Option.getOrThrow(Cause.findErrorOption(exit.cause)) : assert.fail("it succeeded")

const noBudget = { budget: false } as const

describe("RedisClient, retrying", () => {
  it.effect("waits 80–120, 160–240 and 320–480 ms before the three retries of a read, then stops", () =>
    withRedis({ retry: RetryPolicy.make(noBudget) })((redis, server) =>
      Effect.gen(function* () {
        yield* server.inject(Fault.error("TRYAGAIN"))
        const delays: Array<ReadonlyArray<number>> = []
        for (let call = 0; call < 50; call++) {
          const before = (yield* sent(server, "GET")).length
          const fiber = yield* fork(Effect.exit(redis.run(get("k"))))
          yield* TestClock.adjust("10 seconds")
          assert.strictEqual(errorOf(yield* Fiber.join(fiber))._tag, "RedisOperationError")
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
        assert.strictEqual(errorOf(exit)._tag, "RedisOperationError")
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
        const error = errorOf(yield* Fiber.join(fiber))
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
        assert.strictEqual(errorOf(frozen.exit)._tag, "RedisTimeoutError")
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
          return { error: errorOf(exit), millis }
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
          assert.deepInclude({ ...errorOf(exit) }, { _tag: "RedisOperationError", code: "TRYAGAIN" })
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
          { ...errorOf(yield* Fiber.join(fiber)) },
          { _tag: "RedisOperationError", code: "SUPERSEDED" }
        )
        assert.strictEqual((yield* sent(server, "SET")).length, 1)
      })
    )
  )

  it.effect("leaves out of a batch only what something newer has overtaken", () =>
    withRedis()((redis, server) =>
      Effect.gen(function* () {
        const batch = [RedisCommand.make("SET", ["a", "old"]), RedisCommand.make("SET", ["b", "new"])]
        const sendings = [false, true].map((isCurrent) => ({ begin: () => isCurrent, end: () => {} }))
        const results = yield* callback<ReadonlyArray<Result.Result<unknown, unknown>>>((done) =>
          of(redis).sendAll(batch, { sendings }, done)
        )
        assert.deepStrictEqual(
          results.map(({ _tag }) => _tag),
          ["Failure", "Success"]
        )
        assert.strictEqual(yield* server.peek("a"), undefined)
        assert.strictEqual(yield* server.peek("b"), "new")
      })
    )
  )
})

describe("RedisClient, behind its breaker", () => {
  it.effect("sends 1 and refuses 999 of 1,000 callers when the open time ends", () =>
    withRedis({ circuitBreaker: { resetTimeout: "1 second" } })((redis, server) =>
      Effect.gen(function* () {
        yield* redis.breaker.trip
        yield* TestClock.adjust("1 second")
        const calls = yield* Effect.forEach(Arr.range(1, 1000), () => fork(Effect.exit(redis.run(get("k")))))
        yield* TestClock.adjust(0)
        const exits = yield* Effect.forEach(calls, Fiber.join)
        assert.strictEqual((yield* sent(server, "GET")).length, 1)
        const refused = exits.filter(Exit.isFailure).map(errorOf)
        assert.strictEqual(refused.length, 999)
        assert.isTrue(refused.every(({ _tag }) => _tag === "RedisCircuitBreakerOpenError"))
      })
    )
  )

  it.effect("takes a loss that cuts 100 calls as one failure", () =>
    withRedis({ retry: RetryPolicy.none })((redis, server) =>
      Effect.gen(function* () {
        yield* server.inject(Fault.delay("1 second"))
        const calls = yield* Effect.forEach(Arr.range(1, 100), (n) => fork(Effect.exit(redis.run(get(`k${n}`)))))
        yield* TestClock.adjust(1)
        yield* server.inject(Fault.cut({ executed: true }))
        yield* TestClock.adjust(0)
        const errors = (yield* Effect.forEach(calls, Fiber.join)).map(errorOf)
        assert.isTrue(errors.every(({ _tag }) => _tag === "RedisConnectionError"))
        assert.deepStrictEqual(yield* redis.breaker.state, { _tag: "Closed", failures: 1 })
      })
    )
  )

  it.effect("opens at once, and replaces the connection, when it has stalled", () =>
    withRedis()((redis, server) =>
      Effect.gen(function* () {
        yield* server.inject(Fault.freeze)
        const calls = yield* Effect.forEach(Arr.range(1, 3), (n) =>
          fork(Effect.andThen(Effect.sleep(n * 100), elapsed(redis.run(get("k")))))
        )
        yield* TestClock.adjust("2100 millis")
        assert.strictEqual((yield* redis.breaker.state)._tag, "Open")
        const ended = yield* Effect.forEach(calls, Fiber.join)
        assert.deepStrictEqual(
          ended.map(({ exit }) => errorOf(exit)._tag),
          ["RedisTimeoutError", "RedisConnectionError", "RedisConnectionError"]
        )
        assert.deepStrictEqual(
          ended.map(({ millis }) => millis),
          [2000, 1900, 1800]
        )
        assert.notStrictEqual((yield* redis.stats).connection, "Ready")
      })
    )
  )

  it.effect("counts a slow reply on a live connection as one failure only", () =>
    withRedis({ retry: RetryPolicy.none })((redis, server) =>
      Effect.gen(function* () {
        yield* server.inject(Fault.delay("1500 millis"))
        const early = yield* fork(redis.ping)
        yield* TestClock.adjust("1 second")
        yield* server.inject(Fault.delay("3 seconds"))
        const late = yield* fork(Effect.exit(redis.run(get("k"))))
        yield* TestClock.adjust("2 seconds")
        yield* Fiber.join(early)
        assert.strictEqual(errorOf(yield* Fiber.join(late))._tag, "RedisTimeoutError")
        assert.deepStrictEqual(yield* redis.breaker.state, { _tag: "Closed", failures: 1 })
      })
    )
  )

  it.effect("is due as soon as a connection becomes ready", () =>
    withRedis()((redis, server) =>
      Effect.gen(function* () {
        yield* server.inject(Fault.refuse)
        yield* TestClock.adjust("1 second")
        yield* redis.breaker.trip
        yield* server.heal
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(yield* redis.breaker.state, { _tag: "Open", retryAfter: Duration.zero, isolated: false })
        yield* redis.ping
        assert.strictEqual((yield* redis.breaker.state)._tag, "Closed")
      })
    )
  )

  it.effect("waits for the reset timeout where `probeOnReady` is off", () =>
    withRedis({ probeOnReady: false })((redis, server) =>
      Effect.gen(function* () {
        yield* server.inject(Fault.refuse)
        yield* TestClock.adjust("1 second")
        yield* redis.breaker.trip
        yield* server.heal
        yield* TestClock.adjust("29 seconds")
        assert.strictEqual((yield* Effect.flip(redis.ping))._tag, "RedisCircuitBreakerOpenError")
        yield* TestClock.adjust("1 second")
        yield* redis.ping
      })
    )
  )

  it.effect("opens again when the probe hangs until its deadline, and ignores its late reply", () =>
    withRedis({ circuitBreaker: { resetTimeout: "5 seconds" }, retry: RetryPolicy.none })((redis, server) =>
      Effect.gen(function* () {
        yield* redis.breaker.trip
        yield* TestClock.adjust("5 seconds")
        yield* server.inject(Fault.delay("3 seconds"))
        const probe = yield* fork(Effect.exit(redis.ping))
        yield* TestClock.adjust("1999 millis")
        assert.strictEqual((yield* redis.breaker.state)._tag, "HalfOpen")
        yield* TestClock.adjust(1)
        assert.strictEqual((yield* redis.breaker.state)._tag, "Open")
        assert.strictEqual(errorOf(yield* Fiber.join(probe))._tag, "RedisTimeoutError")
        yield* TestClock.adjust("1500 millis")
        assert.strictEqual((yield* redis.breaker.state)._tag, "Open")
      })
    )
  )

  it.effect("goes by what comes of a probe although its caller was interrupted", () =>
    withRedis()((redis, server) =>
      Effect.gen(function* () {
        for (const [fault, state] of [
          [Fault.delay(100), "Closed"],
          [Fault.freeze, "Open"]
        ] as const) {
          yield* redis.breaker.trip
          of(redis).nodes()[0]?.makeDue()
          yield* server.inject(fault)
          const probe = yield* fork(redis.ping)
          assert.deepStrictEqual(yield* redis.breaker.state, { _tag: "HalfOpen", probes: 1 })
          yield* Fiber.interrupt(probe)
          assert.deepStrictEqual(yield* redis.breaker.state, { _tag: "HalfOpen", probes: 1 })
          yield* TestClock.adjust("2 seconds")
          assert.strictEqual((yield* redis.breaker.state)._tag, state)
        }
      })
    )
  )

  it.effect("closes although callers end each other, or have less patience than Redis needs", () =>
    withRedis()((redis, server) =>
      Effect.gen(function* () {
        const pair = Effect.all([redis.get("a"), redis.get("b")], { concurrency: "unbounded", discard: true })
        const hasty = Effect.asVoid(redis.run(RedisCommand.make("GET", ["a"]), { operationTimeout: "50 millis" }))
        yield* server.inject(Fault.delay(100))
        for (const call of [pair, hasty]) {
          yield* redis.breaker.trip
          of(redis).nodes()[0]?.makeDue()
          const fiber = yield* fork(Effect.exit(call))
          yield* TestClock.adjust("50 millis")
          assert.strictEqual((yield* Fiber.join(fiber))._tag, "Failure")
          yield* TestClock.adjust("50 millis")
          assert.strictEqual((yield* redis.breaker.state)._tag, "Closed")
        }
      })
    )
  )

  it.effect("stays closed for 10,000 WRONGTYPE replies", () =>
    withRedis()((redis) =>
      Effect.gen(function* () {
        yield* redis.run(RedisCommand.make("LPUSH", ["list", "a"]))
        const errors = yield* Effect.forEach(Arr.range(1, 10_000), () => Effect.flip(redis.get("list")), {
          concurrency: 1000
        })
        assert.isTrue(errors.every((error) => error._tag === "RedisOperationError" && error.code === "WRONGTYPE"))
        assert.deepStrictEqual(yield* redis.breaker.state, { _tag: "Closed", failures: 0 })
      })
    )
  )

  it.effect("stays closed when a batch fails with one command wrong, and gives each result in order", () =>
    withRedis()((redis) =>
      Effect.gen(function* () {
        const results = yield* redis.pipeline([
          RedisCommand.make("SET", ["a", "1"]),
          RedisCommand.make("LPUSH", ["a", "x"]),
          get("a")
        ])
        assert.deepStrictEqual(
          results.map(({ _tag }) => _tag),
          ["Success", "Failure", "Success"]
        )
        assert.deepStrictEqual(yield* redis.breaker.state, { _tag: "Closed", failures: 0 })
      })
    )
  )

  it.effect("gives what each command's decoder makes of its reply, by type and in order", () =>
    withRedis()((redis) =>
      Effect.gen(function* () {
        yield* redis.set("job", '{"title":"engineer"}')
        const job = RedisCommand.make("GET", ["job"], {
          decode: RedisCommand.decoder(Schema.fromJsonString(Schema.Struct({ title: Schema.String })))
        })
        const wrong = RedisCommand.make("GET", ["job"], { decode: RedisCommand.decoder(Schema.FiniteFromString) })
        assert.deepStrictEqual(yield* redis.run(job), { title: "engineer" })
        assert.deepStrictEqual(yield* redis.run(get("job")), '{"title":"engineer"}')
        const failure = yield* Effect.flip(redis.run(wrong))
        assert.strictEqual(failure._tag === "RedisOperationError" && failure.code, "REPLY")
        assert.notInclude(JSON.stringify(failure), "engineer")
        const [found, refused, raw] = yield* redis.pipeline([job, wrong, get("job")])
        expectTypeOf(found).toEqualTypeOf<Result.Result<{ readonly title: string }, RedisError.RedisCommandError>>()
        expectTypeOf(raw).toEqualTypeOf<Result.Result<RedisCommand.Reply, RedisError.RedisCommandError>>()
        assert.deepStrictEqual(Result.getOrThrow(found), { title: "engineer" })
        assert.isTrue(Result.isFailure(refused))
        assert.deepStrictEqual(Result.getOrThrow(raw), '{"title":"engineer"}')
        assert.deepStrictEqual(yield* redis.breaker.state, { _tag: "Closed", failures: 0 })
      })
    )
  )

  it.effect("ends the call of a decoder that throws with a defect, and no other", () =>
    withRedis()((redis) =>
      Effect.gen(function* () {
        const throws = RedisCommand.make("PING", [], {
          decode: (): Result.Result<string, string> => {
            throw new Error("a decoder's mistake")
          }
        })
        assert.isTrue(Exit.hasDies(yield* Effect.exit(redis.run(throws))))
        assert.isTrue(Exit.hasDies(yield* Effect.exit(redis.pipeline([throws]))))
        yield* redis.ping
      })
    )
  )

  it.effect("sends of a batch only what did not fit on the connection again", () =>
    withRedis({ maxInFlight: 5 })((redis, server) =>
      Effect.gen(function* () {
        const batch = Arr.range(1, 10).map((n) => RedisCommand.make("INCR", [`n${n}`]))
        const fiber = yield* fork(redis.pipeline(batch))
        yield* TestClock.adjust("10 seconds")
        const results = yield* Fiber.join(fiber)
        assert.deepStrictEqual(
          results.map((result) => Result.getOrThrow(result)),
          batch.map(() => 1)
        )
        assert.strictEqual((yield* sent(server, "INCR")).length, 10)
      })
    )
  )

  it.effect("takes a batch that is cut as one failure, and gives a result for each command", () =>
    withRedis({ retry: RetryPolicy.none })((redis, server) =>
      Effect.gen(function* () {
        yield* server.inject(Fault.cut({ executed: false, at: "INCR" }))
        const fiber = yield* fork(redis.pipeline([get("a"), RedisCommand.make("INCR", ["n"]), get("b")]))
        yield* TestClock.adjust(0)
        const results = yield* Fiber.join(fiber)
        assert.deepStrictEqual(
          results.map((result) => (Result.isFailure(result) ? result.failure._tag : result.success)),
          ["RedisConnectionError", "RedisConnectionError", "RedisConnectionError"]
        )
        assert.deepStrictEqual(yield* redis.breaker.state, { _tag: "Closed", failures: 1 })
      })
    )
  )
})

describe("RedisClient, its commands", () => {
  for (const connections of [1, 3]) {
    it.effect(`fail where the server does not answer for each key, over ${connections} connections`, () =>
      Effect.gen(function* () {
        for (const reply of [["1"], ["1", "2", "3", "4", "5", "6"], null, "OK"]) {
          const connector = yield* FakeConnector.make({ answer: () => Result.succeed(reply) })
          const redis = yield* FakeConnector.client(connector, { connections })
          const error = yield* Effect.flip(redis.mget(["a", "b", "c", "d", "e"]))
          assert.strictEqual(error._tag === "RedisOperationError" && error.code, "REPLY", JSON.stringify(reply))
        }
      })
    )
  }

  it.effect("are typed", () =>
    withRedis()((redis) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* redis.get("absent"), Option.none())
        assert.isTrue(yield* redis.set("a", "1", { timeToLive: "10 seconds" }))
        assert.isFalse(yield* redis.set("a", "2", { condition: "ifAbsent" }))
        assert.isFalse(yield* redis.set("b", "2", { condition: "ifPresent" }))
        assert.deepStrictEqual(yield* redis.mget(["a", "b"]), [Option.some("1"), Option.none()])
        assert.deepStrictEqual(yield* redis.ttl("a"), Option.some(Duration.seconds(10)))
        assert.isTrue(yield* redis.expire("a", "20 seconds"))
        assert.deepStrictEqual(yield* redis.ttl("a"), Option.some(Duration.seconds(20)))
        assert.deepStrictEqual(yield* redis.ttl("absent"), Option.none())
        assert.strictEqual(yield* redis.incr("n", 5), 5)
        assert.deepStrictEqual(yield* redis.ttl("n"), Option.some(Duration.infinity))
        assert.strictEqual(yield* redis.exists("a", "n", "absent"), 2)
        assert.deepStrictEqual(Array.from(yield* Stream.runCollect(redis.scan())).sort(), ["a", "n"])
        assert.strictEqual(yield* redis.del("a", "n"), 2)
        assert.property(yield* redis.info("server"), "redis_version")
        assert.deepInclude(yield* redis.stats, { connection: "Ready", inFlight: 0 })
      })
    )
  )

  it.effect("may say that a key lives for ever, and are refused a life of no time", () =>
    withRedis()((redis) =>
      Effect.gen(function* () {
        const life = redis.ttl("a")
        assert.isTrue(yield* redis.set("a", "1", { timeToLive: Duration.infinity }))
        assert.deepStrictEqual(yield* life, Option.some(Duration.infinity))
        yield* redis.set("a", "2", { timeToLive: "10 seconds" })
        assert.isTrue(yield* redis.expire("a", Duration.infinity))
        assert.deepStrictEqual(yield* life, Option.some(Duration.infinity))
        assert.isFalse(yield* redis.expire("absent", Duration.infinity))
        // As a Duration it would be zero, which for EXPIRE is to delete.
        for (const call of [redis.set("a", "3", { timeToLive: Number.NaN }), redis.expire("a", Number.NaN)]) {
          assert.deepInclude(yield* Effect.flip(call), { _tag: "RedisOperationError", code: "ARGUMENT" })
          assert.deepStrictEqual(yield* redis.get("a"), Option.some("2"))
        }
        for (const timeToLive of [0, -1]) {
          const error = yield* Effect.flip(redis.set("a", "3", { timeToLive }))
          assert.include(error.message, "invalid expire time")
          assert.deepStrictEqual(yield* redis.get("a"), Option.some("2"))
        }
      })
    )
  )

  it.effect("take 200,000 keys at once, over one connection or several", () =>
    Effect.gen(function* () {
      const keys = Array.from({ length: 200_000 }, (_, index) => `k${index}`)
      for (const connections of [1, 3]) {
        yield* withRedis({ connections })((redis) =>
          Effect.gen(function* () {
            yield* redis.set("k199999", "last")
            const found = yield* redis.mget(keys)
            assert.strictEqual(found.length, keys.length)
            assert.deepStrictEqual(found.at(-1), Option.some("last"))
          })
        )
      }
    })
  )

  it.effect("are refused where they would harm others, and the next call works", () =>
    withRedis()((redis, server) =>
      Effect.gen(function* () {
        for (const name of ["BLPOP", "MULTI", "SUBSCRIBE", "SELECT"]) {
          const error = yield* Effect.flip(redis.run(RedisCommand.make(name, ["x", 0])))
          assert.deepInclude({ ...error }, { _tag: "RedisOperationError", code: "UNSUPPORTED" })
        }
        const sentOnes = yield* server.received
        assert.isFalse(sentOnes.some(({ name }) => ["BLPOP", "MULTI", "SUBSCRIBE", "SELECT"].includes(name)))
        yield* redis.ping
      })
    )
  )
})

describe("RedisClient, reconnecting", () => {
  it.effect("is ready again at once each time, for its own will says nothing of the server", () =>
    withRedis({ connections: 3 })((redis) =>
      Effect.gen(function* () {
        yield* TestClock.adjust("1 second")
        for (let time = 0; time < 5; time++) {
          yield* redis.reconnect
          yield* TestClock.adjust("250 millis")
          assert.deepInclude(yield* redis.stats, { connection: "Ready", connections: 3 }, `time ${time}`)
        }
      })
    )
  )
})

describe("RedisClient, without a login", () => {
  for (const [what, login] of [
    ["fails", Effect.fail({ _tag: "VaultError", token: "hunter2" })],
    ["dies", Effect.die(new Error("hunter2"))],
    ["hangs", Effect.never]
  ] as const) {
    it.effect(`says so where the effect that gives it ${what}, and goes on asking`, () =>
      Effect.gen(function* () {
        let asked = 0
        const counted = Effect.suspend(() => {
          asked++
          return login
        })
        const building = yield* Effect.forkChild(
          Layer.build(RedisClient.layer({ login: counted }).pipe(Layer.provide(SimulatedRedis.layer())))
        )
        yield* TestClock.adjust("2 seconds")
        const redis = Context.get(yield* Fiber.join(building), RedisClient.RedisClient)
        const { connectError } = yield* redis.stats
        assert.strictEqual(connectError?.reason, "Login")
        assert.notInclude(JSON.stringify(connectError), "hunter2")
        const before = asked
        yield* TestClock.adjust("4 seconds")
        assert.isAbove(asked, before)
      })
    )
  }
})

describe("RedisClient, seen from outside", () => {
  it.effect("gives an installed tracer a span without arguments in it", () =>
    Effect.gen(function* () {
      const spans: Array<Tracer.Span> = []
      const tracer = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          spans.push(span)
          return span
        }
      })
      yield* withRedis()((redis) =>
        Effect.andThen(redis.set("secret", "value"), Effect.withTracer(redis.set("secret", "value"), tracer))
      )
      assert.deepStrictEqual(
        spans.map(({ attributes, kind, name }) => ({ name, kind, attributes: Object.fromEntries(attributes) })),
        [
          {
            name: "SET",
            kind: "client",
            attributes: { "db.system.name": "redis", "db.operation.name": "SET", "db.client.name": "redis" }
          }
        ]
      )
    })
  )

  it.effect("leaves nobody asleep when its scope closes", () =>
    Effect.gen(function* () {
      const testClock = yield* Clock.Clock
      const clock = yield* ClockDouble.make
      yield* withRedis()((redis, server) =>
        Effect.gen(function* () {
          yield* server.inject(Fault.freeze)
          const call = yield* fork(redis.ping)
          yield* Effect.provideService(TestClock.adjust("100 millis"), Clock.Clock, testClock)
          assert.isAbove(clock.asleep, 0)
          yield* Fiber.interrupt(call)
        })
      ).pipe(Effect.provideService(Clock.Clock, clock))
      yield* TestClock.adjust(0)
      assert.strictEqual(clock.asleep, 0)
    })
  )
})

// The type of a call has no alias: TypeScript 7 infers nothing from a union with one.
it.effect("A call stands beside any other effect in a condition", () =>
  withRedis()((redis) =>
    Effect.gen(function* () {
      const visits = redis
        .incr("visits")
        .pipe(Effect.tap((count) => (count === 1 ? redis.expire("visits", "2 minutes") : Effect.void)))
      assert.strictEqual(yield* visits, 1)
      assert.isAbove(Option.getOrElse(yield* redis.ttl("visits"), () => Duration.zero).pipe(Duration.toMillis), 0)
      assert.strictEqual(yield* visits, 2)
    })
  )
)

describe("Options with which no command could be sent", () => {
  const misplaced = "redis://:hunter2@localhost" as never
  const mistakes: ReadonlyArray<readonly [options: RedisClient.Options, message: string]> = [
    [{ connections: 0 }, "RedisClient: connections is 0. Make it a whole number, 1 or more"],
    [{ connections: 1.5 }, "connections is 1.5"],
    [{ maxInFlight: Number.NaN }, "maxInFlight is NaN"],
    [{ commandTimeout: Number.NaN }, "commandTimeout is NaN. Make it a time above 0"],
    [{ operationTimeout: -1 }, "operationTimeout is -1"],
    [{ connectTimeout: "0 seconds" }, 'connectTimeout is "0 seconds"'],
    [{ historyInterval: 0 }, "historyInterval is 0"],
    [{ commandTimeout: Duration.negativeInfinity }, "commandTimeout is -Infinity. Make it a time above 0"],
    // What the types do not allow can still come from JavaScript.
    [{ commandTimeout: "soon" as never }, 'commandTimeout is "soon". Make it a time above 0'],
    [{ connectTimeout: misplaced }, "connectTimeout is not shown, for it may hold a password"],
    [{ maxInFlight: misplaced }, "maxInFlight is not shown, for it may hold a password"]
  ]

  for (const [options, message] of mistakes) {
    it.effect(`are a defect that says: ${message}`, () =>
      Effect.gen(function* () {
        const building = yield* Effect.forkChild(Effect.exit(withRedis(options)((redis) => redis.ping)))
        yield* TestClock.adjust("10 seconds")
        const exit = yield* Fiber.join(building)
        assert.include(Exit.isFailure(exit) ? String(Cause.squash(exit.cause)) : "", message)
      })
    )
  }
})
