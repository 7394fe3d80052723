import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Effect, Exit, Fiber } from "effect"
import { RedisCommand, RetryPolicy } from "effect-ioredis"
import type * as Dispatch from "effect-ioredis/dispatch"
import { of } from "effect-ioredis/dispatch"
import { Fault } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { elapsed, failure, fork, get, noRetry, sent, settled, withRedis } from "../support/VirtualRedis.ts"

describe("Attempt, and the circuit", () => {
  it.effect("sends 1 and refuses 999 of 1,000 callers when the open time ends", () =>
    withRedis({ circuitBreaker: { resetTimeout: "1 second" } })((redis, server) =>
      Effect.gen(function* () {
        yield* redis.breaker.trip
        yield* TestClock.adjust("1 second")
        const calls = yield* Effect.forEach(Arr.range(1, 1000), () => fork(Effect.exit(redis.run(get("k")))))
        yield* TestClock.adjust(0)
        const exits = yield* Effect.forEach(calls, Fiber.join)
        assert.strictEqual((yield* sent(server, "GET")).length, 1)
        const refused = exits.filter(Exit.isFailure).map(failure)
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
        const errors = (yield* Effect.forEach(calls, Fiber.join)).map(failure)
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
          ended.map(({ exit }) => failure(exit)._tag),
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
        assert.strictEqual(failure(yield* Fiber.join(late))._tag, "RedisTimeoutError")
        assert.deepStrictEqual(yield* redis.breaker.state, { _tag: "Closed", failures: 1 })
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
        assert.strictEqual(failure(yield* Fiber.join(probe))._tag, "RedisTimeoutError")
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
})

describe("A stall", () => {
  it.effect("is not what a caller with a short deadline makes of a slow command", () =>
    withRedis(noRetry)((redis, server) =>
      Effect.gen(function* () {
        yield* server.inject(Fault.delay(1900))
        const long = yield* fork(redis.get("k"))
        const short = yield* fork(Effect.exit(redis.run(get("k"), { operationTimeout: 100 })))
        // More of them than failures in a row open a circuit.
        for (let n = 0; n < 10; n++) yield* fork(Effect.exit(redis.run(get("k"), { operationTimeout: 100 + n })))
        yield* TestClock.adjust(1000)
        assert.deepStrictEqual((yield* redis.stats).breaker, { _tag: "Closed", failures: 0 })
        yield* TestClock.adjust(1000)
        assert.strictEqual(settled(short)._tag, "Success")
        assert.strictEqual(settled(long)._tag, "Success")
        assert.strictEqual((yield* server.attempts).length, 1)
        assert.strictEqual((yield* redis.stats).breaker._tag, "Closed")
      })
    )
  )

  it.effect("is not what a long batch is whose replies come one by one", () =>
    withRedis({ ...noRetry, commandTimeout: 500, circuitBreaker: false })((_, server, dispatch) =>
      Effect.gen(function* () {
        const ends: Array<Dispatch.SendingEnd["_tag"]> = []
        // Each is executed 400 ms after the one before.
        const sendings = Arr.range(1, 20).map(
          (n): Dispatch.Sending => ({
            begin: () => {
              Effect.runSync(server.inject(Fault.delay(n * 400)))
              return true
            },
            end: (_, { _tag }) => ends.push(_tag)
          })
        )
        dispatch.sendAll(
          sendings.map((_, n) => get(`k${n}`)),
          { sendings },
          () => {}
        )
        yield* TestClock.adjust("9 seconds")
        assert.deepStrictEqual(
          ends,
          sendings.map(() => "Confirmed")
        )
        assert.strictEqual((yield* server.attempts).length, 1)
      })
    )
  )
})
