import { assert, describe, it } from "@effect/vitest"
import { Cause, Config, Effect, Exit, Fiber, Layer, Logger, Metric, Redacted, Stream } from "effect"
import { RedisClient, RedisHealth, RetryPolicy } from "effect-ioredis"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import * as Captured from "../support/Captured.ts"
import { inTime } from "../support/inTime.ts"

const layer = (options?: RedisHealth.Options) =>
  RedisHealth.layer(options).pipe(
    Layer.provideMerge(RedisClient.layer({ closeTimeout: 0 })),
    Layer.provideMerge(SimulatedRedis.layer())
  )

describe("RedisHealth", () => {
  it.effect("bad options are a defect that names each of them", () =>
    Effect.gen(function* () {
      for (const bad of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
        const exit = yield* Effect.exit(Effect.scoped(Layer.build(layer({ interval: bad, timeout: bad }))))
        const defect = Exit.isFailure(exit) && Cause.hasDies(exit.cause) ? Cause.squash(exit.cause) : undefined
        assert.instanceOf(defect, Config.ConfigError)
        assert.include(defect.message, `interval is ${bad}: expected a duration above zero`)
        assert.include(defect.message, `timeout is ${bad}: expected a duration above zero`)
      }
    })
  )

  it.effect(
    "is down from the moment at which the circuit opens until Redis answers again, and says so once each",
    () => {
      const captured = Captured.make()
      return Effect.gen(function* () {
        const health = yield* RedisHealth.RedisHealth
        const server = yield* SimulatedRedis.SimulatedRedis
        yield* TestClock.adjust(0)
        assert.strictEqual((yield* health.status)._tag, "Up")
        yield* server.inject(Fault.refuse)
        yield* (yield* RedisClient.RedisClient).breaker.trip
        yield* TestClock.adjust(0)
        assert.strictEqual((yield* health.status)._tag, "Down")
        yield* TestClock.adjust("90 seconds")
        const down = yield* health.status
        assert.strictEqual(down._tag, "Down")
        if (down._tag === "Down") assert.isNotEmpty(down.reason)
        yield* server.heal
        yield* TestClock.adjust("10 minutes")
        const up = yield* health.status
        assert.strictEqual(up._tag, "Up")
        assert.isAbove(up.since.epochMilliseconds, down.since.epochMilliseconds)
        const said = (message: string) => captured.logs.filter((line) => line.includes(message)).length
        assert.deepStrictEqual(
          ["Redis does not answer", "Redis still does not answer", "Redis answers again"].map(said),
          [1, 1, 1]
        )
      }).pipe(Effect.provide(layer().pipe(Layer.provideMerge(captured.layer))))
    }
  )

  it.effect("is up soon after a server that could not serve for a moment, whoever found that", () =>
    Effect.gen(function* () {
      const health = yield* RedisHealth.RedisHealth
      const server = yield* SimulatedRedis.SimulatedRedis
      const pings = Effect.map(server.received, (all) => all.filter(({ name }) => name === "PING").length)
      yield* TestClock.adjust("1 second")
      for (const find of [health.check, TestClock.adjust("30 seconds")]) {
        yield* server.inject(Fault.error("BUSY", { commands: ["PING"] }))
        yield* find
        assert.deepInclude(yield* health.status, { _tag: "Down", cause: "Busy" })
        assert.strictEqual((yield* (yield* RedisClient.RedisClient).breaker.state)._tag, "Closed")
        yield* server.heal
        yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* health.status)._tag, "Up")
      }
      // While all is well it is asked no more often than before.
      const before = yield* pings
      yield* TestClock.adjust("29 seconds")
      assert.strictEqual(yield* pings, before)
    }).pipe(Effect.provide(layer().pipe(Layer.provideMerge(Logger.layer([])))))
  )

  it.effect("checks each connection when it is asked to, and emits what changed", () =>
    Effect.gen(function* () {
      const health = yield* RedisHealth.RedisHealth
      const server = yield* SimulatedRedis.SimulatedRedis
      const seen: Array<string> = []
      yield* Effect.forkChild(
        Stream.runForEach(health.changes, ({ _tag }) => Effect.sync(() => seen.push(_tag))),
        {
          startImmediately: true
        }
      )
      yield* server.inject(Fault.freeze)
      const check = yield* Effect.forkChild(health.check, { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* Fiber.join(check))._tag, "Down")
      yield* server.heal
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(seen, ["Up", "Down", "Up"])
    }).pipe(Effect.provide(layer().pipe(Layer.provideMerge(Logger.layer([])))))
  )
})

const all = { concurrency: "unbounded" } as const

const login = { username: "app", password: Redacted.make("old") }

const layerWithLogin = (logs: Layer.Layer<never>) =>
  RedisHealth.layer().pipe(
    Layer.provideMerge(RedisClient.layer({ login, requireReady: false, retry: RetryPolicy.none })),
    Layer.provideMerge(SimulatedRedis.layer({ users: { app: "old" } })),
    Layer.provide(logs)
  )

const reasonOf = (status: RedisHealth.Status) => (status._tag === "Down" ? status.reason : status._tag)

describe("the health of a client", () => {
  it.effect("says why Redis does not answer now, and since when it has not", () => {
    const captured = Captured.make()
    return Effect.gen(function* () {
      const health = yield* RedisHealth.RedisHealth
      const redis = yield* RedisClient.RedisClient
      const server = yield* SimulatedRedis.SimulatedRedis
      const seen = yield* Effect.forkChild(Stream.runCollect(Stream.take(health.changes, 3)), {
        startImmediately: true
      })
      yield* server.inject(Fault.refuse)
      yield* redis.reconnect
      yield* TestClock.adjust("1 second")
      const refused = yield* health.status
      assert.include(reasonOf(refused), "Check that Redis runs")
      // It comes back with another password.
      yield* server.setAccess({ users: { app: "new" } })
      yield* server.heal
      yield* TestClock.adjust("1 second")
      const denied = yield* health.status
      assert.include(reasonOf(denied), "password")
      assert.deepStrictEqual(denied.since, refused.since)
      assert.deepStrictEqual((yield* Fiber.join(seen)).map(reasonOf), ["Up", reasonOf(refused), reasonOf(denied)])
      yield* TestClock.adjust("1 minute")
      const lines = captured.logs.filter((line) => line.includes("Warn") || line.includes("WARN"))
      const count = (text: string) => lines.filter((line) => line.includes(text)).length
      assert.strictEqual(count("Redis does not answer"), 1)
      assert.strictEqual(count("Redis still does not answer"), 1)
      assert.include(lines.at(-1), "password")
    }).pipe(Effect.provide(layerWithLogin(captured.layer)))
  })

  it.effect("is asked for by `check` although the circuit is open, and not where it was isolated by hand", () =>
    Effect.gen(function* () {
      const health = yield* RedisHealth.RedisHealth
      const { breaker } = yield* RedisClient.RedisClient
      const server = yield* SimulatedRedis.SimulatedRedis
      const pings = Effect.map(server.received, (all) => all.filter(({ name }) => name === "PING").length)
      // The server is known to keep logins by then.
      yield* TestClock.adjust("1 second")
      yield* breaker.trip
      yield* TestClock.adjust(1)
      assert.strictEqual((yield* health.status)._tag, "Down")
      const before = yield* pings
      assert.strictEqual((yield* health.check)._tag, "Up")
      // One belongs to the login beside the circuit, and one is the probe.
      assert.strictEqual(yield* pings, before + 2)
      assert.strictEqual((yield* breaker.state)._tag, "Closed")
      yield* breaker.isolate
      yield* health.check
      assert.strictEqual(yield* pings, before + 2)
      assert.deepInclude(yield* breaker.state, { isolated: true })
    }).pipe(Effect.provide(layerWithLogin(Captured.make().layer)))
  )

  it.effect("may be asked for by many at once, and they share one attempt that goes on when who began it leaves", () =>
    Effect.gen(function* () {
      const health = yield* RedisHealth.RedisHealth
      const server = yield* SimulatedRedis.SimulatedRedis
      const pings = Effect.map(server.received, (all) => all.filter(({ name }) => name === "PING").length)
      yield* TestClock.adjust("1 second")
      const before = yield* pings
      yield* server.inject(Fault.delay("100 millis"))
      const first = yield* Effect.forkChild(health.check, { startImmediately: true })
      const others = yield* Effect.forkChild(
        Effect.all(
          Array.from({ length: 99 }, () => health.check),
          all
        ),
        {
          startImmediately: true
        }
      )
      yield* Fiber.interrupt(first)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(new Set((yield* Fiber.join(others)).map(({ _tag }) => _tag)), new Set(["Up"]))
      assert.strictEqual(yield* pings, before + 1)
    }).pipe(Effect.provide(layerWithLogin(Captured.make().layer)))
  )

  it.effect("says the current cause while the circuit is open, and lengthens no open time by asking", () =>
    Effect.gen(function* () {
      const health = yield* RedisHealth.RedisHealth
      const { breaker } = yield* RedisClient.RedisClient
      const server = yield* SimulatedRedis.SimulatedRedis
      // A server that dropped a login is logged in to at most twice a second, whoever asks.
      const checkInTime = inTime(health.check, "1 second")
      const causeOf = (status: RedisHealth.Status) => (status._tag === "Down" ? status.cause : status._tag)
      yield* TestClock.adjust("1 second")
      yield* server.inject(Fault.refuse)
      yield* breaker.trip
      yield* TestClock.adjust("1 second")
      const open = yield* breaker.state
      for (let round = 0; round < 10; round++) assert.strictEqual(causeOf(yield* health.check), "Refused")
      assert.deepStrictEqual(yield* breaker.state, open)
      yield* server.setAccess({ users: { app: "new" } })
      yield* server.heal
      yield* TestClock.adjust("1 second")
      assert.strictEqual(causeOf(yield* checkInTime), "Auth")
      yield* server.setAccess({ users: { app: "old" } })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(causeOf(yield* checkInTime), "Up")
      assert.strictEqual((yield* breaker.state)._tag, "Closed")
    }).pipe(Effect.provide(layerWithLogin(Captured.make().layer)))
  )

  for (const [how, ask] of [
    ["when it is asked", Effect.flatMap(RedisHealth.RedisHealth, ({ check }) => Effect.asVoid(check))],
    ["when the circuit is due", TestClock.adjust("30 seconds")]
  ] as const) {
    it.effect(`closes the circuit of several connections ${how}, although one PING alone is its probe`, () =>
      Effect.gen(function* () {
        const health = yield* RedisHealth.RedisHealth
        const { breaker, stats } = yield* RedisClient.RedisClient
        yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* stats).connections, 3)
        yield* breaker.trip
        yield* TestClock.adjust(1)
        assert.strictEqual((yield* health.status)._tag, "Down")
        yield* ask
        assert.strictEqual((yield* breaker.state)._tag, "Closed")
        assert.strictEqual((yield* health.status)._tag, "Up")
      }).pipe(
        Effect.provide(
          RedisHealth.layer().pipe(
            Layer.provideMerge(RedisClient.layer({ connections: 3 })),
            Layer.provideMerge(SimulatedRedis.layer()),
            Layer.provideMerge(Logger.layer([]))
          )
        )
      )
    )
  }

  it.effect("an outage is not the caller's who found it: nothing of what he annotates is said or counted of it", () => {
    const captured = Captured.make()
    return Effect.gen(function* () {
      const health = yield* RedisHealth.RedisHealth
      const server = yield* SimulatedRedis.SimulatedRedis
      yield* server.inject(Fault.freeze)
      const check = health.check.pipe(
        Effect.annotateLogs({ request: "one" }),
        Effect.provideService(Metric.CurrentMetricAttributes, { route: "/health" })
      )
      const checking = yield* Effect.forkChild(check, { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* Fiber.join(checking))._tag, "Down")
      yield* TestClock.adjust("1 minute")
      const said = captured.logs.filter((line) => line.includes("does not answer"))
      assert.lengthOf(said, 2)
      assert.isEmpty(said.filter((line) => line.includes("request")))
      const counted = (yield* Metric.snapshot).filter(({ id }) => id === "redis.client.health.checks")
      assert.isNotEmpty(counted)
      assert.isEmpty(counted.filter(({ attributes }) => attributes?.route !== undefined))
    }).pipe(
      Effect.provide(layer().pipe(Layer.provideMerge(captured.layer))),
      Effect.provideService(Metric.MetricRegistry, new Map())
    )
  })
})
