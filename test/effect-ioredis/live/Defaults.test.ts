import * as Retries from "../../../packages/effect-ioredis/src/internal/Retries.ts"
import * as Net from "node:net"
import { assert, describe, it, vi } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Logger, Result, Scope } from "effect"
import {
  CircuitBreaker,
  RedisClient,
  RedisCommand,
  RedisConnector,
  RedisError,
  RedisHealth,
  RetryPolicy
} from "effect-ioredis"
import { of } from "effect-ioredis/dispatch"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import * as Connect from "../../support/Connect.ts"
import * as FakeConnector from "../../support/FakeConnector.ts"
import * as RedisServer from "../../support/RedisServer.ts"

// Each number that nobody has to set, asserted where nobody has set it.

const lost = (sent: "never" | "unknown") => () =>
  Result.fail(RedisError.connectionError("GET", "Reset", sent, new Error()))

const silent = FakeConnector.make()

const unreachable = FakeConnector.make({ connecting: Effect.never })

const quietly = Effect.provide(Logger.layer([]))

/** Asserts that an effect ends at that virtual millisecond, neither sooner nor later. */
const endsAt = <A, E, R>(millis: number, effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    yield* TestClock.adjust(millis - 1)
    assert.isUndefined(fiber.pollUnsafe(), `it ended before ${millis} ms`)
    yield* TestClock.adjust(1)
    const exit = fiber.pollUnsafe()
    if (exit === undefined) return assert.fail(`it did not end at ${millis} ms`)
    return yield* exit
  })

const unbroken = { circuitBreaker: false } as const

describe("RedisClient", () => {
  it.effect("an attempt may take 2 seconds", () =>
    Effect.gen(function* () {
      const redis = yield* FakeConnector.client(yield* silent)
      const error = yield* endsAt(2000, Effect.flip(redis.run(RedisCommand.make("GET", ["a"]), { retry: false })))
      assert.strictEqual(error._tag, "RedisTimeoutError")
      if (error._tag === "RedisTimeoutError") assert.deepStrictEqual(error.duration, Duration.seconds(2))
    })
  )

  it.effect("a call may take 5 seconds, its retries and sleeps included", () =>
    Effect.gen(function* () {
      const redis = yield* FakeConnector.client(yield* silent, unbroken)
      const fiber = yield* Effect.forkChild(Effect.flip(redis.get("a")), { startImmediately: true })
      yield* TestClock.adjust(4999)
      assert.isUndefined(fiber.pollUnsafe())
      // To the millisecond: see the next test.
      yield* TestClock.adjust(2)
      assert.isDefined(fiber.pollUnsafe())
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "RedisTimeoutError")
    })
  )

  // Fractional delays add up to a nanosecond more or less than 5 seconds.
  it.effect("and ends at exactly 5 seconds, whatever the jitter", () =>
    Effect.gen(function* () {
      for (let call = 0; call < 100; call++) {
        const redis = yield* FakeConnector.client(yield* silent, unbroken)
        yield* endsAt(5000, Effect.flip(redis.get("a")))
      }
    })
  )

  it.effect("the layer waits 2 seconds for the connection", () =>
    Effect.gen(function* () {
      yield* endsAt(2000, quietly(FakeConnector.client(yield* unreachable)))
    })
  )

  it.effect("requireReady is off", () =>
    Effect.gen(function* () {
      const building = yield* Effect.forkChild(quietly(FakeConnector.client(yield* unreachable)))
      yield* TestClock.adjust("2 seconds")
      assert.isTrue(Exit.isSuccess(yield* Fiber.await(building)))
    })
  )
})

describe("RetryPolicy", () => {
  const attempts = (
    call: (redis: RedisClient.RedisClient) => Effect.Effect<unknown, unknown>,
    sent: "never" | "unknown"
  ) =>
    Effect.gen(function* () {
      const fake = yield* FakeConnector.make({ answer: lost(sent) })
      const names = fake.sent
      const redis = yield* FakeConnector.client(fake, unbroken)
      const fiber = yield* Effect.forkChild(Effect.exit(call(redis)), { startImmediately: true })
      const at: Array<number> = []
      for (let now = 0; now <= 2000; now++) {
        while (at.length < names.length) at.push(now)
        yield* TestClock.adjust(1)
      }
      assert.isDefined(fiber.pollUnsafe())
      return at.slice(1).map((time, index) => time - (at[index] ?? 0))
    })

  const assertDelays = (delays: ReadonlyArray<number>, expected: ReadonlyArray<number>) => {
    assert.strictEqual(delays.length, expected.length)
    for (const [index, delay] of delays.entries()) {
      const middle = expected[index] ?? 0
      assert.isAtLeast(delay, middle * 0.8 - 1)
      assert.isAtMost(delay, middle * 1.2 + 1)
    }
  }

  it.effect("reads: 3 retries after 100, 200 and 400 ms, jittered by 0.8 to 1.2", () =>
    Effect.gen(function* () {
      assertDelays(yield* attempts((redis) => redis.get("a"), "unknown"), [100, 200, 400])
    })
  )

  it.effect("writes: 2 retries", () =>
    Effect.gen(function* () {
      assertDelays(yield* attempts((redis) => redis.set("a", "1"), "unknown"), [100, 200])
    })
  )

  it.effect("effectful: none, but 2 where it was never sent", () =>
    Effect.gen(function* () {
      assertDelays(yield* attempts((redis) => redis.incr("a"), "unknown"), [])
      assertDelays(yield* attempts((redis) => redis.incr("a"), "never"), [100, 200])
    })
  )

  it.effect("no delay is above 30 seconds, jitter included", () =>
    Effect.gen(function* () {
      const policy = RetryPolicy.make({ read: RetryPolicy.exponential({ retries: 40 }) })
      const next = yield* Retries.start(policy, "read")
      const delays: Array<number> = []
      for (;;) {
        const delay = yield* next(RedisError.connectionError("GET", "Reset", "unknown"))
        if (delay === undefined) break
        delays.push(delay)
      }
      assert.strictEqual(delays.length, 40)
      assert.strictEqual(Math.max(...delays), 30_000)
      assert.deepStrictEqual(new Set(delays.slice(10)), new Set([30_000]))
    })
  )

  it.effect("the budget: 10 retries, and one for every fifth call", () =>
    Effect.gen(function* () {
      const fake = yield* FakeConnector.make({ answer: lost("unknown") })
      const { sent } = fake
      const redis = yield* FakeConnector.client(fake, unbroken)
      // Each has failed and asked for its retry when the next one begins.
      for (let call = 0; call < 100; call++) {
        yield* Effect.forkChild(Effect.exit(redis.get("a")), { startImmediately: true })
        yield* TestClock.adjust(0)
      }
      yield* TestClock.adjust("5 seconds")
      assert.approximately(sent.length, 100 + 10 + 20, 1)
      for (let call = 0; call < 100; call++) {
        const fiber = yield* Effect.forkChild(Effect.exit(redis.get("a")), { startImmediately: true })
        yield* TestClock.adjust("5 seconds")
        assert.isDefined(fiber.pollUnsafe())
      }
      assert.approximately(sent.length, 130 + 100 + 20, 2)
    })
  )
})

describe("CircuitBreaker", () => {
  const succeed = Effect.void
  const fail = Effect.fail("down")
  const times = (breaker: CircuitBreaker.CircuitBreaker, count: number, effect: Effect.Effect<void, string>) =>
    Effect.forEach(Array.from({ length: count }), () => Effect.exit(breaker.execute(effect)), { discard: true })
  const tag = (breaker: CircuitBreaker.CircuitBreaker) => Effect.map(breaker.state, (state) => state._tag)

  it.effect("opens at the fifth failure in a row, for 30 seconds", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make()
      yield* times(breaker, 4, fail)
      yield* times(breaker, 1, succeed)
      yield* times(breaker, 4, fail)
      assert.strictEqual(yield* tag(breaker), "Closed")
      yield* times(breaker, 1, fail)
      assert.deepStrictEqual(yield* breaker.state, {
        _tag: "Open",
        retryAfter: Duration.seconds(30),
        isolated: false
      })
      yield* TestClock.adjust(29_999)
      const refused = yield* Effect.flip(breaker.execute(succeed))
      assert.include(refused, { _tag: "RedisCircuitBreakerOpenError" })
      yield* TestClock.adjust(1)
      yield* breaker.execute(succeed)
    })
  )

  it.effect("lets one probe through, and closes with its success", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make()
      yield* breaker.trip
      yield* TestClock.adjust("30 seconds")
      const probe = yield* Effect.forkChild(breaker.execute(Effect.sleep("1 second")), { startImmediately: true })
      assert.deepStrictEqual(yield* breaker.state, { _tag: "HalfOpen", probes: 1 })
      assert.strictEqual((yield* Effect.flip(breaker.execute(succeed)))._tag, "RedisCircuitBreakerOpenError")
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(probe)
      assert.strictEqual(yield* tag(breaker), "Closed")
    })
  )

  it.effect("a probe that hangs has 5 seconds", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make()
      yield* breaker.trip
      yield* TestClock.adjust("30 seconds")
      yield* Effect.forkChild(breaker.execute(Effect.never), { startImmediately: true })
      yield* TestClock.adjust(4999)
      assert.strictEqual(yield* tag(breaker), "HalfOpen")
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* tag(breaker), "Open")
    })
  )

  it.effect("a failure rate, when chosen: half of at least 20", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({ tripPolicy: CircuitBreaker.rate() })
      yield* times(breaker, 19, fail)
      assert.strictEqual(yield* tag(breaker), "Closed")
      yield* times(breaker, 1, fail)
      assert.strictEqual(yield* tag(breaker), "Open")

      const half = yield* CircuitBreaker.make({ tripPolicy: CircuitBreaker.rate() })
      yield* times(half, 11, succeed)
      yield* times(half, 10, fail)
      assert.strictEqual(yield* tag(half), "Closed")
      yield* times(half, 1, fail)
      assert.strictEqual(yield* tag(half), "Open")
    })
  )

  it.effect("and of the last 100", () =>
    Effect.gen(function* () {
      const breaker = yield* CircuitBreaker.make({ tripPolicy: CircuitBreaker.rate() })
      yield* times(breaker, 1000, succeed)
      yield* times(breaker, 49, fail)
      assert.strictEqual(yield* tag(breaker), "Closed")
      yield* times(breaker, 1, fail)
      assert.strictEqual(yield* tag(breaker), "Open")
    })
  )

  it.effect("a client's own circuit has the same, and a connection that becomes ready makes it due", () =>
    Effect.gen(function* () {
      const server = yield* SimulatedRedis.make()
      const redis = yield* onSimulated(server)
      yield* server.inject(Fault.error("LOADING", { commands: ["INCRBY"] }))
      const incr = redis.run(RedisCommand.make("INCRBY", ["a", 1]), { retry: false })
      for (let call = 0; call < 5; call++) {
        assert.strictEqual((yield* redis.breaker.state)._tag, "Closed")
        yield* Effect.flip(incr).pipe(awaitInVirtualTime)
      }
      const due = (millis: number) => ({ _tag: "Open", retryAfter: Duration.millis(millis), isolated: false })
      assert.deepStrictEqual<unknown>(yield* redis.breaker.state, due(30_000))
      yield* server.inject(Fault.cut({ executed: false }))
      // The first delay before a login is 20 ms, ±25 %.
      yield* TestClock.adjust(25)
      assert.deepStrictEqual<unknown>(yield* redis.breaker.state, due(0))
    })
  )
})

/** A client on simulated servers, with nothing set. */
const onSimulated = (server: SimulatedRedis.SimulatedRedis, options: RedisClient.Options = {}) =>
  Effect.orDie(RedisClient.make(options)).pipe(Effect.provideService(RedisConnector.RedisConnector, server.connector))

/** Replies of the simulation come at the same virtual moment, but never at once. */
const awaitInVirtualTime = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    yield* TestClock.adjust(0)
    return yield* Fiber.join(fiber)
  })

describe("RedisHealth", () => {
  const pings = ({ sent }: FakeConnector.FakeConnector) => sent.filter((name) => name === "PING").length

  it.effect("a PING every 30 seconds", () =>
    Effect.gen(function* () {
      const fake = yield* FakeConnector.make({ answer: () => Result.succeed("PONG") })
      const redis = yield* FakeConnector.client(fake)
      yield* RedisHealth.make().pipe(Effect.provideService(RedisClient.RedisClient, redis))
      yield* TestClock.adjust(29_999)
      assert.deepStrictEqual(fake.sent, [])
      yield* TestClock.adjust(1)
      assert.strictEqual(pings(fake), 1)
      for (let check = 2; check <= 11; check++) {
        yield* TestClock.adjust("30 seconds")
        assert.strictEqual(pings(fake), check)
      }
    })
  )

  it.effect("with a deadline of 2 seconds, and not a second time", () =>
    Effect.gen(function* () {
      const fake = yield* silent
      const redis = yield* FakeConnector.client(fake)
      const health = yield* RedisHealth.make().pipe(Effect.provideService(RedisClient.RedisClient, redis))
      const status = yield* quietly(endsAt(2000, health.check))
      assert.strictEqual(status._tag, "Down")
      assert.strictEqual(pings(fake), 1)
    })
  )
})

describe("The connections of a client", () => {
  it.effect("closing waits 2 seconds for replies", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const fake = yield* FakeConnector.make({ drain: Effect.never })
      const redis = yield* Scope.provide(FakeConnector.client(fake), scope)
      const call = yield* Effect.forkChild(Effect.exit(redis.ping), { startImmediately: true })
      yield* endsAt(2000, Scope.close(scope, Exit.void))
      yield* Fiber.interrupt(call)
    })
  )

  it.live("10,000 commands in flight", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const redis = yield* Connect.client({ port: server.port }, { closeTimeout: "1 millis" })
      yield* server.freeze
      const refused: Array<unknown> = []
      const get = RedisCommand.make("GET", ["a"])
      for (let index = 0; index < 10_001; index++) {
        of(redis).send(get, { retry: false }, (result) => {
          if (Result.isFailure(result)) refused.push(result.failure)
        })
      }
      assert.strictEqual((yield* redis.stats).inFlight, 10_000)
      assert.strictEqual(refused.length, 1)
      assert.include(refused[0], { reason: "Saturated", sent: "never" })
    })
  )

  it.effect("a login may take 2 seconds as a whole", () =>
    Effect.gen(function* () {
      const fake = yield* unreachable
      const redis = yield* quietly(Effect.forkChild(FakeConnector.client(fake), { startImmediately: true }))
      yield* TestClock.adjust(2000)
      const { stats } = yield* Fiber.join(redis)
      assert.include((yield* stats).connectError, { reason: "Timeout", sent: "never" })
      assert.strictEqual(fake.logins.length, 1)
      // The next one begins some 20 ms later.
      yield* TestClock.adjust(25)
      assert.strictEqual(fake.logins.length, 2)
    })
  )

  it.effect("one that is silent for 2 seconds is replaced, and its other calls end with it", () =>
    Effect.gen(function* () {
      const server = yield* SimulatedRedis.make()
      const redis = yield* onSimulated(server)
      const first = yield* server.clients
      yield* server.inject(Fault.freeze)
      const early = yield* Effect.forkChild(Effect.flip(redis.incr("a")), { startImmediately: true })
      yield* TestClock.adjust(1999)
      const late = yield* Effect.forkChild(Effect.flip(redis.incr("a")), { startImmediately: true })
      assert.strictEqual((yield* redis.stats).connection, "Ready")
      yield* TestClock.adjust(1)
      assert.strictEqual((yield* redis.stats).connection, "Reconnecting")
      assert.strictEqual((yield* Fiber.join(early))._tag, "RedisTimeoutError")
      assert.include(yield* Fiber.join(late), { _tag: "RedisConnectionError", reason: "Stalled", sent: "unknown" })
      yield* server.heal
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual((yield* redis.stats).connection, "Ready")
      assert.notDeepEqual(yield* server.clients, first)
    })
  )

  it.live("the kernel asks after 60 seconds whether the other side is there", () =>
    Effect.gen(function* () {
      const setKeepAlive = vi.spyOn(Net.Socket.prototype, "setKeepAlive")
      yield* Effect.addFinalizer(() => Effect.sync(() => vi.restoreAllMocks()))
      yield* Connect.connection({ port: (yield* RedisServer.make()).port })
      assert.deepInclude(setKeepAlive.mock.calls, [true, 60_000])
    })
  )

  /** The pauses between the logins until there have been so many. */
  const pauses = (server: SimulatedRedis.SimulatedRedis, count: number) =>
    Effect.gen(function* () {
      const before = (yield* server.attempts).length
      while ((yield* server.attempts).length < before + count) yield* TestClock.adjust(1)
      const at = (yield* server.attempts).slice(before - 1)
      return at.slice(1).map((time, index) => time - (at[index] ?? 0))
    })

  const doubling = [20, 40, 80, 160, 320]

  // The wall clock counts whole milliseconds.
  const assertDoubling = (waited: ReadonlyArray<number>) => {
    for (const [index, delay] of doubling.entries()) {
      assert.isAtLeast(waited[index] ?? 0, delay * 0.75 - 1)
      assert.isAtMost(waited[index] ?? 0, delay * 1.25 + 1)
    }
    for (const last of waited.slice(doubling.length)) {
      assert.isAtLeast(last, 499)
      assert.isAtMost(last, 751)
    }
  }

  it.effect("log in again after 20 ms, then twice as long each time, ±25 %, and 500 to 750 ms at last", () =>
    Effect.gen(function* () {
      const server = yield* SimulatedRedis.make()
      yield* onSimulated(server)
      yield* server.inject(Fault.refuse)
      assertDoubling(yield* pauses(server, 12))
    })
  )

  it.effect("are made anew at once after one loss, then at most two a second until one has lived for 5 seconds", () =>
    Effect.gen(function* () {
      const server = yield* SimulatedRedis.make()
      yield* onSimulated(server)
      yield* server.inject(Fault.dropLogins({ after: 100 }))
      const [first = 0, second = 0, ...others] = yield* pauses(server, 8)
      assert.isAtMost(first, 26)
      assert.isAtLeast(second, 1000)
      for (const pause of others) {
        assert.isAtLeast(pause, 549)
        assert.isAtMost(pause, 751)
      }
      yield* server.heal
      yield* TestClock.adjust("6 seconds")
      yield* server.inject(Fault.cut({ executed: false }))
      yield* TestClock.adjust(26)
      assert.strictEqual(yield* server.connections, 1)
    })
  )

  it.effect("one, to localhost, port 6379, without a password, to database 0", () =>
    Effect.gen(function* () {
      const fake = yield* FakeConnector.make()
      yield* FakeConnector.client(fake)
      assert.deepStrictEqual(fake.logins, [[{ host: "localhost", port: 6379 }, {}]])
    })
  )
})
