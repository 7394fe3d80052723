import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Effect, Fiber, Result } from "effect"
import { RedisCommand, RetryPolicy } from "effect-ioredis"
import { of } from "effect-ioredis/dispatch"
import { Fault } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { callback, failure, fork, get, keysOf, sent, set, settled, unlink, withRedis } from "../support/VirtualRedis.ts"

describe("A pinned call", () => {
  it.effect("fails at once when its session is lost", () =>
    withRedis()((_, server, dispatch) =>
      Effect.gen(function* () {
        const session = dispatch.nodes()[0]?.sessions()[0]
        yield* server.inject(Fault.cut({ executed: false }))
        const errors: Array<unknown> = []
        dispatch.send(get("k"), { session }, (result) => errors.push(Result.isFailure(result) && result.failure))
        yield* TestClock.adjust(1)
        assert.strictEqual(errors.length, 1)
        assert.deepInclude({ ...(errors[0] as object) }, { _tag: "RedisConnectionError", sent: "never" })
      })
    )
  )
})

describe("A batch", () => {
  it.effect("gives a result per command, losses included, and repeats only what may be", () =>
    withRedis()((redis, server) =>
      Effect.gen(function* () {
        yield* server.inject(Fault.cut({ executed: false, at: "GET" }))
        const incr = RedisCommand.make("INCR", ["n"])
        const fiber = yield* fork(
          redis.pipeline([incr, set("a", "1"), get("a"), incr, RedisCommand.make("LPUSH", ["a", "x"])])
        )
        yield* TestClock.adjust("5 seconds")
        const results = yield* Fiber.join(fiber)
        assert.deepStrictEqual(
          results.map((result) => (Result.isSuccess(result) ? result.success : result.failure._tag)),
          // Replies that were on their way are lost with the connection.
          ["RedisConnectionError", "OK", "1", "RedisConnectionError", "RedisConnectionError"]
        )
        assert.strictEqual((yield* sent(server, "INCR")).length, 1)
      })
    )
  )

  it.effect("repeats of what had no reply in time only what may be", () =>
    withRedis({ commandTimeout: "500 millis" })((redis, server) =>
      Effect.gen(function* () {
        yield* server.inject(Fault.delay("400 millis"))
        // Its reply says that the connection lives.
        yield* fork(redis.ping)
        yield* TestClock.adjust("200 millis")
        yield* server.inject(Fault.delay("600 millis"))
        const push = RedisCommand.make("RPUSH", ["list", "x"])
        const fiber = yield* fork(redis.pipeline([get("a"), push, push]))
        yield* TestClock.adjust("10 millis")
        yield* server.heal
        yield* TestClock.adjust("5 seconds")
        const results = yield* Fiber.join(fiber)
        assert.deepStrictEqual(
          results.map((result) => (Result.isSuccess(result) ? result.success : result.failure._tag)),
          [null, "RedisTimeoutError", "RedisTimeoutError"]
        )
        assert.deepStrictEqual([(yield* sent(server, "GET")).length, (yield* sent(server, "RPUSH")).length], [2, 2])
        assert.deepInclude((yield* redis.stats).breaker, { _tag: "Closed", failures: 0 })
      })
    )
  )

  it.effect("repeats what is idempotent where nobody reads the answer, and only there", () =>
    Effect.forEach(
      [undefined, "ignored"] as const,
      (answer) =>
        withRedis()((redis, server) =>
          Effect.gen(function* () {
            yield* server.inject(Fault.cut({ executed: true, at: "UNLINK" }))
            const one = yield* fork(Effect.exit(redis.run(unlink("k"), { answer })))
            yield* TestClock.adjust("5 seconds")
            yield* server.inject(Fault.cut({ executed: true, at: "UNLINK" }))
            const batch = yield* fork(redis.pipeline([unlink("k")], { answer }))
            yield* TestClock.adjust("5 seconds")
            const expected = answer === "ignored" ? "Success" : "Failure"
            assert.strictEqual(settled(one)._tag === "Success" && (yield* Fiber.join(one))._tag, expected)
            assert.strictEqual((yield* Fiber.join(batch))[0]?._tag, expected)
            assert.strictEqual((yield* sent(server, "UNLINK")).length, answer === "ignored" ? 4 : 2)
          })
        ),
      { discard: true }
    )
  )

  it.effect("says of a command of several connections that it may have run where a part of it may have", () =>
    withRedis({ connections: 2, maxInFlight: 1 })((redis, server, dispatch) =>
      Effect.gen(function* () {
        const [[first = 0, [a = ""] = []] = [], [, [b = ""] = []] = []] = Array.from(keysOf(dispatch, 1))
        yield* redis.set(a, "1")
        yield* redis.set(b, "1")
        yield* server.inject(Fault.delay("500 millis"), { connection: first })
        // The first connection is full.
        yield* fork(redis.get(a))
        const error = failure(yield* Effect.exit(redis.run(unlink(a, b), { retry: false })))
        assert.deepInclude({ ...error }, { reason: "Saturated", sent: "unknown" })
        assert.strictEqual(yield* server.peek(a), "1")
        assert.strictEqual(yield* server.peek(b), undefined)
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

  it.effect("splits what concerns several connections and puts the answers together in order", () =>
    withRedis({ connections: 5 })((redis, server, dispatch) =>
      Effect.gen(function* () {
        const keys = Array.from(keysOf(dispatch, 4).values()).flat()
        for (const key of keys) yield* redis.set(key, `value of ${key}`)
        const found = yield* redis.mget([...keys, "none"])
        assert.deepStrictEqual(
          found.map((value) => (value._tag === "Some" ? value.value : undefined)),
          [...keys.map((key) => `value of ${key}`), undefined]
        )
        assert.strictEqual(yield* redis.exists(...keys), 20)
        assert.strictEqual((yield* sent(server, "MGET")).length, 5)
        assert.strictEqual(yield* redis.run(unlink(...keys, "none")), 20)
        assert.strictEqual(yield* redis.exists(...keys), 0)
      })
    )
  )

  it.effect("takes no reply that comes after its attempt has ended", () =>
    withRedis({
      commandTimeout: "1 second",
      retry: RetryPolicy.make({ read: RetryPolicy.exponential({ retries: 1 }) })
    })((redis, server) =>
      Effect.gen(function* () {
        yield* server.inject(Fault.delay(900))
        yield* fork(redis.ping)
        yield* TestClock.adjust(500)
        // Each reply is half a second too late, on a connection that is not silent.
        yield* server.inject(Fault.delay(1500))
        const batch = yield* fork(redis.pipeline([get("k")]))
        yield* TestClock.adjust("10 seconds")
        const [only] = yield* Fiber.join(batch)
        assert.strictEqual((yield* sent(server, "GET")).length, 2)
        assert.strictEqual((yield* server.attempts).length, 1)
        assert.strictEqual(Result.isFailure(only) && only.failure._tag, "RedisTimeoutError")
      })
    )
  )
})
