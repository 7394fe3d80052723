import * as Net from "node:net"
import { assert, describe, it, vi } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Result, Scope } from "effect"
import {
  CircuitBreaker,
  IoredisConnection,
  RedisClient,
  RedisCommand,
  RedisConnection,
  RedisError,
  RedisHealth,
  RetryPolicy
} from "effect-ioredis"
import { TestClock } from "effect/testing"
import * as Connect from "./support/Connect.ts"
import * as FreePort from "./support/FreePort.ts"
import * as RedisServer from "./support/RedisServer.ts"
import * as Wait from "./support/Wait.ts"

// Each number of DESIGN.md that nobody has to set, asserted where nobody has set it.

/** A connection in a test's hands. Unless told otherwise it is ready and answers nothing, while other replies keep coming. */
const fake = (
  answer: (
    command: RedisCommand.RedisCommand
  ) => Result.Result<RedisCommand.Reply, RedisError.RedisCommandError> | undefined = () => undefined,
  status: RedisConnection.Status = "Ready"
) => {
  const sent: Array<string> = []
  let activity = 0
  const connection: RedisConnection.RedisConnection = {
    send: (command, done) => {
      sent.push(command.name)
      const result = answer(command)
      if (result !== undefined) done(result)
    },
    status: () => status,
    session: () => undefined,
    inFlight: () => 0,
    activity: () => activity++,
    lastError: () => undefined,
    reconnect: () => {},
    listen: () => () => {}
  }
  return { connection, sent }
}

const lost = (sent: "never" | "unknown") => () =>
  Result.fail(RedisError.connectionError("GET", "Reset", sent, new Error()))

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
      const redis = yield* Connect.client(fake().connection)
      const error = yield* endsAt(2000, Effect.flip(redis.send(RedisCommand.make("GET", ["a"]), { retry: false })))
      assert.strictEqual(error._tag, "RedisTimeoutError")
      if (error._tag === "RedisTimeoutError") assert.deepStrictEqual(error.duration, Duration.seconds(2))
    })
  )

  it.effect("a call may take 5 seconds, its retries and sleeps included", () =>
    Effect.gen(function* () {
      const redis = yield* Connect.client(fake().connection, unbroken)
      const fiber = yield* Effect.forkChild(Effect.flip(redis.get("a")), { startImmediately: true })
      yield* TestClock.adjust(4999)
      assert.isUndefined(fiber.pollUnsafe())
      // To the millisecond; see the next test.
      yield* TestClock.adjust(2)
      assert.isDefined(fiber.pollUnsafe())
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "RedisTimeoutError")
    })
  )

  // Fractional delays add up to a nanosecond more or less than 5 seconds (RedisClient.ts, internal/Deadlines.ts): one call in
  // ten is over only when the clock moves on after the deadline.
  it.effect("and ends at exactly 5 seconds, whatever the jitter", () =>
    Effect.gen(function* () {
      for (let call = 0; call < 100; call++) {
        const redis = yield* Connect.client(fake().connection, unbroken)
        yield* endsAt(5000, Effect.flip(redis.get("a")))
      }
    })
  )

  it.effect("the layer waits 2 seconds for the connection", () =>
    endsAt(2000, Connect.client(fake(undefined, "Connecting").connection))
  )

  it.effect("requireReady is off", () =>
    Effect.gen(function* () {
      const building = yield* Effect.forkChild(Connect.client(fake(undefined, "Connecting").connection))
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
      const { connection, sent: names } = fake(lost(sent))
      const redis = yield* Connect.client(connection, unbroken)
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
      const next = yield* RetryPolicy.start(policy, "read")
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
      const { connection, sent } = fake(lost("unknown"))
      const redis = yield* Connect.client(connection, unbroken)
      const burst = yield* Effect.forkChild(
        Effect.forEach(Array.from({ length: 100 }), () => Effect.exit(redis.get("a")), { concurrency: "unbounded" }),
        { startImmediately: true }
      )
      yield* TestClock.adjust("5 seconds")
      assert.isDefined(burst.pollUnsafe())
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
      let listener: (event: RedisConnection.ConnectionEvent) => void = () => {}
      const { connection } = fake(lost("unknown"))
      const redis = yield* Connect.client({
        ...connection,
        listen: (given) => {
          listener = given
          return () => {}
        }
      })
      for (let call = 0; call < 5; call++) {
        assert.strictEqual((yield* redis.breaker.state)._tag, "Closed")
        yield* Effect.exit(redis.incr("a"))
      }
      const due = (millis: number) => ({ _tag: "Open", retryAfter: Duration.millis(millis), isolated: false })
      assert.deepStrictEqual<unknown>(yield* redis.breaker.state, due(30_000))
      listener({ _tag: "Ready" })
      assert.deepStrictEqual<unknown>(yield* redis.breaker.state, due(0))
    })
  )
})

describe("RedisHealth", () => {
  it.effect("a PING every 30 seconds", () =>
    Effect.gen(function* () {
      const { connection, sent } = fake(() => Result.succeed("PONG"))
      const redis = yield* Connect.client(connection)
      yield* RedisHealth.make().pipe(Effect.provideService(RedisClient.RedisClient, redis))
      yield* TestClock.adjust(29_999)
      assert.deepStrictEqual(sent, [])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(sent, ["PING"])
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual(sent.length, 11)
    })
  )

  it.effect("with a deadline of 2 seconds, and not a second time", () =>
    Effect.gen(function* () {
      const { connection, sent } = fake()
      const redis = yield* Connect.client(connection)
      const health = yield* RedisHealth.make().pipe(Effect.provideService(RedisClient.RedisClient, redis))
      const status = yield* endsAt(2000, health.check)
      assert.strictEqual(status._tag, "Down")
      assert.deepStrictEqual(sent, ["PING"])
    })
  )
})

describe("IoredisConnection", () => {
  it.effect("closing waits 2 seconds for replies", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const scope = yield* Scope.make()
      const connection = yield* Effect.provideService(Connect.ready({ port: server.port }), Scope.Scope, scope)
      yield* server.freeze
      connection.send(RedisCommand.make("GET", ["a"]), () => {})
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      yield* TestClock.adjust(1999)
      assert.strictEqual(connection.inFlight(), 1)
      yield* TestClock.adjust(1)
      yield* Wait.until("it has given up", () => connection.inFlight() === 0)
      yield* Fiber.join(closing)
    })
  )

  it.live("10,000 commands in flight", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const connection = yield* Connect.ready({ port: server.port, closeTimeout: "1 millis" })
      yield* server.freeze
      const refused: Array<unknown> = []
      const get = RedisCommand.make("GET", ["a"])
      for (let index = 0; index < 10_001; index++) {
        connection.send(get, (result) => {
          if (Result.isFailure(result)) refused.push(result.failure)
        })
      }
      assert.strictEqual(connection.inFlight(), 10_000)
      assert.strictEqual(refused.length, 1)
      assert.include(refused[0], { reason: "Saturated", sent: "never" })
    })
  )

  it.live("the socket: 2 seconds to connect, 4 of silence, keep-alive after 60", () =>
    Effect.gen(function* () {
      const setTimeout = vi.spyOn(Net.Socket.prototype, "setTimeout")
      const setKeepAlive = vi.spyOn(Net.Socket.prototype, "setKeepAlive")
      yield* Effect.addFinalizer(() => Effect.sync(() => vi.restoreAllMocks()))
      const server = yield* RedisServer.make()
      yield* Connect.ready({ port: server.port })
      assert.include(
        setTimeout.mock.calls.map(([millis]) => millis),
        2000
      )
      assert.deepInclude(setKeepAlive.mock.calls, [true, 60_000])
      // The driver's limit of silence is a timer of its own: twice the caller's deadline.
      const commandTimeout = yield* silence({ port: server.port, commandTimeout: "50 millis" }, server)
      assert.isAtLeast(commandTimeout, 99)
      assert.isBelow(commandTimeout, 400)
    })
  )

  it.live("reconnects after 20 ms, then twice as long each time up to 500 ms, all ±25 %", () =>
    Effect.gen(function* () {
      const connection = yield* Connect.open({ port: yield* FreePort.make })
      const failedAt: Array<number> = []
      connection.listen((event) => {
        if (event._tag === "Failed") failedAt.push(performance.now())
      })
      yield* Wait.until("it has failed eight times", () => failedAt.length === 8)
      const expected = [20, 40, 80, 160, 320, 500, 500]
      for (const [index, delay] of expected.entries()) {
        const waited = (failedAt[index + 1] ?? 0) - (failedAt[index] ?? 0)
        // Timers may be a millisecond early, and late by what the machine has to do meanwhile.
        assert.isAtLeast(waited, delay * 0.75 - 2)
        assert.isBelow(waited, delay * 1.25 + 100)
      }
    })
  )

  it.live("localhost, port 6379", () =>
    Effect.gen(function* () {
      const connect = vi.spyOn(Net.Socket.prototype, "connect")
      yield* Effect.addFinalizer(() => Effect.sync(() => vi.restoreAllMocks()))
      yield* IoredisConnection.make()
      yield* Wait.until("it has tried", () => connect.mock.calls.length > 0)
      const asked = JSON.stringify(connect.mock.calls)
      assert.include(asked, '"host":"localhost"')
      assert.include(asked, '"port":6379')
    })
  )
})

/** How long the driver itself bears a command without a reply. */
const silence = (options: IoredisConnection.Options, server: RedisServer.RedisServer) =>
  Effect.gen(function* () {
    const connection = yield* Connect.ready(options)
    yield* server.freeze
    const { millis } = yield* Wait.timed(Effect.exit(RedisConnection.send(connection, RedisCommand.make("GET", ["a"]))))
    yield* server.thaw
    return millis
  })
