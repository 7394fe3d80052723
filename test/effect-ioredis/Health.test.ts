import { assert, describe, it } from "@effect/vitest"
import {
  Cause,
  Config,
  Data,
  DateTime,
  Duration,
  Effect,
  Exit,
  Fiber,
  Latch,
  Layer,
  Logger,
  Stream,
  Tracer
} from "effect"
import { RedisClient, RedisCommand, RedisHealth, RedisPubSub } from "effect-ioredis"
import * as Health from "effect-ioredis/Health"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import * as VirtualCluster from "../support/VirtualCluster.ts"

const trouble = { cause: "Refused", reason: "nothing listens there" }

const conditions = { Up: Health.up, Degraded: Health.degraded(trouble), Down: Health.down(trouble) }

const fixed = (name: string, critical: boolean, condition: Health.Condition) =>
  Effect.succeed<Health.Part>({ name, critical, check: Effect.succeed(condition) })

const tags = ["Up", "Degraded", "Down"] as const

const Redis = RedisHealth.layer().pipe(
  Layer.provideMerge(RedisClient.layer({ closeTimeout: 0 })),
  Layer.provideMerge(SimulatedRedis.layer()),
  Layer.provideMerge(Logger.layer([]))
)

describe("Health", () => {
  it.effect("is what its parts make it, whatever they are and however they fare", () =>
    Effect.gen(function* () {
      for (const critical of tags) {
        for (const optional of tags) {
          const health = yield* Health.make([
            fixed("database", true, conditions[critical]),
            fixed("redis", false, conditions[optional])
          ])
          const { parts, status } = yield* health.check
          const worst = critical === "Up" && optional === "Up" ? "healthy" : "degraded"
          assert.strictEqual(status, critical === "Down" ? "unhealthy" : worst, `${critical}, ${optional}`)
          assert.strictEqual(Health.statusOf(parts), status)
          assert.deepStrictEqual(
            parts.map(({ condition, critical, name }) => [name, critical, condition]),
            [
              ["database", true, conditions[critical]],
              ["redis", false, conditions[optional]]
            ]
          )
        }
      }
      assert.strictEqual((yield* (yield* Health.make([])).check).status, "healthy")
    }).pipe(Effect.scoped)
  )

  it.effect("counts a part as down until it was asked, and waits for none to begin", () =>
    Effect.gen(function* () {
      const check = Effect.sleep("1 second")
      const health = yield* Health.make([Health.part({ name: "database", critical: true, check })])
      const before = yield* health.report
      assert.strictEqual(before.status, "unhealthy")
      assert.deepInclude(before.parts[0]?.condition, { _tag: "Down", cause: "NotChecked" })
      assert.isUndefined(before.parts[0]?.checkedAt)
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* health.report).status, "healthy")
    }).pipe(Effect.scoped)
  )

  it.effect("refuses two parts of one name and times that make no sense, naming each", () =>
    Effect.gen(function* () {
      const check = Effect.void
      const parts = [
        Health.part({ name: "a", critical: true, check, timeout: 0 }),
        Health.part({ name: "a", critical: true, check, interval: Number.NaN })
      ]
      const exit = yield* Effect.exit(Effect.scoped(Health.make(parts)))
      const defect = Exit.isFailure(exit) && Cause.hasDies(exit.cause) ? Cause.squash(exit.cause) : undefined
      assert.instanceOf(defect, Config.ConfigError)
      assert.include(defect.message, "a is the name of two parts")
      assert.include(defect.message, "a.timeout is 0: expected a duration above zero")
      assert.include(defect.message, "a.interval is NaN: expected a duration above zero")
    })
  )

  it.effect("lets a hundred callers share one attempt, which goes on when who began it leaves", () =>
    Effect.gen(function* () {
      let runs = 0
      const check = Effect.andThen(
        Effect.sync(() => {
          runs++
        }),
        Effect.sleep("1 second")
      )
      const health = yield* Health.make([Health.part({ name: "database", critical: true, check })])
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(runs, 1)
      const first = yield* Effect.forkChild(health.check, { startImmediately: true })
      const others = yield* Effect.forkChild(
        Effect.all(
          Array.from({ length: 99 }, () => health.check),
          { concurrency: "unbounded" }
        ),
        { startImmediately: true }
      )
      yield* Fiber.interrupt(first)
      yield* TestClock.adjust("1 second")
      assert.lengthOf(yield* Fiber.join(others), 99)
      assert.strictEqual(runs, 2)
    }).pipe(Effect.scoped)
  )

  it.effect("bounds what a part may take, and says in a word what it failed with", () =>
    Effect.gen(function* () {
      class TooManyRows extends Data.TaggedError("TooManyRows")<{ readonly message: string }> {}
      const make = (name: string, check: Effect.Effect<unknown, unknown>) =>
        Health.part({ name, critical: false, check, timeout: "1 second" })
      const health = yield* Health.make([
        make("hangs", Effect.never),
        make("fails", Effect.fail(new TooManyRows({ message: "the disk is full" }))),
        make("says", Effect.fail("no")),
        make("shows", Effect.fail({ _tag: "Odd", password: "a-secret" })),
        make("hides", Effect.fail(Object.create(null))),
        make("throws", Effect.die(new RangeError("out of range")))
      ])
      const checking = yield* Effect.forkChild(health.check, { startImmediately: true })
      yield* TestClock.adjust("1 second")
      const { parts } = yield* Fiber.join(checking)
      assert.deepStrictEqual(
        parts.map(({ condition }) => condition),
        [
          Health.down({ cause: "Timeout", reason: "it did not answer within 1s" }),
          Health.down({ cause: "TooManyRows", reason: "the disk is full" }),
          Health.down({ cause: "Failed", reason: "no" }),
          Health.down({ cause: "Odd", reason: "it failed without a message" }),
          Health.down({ cause: "Failed", reason: "it failed without a message" }),
          Health.down({ cause: "RangeError", reason: "out of range" })
        ]
      )
    }).pipe(Effect.scoped)
  )

  it.effect("is told of a part that dies, and goes on trying it", () =>
    Effect.gen(function* () {
      let isBroken = true
      const check = Effect.suspend(() =>
        isBroken ? Effect.die(new RangeError("out of range")) : Effect.succeed(Health.up)
      )
      const interrupted = Effect.suspend(() => (isBroken ? Effect.interrupt : Effect.succeed(Health.up)))
      const health = yield* Health.make([
        Effect.succeed<Health.Part>({ name: "queue", critical: true, check, interval: "10 seconds" }),
        Effect.succeed<Health.Part>({ name: "jobs", critical: true, check: interrupted, interval: "10 seconds" })
      ])
      yield* TestClock.adjust(0)
      const causes = Effect.map(health.report, ({ parts }) =>
        parts.map(({ condition }) => (condition._tag === "Up" ? "" : condition.cause))
      )
      assert.deepStrictEqual(yield* causes, ["RangeError", "Interrupted"])
      assert.strictEqual((yield* health.check).status, "unhealthy")
      isBroken = false
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* causes, ["", ""])
    }).pipe(Effect.scoped)
  )

  it.effect("says in time that a part hangs which cannot be interrupted, and begins no second try beside it", () =>
    Effect.gen(function* () {
      let runs = 0
      const gate = yield* Latch.make()
      const check = Effect.uninterruptible(
        Effect.suspend(() => {
          runs++
          return gate.await
        })
      )
      const health = yield* Health.make([
        Health.part({ name: "pool", critical: true, check, timeout: "1 second", interval: "10 seconds" })
      ])
      const cause = Effect.map(health.report, ({ parts: [part] }) =>
        part === undefined || part.condition._tag === "Up" ? "" : part.condition.cause
      )
      yield* gate.open
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* cause, "")
      yield* gate.close
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* cause, "Timeout")
      for (let round = 0; round < 3; round++) {
        const asked = yield* Effect.forkChild(health.check, { startImmediately: true })
        yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* Fiber.join(asked)).status, "unhealthy")
      }
      assert.strictEqual(runs, 2)
      yield* gate.open
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* cause, "")
      assert.strictEqual(runs, 3)
    }).pipe(Effect.scoped)
  )

  it.effect("asks the others no more often while one of them hangs", () =>
    Effect.gen(function* () {
      let runs = 0
      const quick = Effect.sync(() => {
        runs++
      })
      const health = yield* Health.make([
        Health.part({ name: "database", critical: true, check: quick }),
        Health.part({ name: "hangs", critical: false, check: Effect.never, timeout: "3 seconds", interval: "1 hour" })
      ])
      yield* TestClock.adjust("3 seconds")
      runs = 0
      const asked: Array<Fiber.Fiber<unknown>> = []
      for (let round = 0; round < 20; round++) {
        asked.push(yield* Effect.forkChild(health.check, { startImmediately: true }))
        yield* TestClock.adjust("100 millis")
      }
      assert.strictEqual(runs, 1)
      yield* TestClock.adjust("3 seconds")
      yield* Effect.forEach(asked, Fiber.join)
    }).pipe(Effect.scoped)
  )

  it.effect("tries by itself, and tells of what changed alone", () =>
    Effect.gen(function* () {
      let isUp = true
      const check = Effect.suspend(() => (isUp ? Effect.void : Effect.fail("no")))
      const health = yield* Health.make([
        Health.part({ name: "database", critical: true, check, interval: "10 seconds" })
      ])
      yield* TestClock.adjust(0)
      const seen: Array<Health.Status> = []
      yield* Effect.forkChild(
        Stream.runForEach(health.changes, ({ status }) => Effect.sync(() => seen.push(status))),
        { startImmediately: true }
      )
      yield* TestClock.adjust("1 minute")
      isUp = false
      yield* TestClock.adjust("1 minute")
      const [part] = (yield* health.report).parts
      assert.strictEqual(part?.since.epochMilliseconds, 70_000)
      assert.strictEqual(part?.checkedAt?.epochMilliseconds, 120_000)
      isUp = true
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(seen, ["healthy", "unhealthy", "healthy"])
    }).pipe(Effect.scoped)
  )
})

describe("the part of Redis", () => {
  it.effect("says what befalls Redis by itself, and makes no more of it than it is", () =>
    Effect.gen(function* () {
      const server = yield* SimulatedRedis.SimulatedRedis
      const redis = yield* RedisClient.RedisClient
      const optional = yield* Health.make([Health.redis()])
      const critical = yield* Health.make([Health.redis({ name: "sessions", critical: true })])
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* optional.report).status, "healthy")
      yield* server.inject(Fault.refuse)
      yield* redis.reconnect
      yield* TestClock.adjust("1 second")
      const [part] = (yield* optional.report).parts
      assert.strictEqual(part?.name, "redis")
      assert.deepInclude(part?.condition, { _tag: "Down", cause: "Refused" })
      assert.deepStrictEqual(
        [(yield* optional.report).status, (yield* critical.report).status],
        ["degraded", "unhealthy"]
      )
      yield* server.heal
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual([(yield* optional.check).status, (yield* critical.check).status], ["healthy", "healthy"])
    }).pipe(Effect.scoped, Effect.provide(Redis))
  )

  it.effect("says that the circuit is isolated, whatever the server failed with before, and leaves it alone", () =>
    Effect.gen(function* () {
      const server = yield* SimulatedRedis.SimulatedRedis
      const redis = yield* RedisClient.RedisClient
      const health = yield* Health.make([Health.redis()])
      yield* TestClock.adjust("1 second")
      yield* server.inject(Fault.error("LOADING"))
      yield* Effect.flip(redis.run(RedisCommand.make("PING"), { retry: false }))
      yield* server.heal
      assert.strictEqual((yield* health.check).status, "healthy")
      yield* redis.breaker.isolate
      yield* TestClock.adjust("1 second")
      const { parts } = yield* health.check
      assert.deepInclude(parts[0]?.condition, { _tag: "Down", cause: "CircuitOpen" })
      assert.deepInclude(yield* redis.breaker.state, { isolated: true })
    }).pipe(Effect.scoped, Effect.provide(Redis))
  )

  it.effect("is degraded where a failover would not be noticed", () =>
    Effect.gen(function* () {
      const status: RedisHealth.Status = { _tag: "Up", since: yield* DateTime.now, warning: "no sentinel answers" }
      const known = Effect.succeed(status)
      const watched = { name: "redis", status: known, changes: Stream.make(status), check: known }
      const part = Effect.provideService(Health.redis(), RedisHealth.RedisHealth, watched)
      const { parts } = yield* (yield* Health.make([part])).check
      assert.deepStrictEqual(
        parts[0]?.condition,
        Health.degraded({ cause: "Unwatched", reason: "no sentinel answers" })
      )
    }).pipe(Effect.scoped)
  )

  it.effect("is found down where nothing is answered, within the time of a check", () =>
    Effect.gen(function* () {
      const server = yield* SimulatedRedis.SimulatedRedis
      const health = yield* Health.make([Health.redis()])
      yield* TestClock.adjust("1 second")
      yield* server.inject(Fault.freeze)
      const checking = yield* Effect.forkChild(health.check, { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      const { parts } = yield* Fiber.join(checking)
      assert.deepInclude(parts[0]?.condition, { _tag: "Down", cause: "NoReply" })
    }).pipe(Effect.scoped, Effect.provide(Redis))
  )

  for (const [code, cause] of [
    ["LOADING", "Loading"],
    ["MASTERDOWN", "MasterDown"],
    ["BUSY", "Busy"],
    ["NOAUTH", "Auth"]
  ] as const) {
    it.effect(`says ${cause} of a server that answers ${code}`, () =>
      Effect.gen(function* () {
        const server = yield* SimulatedRedis.SimulatedRedis
        const health = yield* Health.make([Health.redis()])
        yield* TestClock.adjust("1 second")
        yield* server.inject(Fault.error(code))
        const { parts } = yield* health.check
        assert.deepInclude(parts[0]?.condition, { _tag: "Down", cause })
      }).pipe(Effect.scoped, Effect.provide(Redis))
    )
  }

  it.effect("makes no span, and no harm to the circuit, however often it is asked while that is open", () => {
    const spans: Array<string> = []
    const tracer = Tracer.make({
      span: (options) => {
        spans.push(options.name)
        return new Tracer.NativeSpan(options)
      }
    })
    return Effect.gen(function* () {
      const server = yield* SimulatedRedis.SimulatedRedis
      const { breaker } = yield* RedisClient.RedisClient
      const health = yield* Health.make([Health.redis({ critical: true })])
      yield* TestClock.adjust("1 second")
      yield* server.inject(Fault.refuse)
      yield* breaker.trip
      yield* TestClock.adjust("1 second")
      const open = yield* breaker.state
      assert.strictEqual(open._tag, "Open")
      for (let round = 0; round < 100; round++) assert.strictEqual((yield* health.check).status, "unhealthy")
      assert.deepStrictEqual(yield* breaker.state, open)
      assert.deepStrictEqual(spans, [])
      // A command of the program's own is seen.
      yield* Effect.flip((yield* RedisClient.RedisClient).ping)
      assert.deepStrictEqual(spans, ["PING"])
    }).pipe(Effect.scoped, Effect.provide(Redis), Effect.provideService(Tracer.Tracer, tracer))
  })

  it.effect("is degraded where one master of several is down, and names its slots", () =>
    Effect.gen(function* () {
      const { cluster, redis } = yield* VirtualCluster.make()
      const health = yield* RedisHealth.make().pipe(Effect.provideService(RedisClient.RedisClient, redis))
      const parts = [Effect.provideService(Health.redis({ critical: true }), RedisHealth.RedisHealth, health)]
      const composed = yield* Health.make(parts)
      const lost = yield* cluster.ownerOf(0)
      yield* lost.inject(Fault.refuse)
      yield* redis.reconnect
      yield* TestClock.adjust("1 second")
      const { status, parts: found } = yield* composed.report
      assert.strictEqual(status, "degraded")
      const condition = found[0]?.condition
      assert.deepInclude(condition, { _tag: "Degraded", cause: "Refused" })
      const { host, port } = lost.address
      const components = condition?._tag === "Degraded" ? condition.components : undefined
      assert.deepStrictEqual(
        components?.map(({ cause, name, slots }) => [name, cause, slots]),
        [[`redis ${host}:${port}`, "Refused", [[0, 5460]]]]
      )
    }).pipe(Effect.scoped, Effect.provide(Logger.layer([])))
  )
})

describe("the part of the subscriptions", () => {
  it.effect("refuses a fill and a lag that make no sense, naming each", () =>
    Effect.gen(function* () {
      for (const bad of [0, 80, Number.NaN]) {
        const exit = yield* Effect.exit(Health.subscriptions({ fill: bad, maxLag: Number.NaN }))
        const defect = Exit.isFailure(exit) && Cause.hasDies(exit.cause) ? Cause.squash(exit.cause) : undefined
        assert.instanceOf(defect, Config.ConfigError)
        assert.include(defect.message, `fill is ${bad}: expected a share above 0 and up to 1`)
        assert.include(defect.message, "maxLag is NaN. Make it a time above 0")
      }
      yield* Health.subscriptions({ fill: 1, maxLag: Duration.infinity })
    }).pipe(Effect.scoped, Effect.provide(Redis))
  )

  it.effect("says whose consumer takes nothing, and whose drops messages", () =>
    Effect.gen(function* () {
      const health = yield* Health.make([Health.subscriptions({ maxLag: "10 seconds" })])
      const causes = Effect.map(health.check, ({ parts }) => {
        const condition = parts[0]?.condition
        return condition === undefined || condition._tag === "Up"
          ? []
          : condition.components?.map(({ cause, name }) => [name, cause])
      })
      const first = yield* Latch.make()
      const consumer = yield* RedisPubSub.subscribe(["prices"], { capacity: 3 }).pipe(
        Stream.runForEach(({ _tag }) => (_tag === "Gap" ? Effect.void : first.await)),
        Effect.forkScoped({ startImmediately: true })
      )
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* causes, [])
      // The consumer takes the first one and waits.
      yield* RedisPubSub.publish("prices", "1")
      yield* TestClock.adjust(1)
      yield* RedisPubSub.publish("prices", "2")
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* causes, [])
      yield* TestClock.adjust("5 seconds")
      yield* RedisPubSub.publish("prices", "3")
      yield* TestClock.adjust("4990 millis")
      assert.deepStrictEqual(yield* causes, [])
      yield* TestClock.adjust("10 millis")
      assert.deepStrictEqual(yield* causes, [["SUBSCRIBE prices", "Lagging"]])
      for (const n of ["4", "5"]) yield* RedisPubSub.publish("prices", n)
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* causes, [["SUBSCRIBE prices", "Overflow"]])
      yield* first.open
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* causes, [])
      yield* Fiber.interrupt(consumer)
    }).pipe(Effect.scoped, Effect.provide(Redis))
  )
})
