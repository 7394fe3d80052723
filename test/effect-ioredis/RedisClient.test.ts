import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Context, Duration, Effect, Exit, Fiber, Layer, Option, Result, Schema, Stream } from "effect"
import { RedisClient, RedisCommand, type RedisError } from "effect-ioredis"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { fork, get, withRedis } from "../support/VirtualRedis.ts"
import { expectTypeOf } from "vitest"
import * as ClockDouble from "../support/ClockDouble.ts"
import * as FakeConnector from "../support/FakeConnector.ts"
import * as Captured from "../support/Captured.ts"

describe("RedisClient, behind its breaker", () => {
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

  it.effect("may keep a circuit open for ever, which its stats say as JSON can", () =>
    withRedis({ circuitBreaker: { resetTimeout: Duration.infinity } })((redis) =>
      Effect.gen(function* () {
        yield* redis.breaker.trip
        const stats = yield* redis.stats
        assert.deepInclude(stats.breaker, { _tag: "Open", isolated: false })
        assert.notProperty(stats.breaker, "retryAfterMillis")
        assert.deepStrictEqual(JSON.parse(JSON.stringify(stats)), stats)
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
      const { spans, tracer } = Captured.tracing()
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
