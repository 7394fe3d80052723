import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Layer, Logger, Option, Redacted } from "effect"
import { KeyValueStore } from "effect/persistence"
import { RedisClient, RedisCommand, RedisConfig, RedisScript, RetryPolicy, RuntimeSettings } from "effect-ioredis"
import * as Persistence from "effect-ioredis/persistence"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import * as Split from "../../packages/effect-ioredis/src/internal/Split.ts"
import * as VirtualCluster from "../support/VirtualCluster.ts"
import { fork, get, sent, settled, withRedis } from "../support/VirtualRedis.ts"
import * as VirtualSentinels from "../support/VirtualSentinels.ts"

// Options are handed on from one part to the next. Each of these was dropped, or had another meaning, on one of the ways.

const millisOf = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const began = yield* Clock.currentTimeMillis
    const fiber = yield* fork(effect)
    for (let step = 0; step < 600 && fiber.pollUnsafe() === undefined; step++) yield* TestClock.adjust("50 millis")
    return (yield* Clock.currentTimeMillis) - began
  })

/** What is said while a program runs. */
const saying = (document: RuntimeSettings.Document) =>
  RuntimeSettings.layer({ document }).pipe(Layer.provideMerge(Logger.layer([])))

describe("maxRetries, retryDelay and maxRetryDelay of the options", () => {
  it.effect("stay where a document says something else of retries", () =>
    Effect.gen(function* () {
      const { client } = yield* RedisConfig.make({ maxRetries: 0 })
      yield* withRedis(client)((redis, server) =>
        Effect.gen(function* () {
          yield* server.inject(Fault.error("LOADING"))
          yield* millisOf(Effect.exit(redis.run(get("k"))))
          assert.strictEqual((yield* sent(server, "GET")).length, 1)
        })
      ).pipe(Effect.provide(saying({ retry: { maxDelay: "1 second" } })))
    })
  )

  it.effect("the delay stays where a document says a number of retries", () =>
    Effect.gen(function* () {
      const { client } = yield* RedisConfig.make({ retryDelay: "1 second", maxRetries: 3 })
      yield* withRedis(client)((redis, server) =>
        Effect.gen(function* () {
          yield* server.inject(Fault.error("LOADING"))
          const millis = yield* millisOf(Effect.exit(redis.run(get("k"))))
          assert.isAtLeast(millis, 800)
        })
      ).pipe(Effect.provide(saying({ retry: { maxRetries: 1 } })))
    })
  )
})

describe("operationTimeout of a call of a script", () => {
  it.effect("bounds both of its commands where the server does not know the script", () =>
    withRedis()((redis, server) =>
      Effect.gen(function* () {
        yield* server.inject(Fault.delay("600 millis"))
        const script = RedisScript.make({ lua: "return 1" })
        const millis = yield* millisOf(Effect.exit(redis.eval(script)(undefined, { operationTimeout: "1 second" })))
        assert.isAtMost(millis, 1050)
      })
    )
  )
})

describe("waitToSend of layerKeyValueStore", () => {
  const Store = Layer.provideMerge(
    Persistence.layerKeyValueStore({ prefix: "kv:", waitToSend: "5 seconds" }),
    Layer.provideMerge(RedisClient.layer({ retry: RetryPolicy.none }), SimulatedRedis.layer())
  )

  for (const method of ["get", "size", "clear", "keys"] as const) {
    it.effect(`is obeyed by ${method}`, () =>
      Effect.gen(function* () {
        const store = yield* KeyValueStore.KeyValueStore
        const server = yield* SimulatedRedis.SimulatedRedis
        yield* server.inject(Fault.refuse)
        yield* TestClock.adjust("100 millis")
        const call: Effect.Effect<unknown, unknown> = method === "get" ? store.get("a") : store[method]
        const fiber = yield* fork(Effect.exit(call))
        yield* TestClock.adjust("1 second")
        yield* server.heal
        yield* TestClock.adjust("4 seconds")
        assert.isTrue(Exit.isSuccess(Option.getOrThrow(Exit.getSuccess(settled(fiber)))))
      }).pipe(Effect.provide(Store))
    )
  }
})

describe("operationTimeout of layerKeyValueStore", () => {
  const Store = Layer.provideMerge(
    Persistence.layerKeyValueStore({ prefix: "kv:", operationTimeout: "300 millis" }),
    Layer.provideMerge(RedisClient.layer({ retry: RetryPolicy.none }), SimulatedRedis.layer())
  )
  for (const method of ["get", "size"] as const) {
    it.effect(`is obeyed by ${method}`, () =>
      Effect.gen(function* () {
        const store = yield* KeyValueStore.KeyValueStore
        const server = yield* SimulatedRedis.SimulatedRedis
        yield* server.inject(Fault.freeze)
        const call: Effect.Effect<unknown, unknown> = method === "get" ? store.get("a") : store.size
        const millis = yield* millisOf(Effect.exit(call))
        assert.isAtMost(millis, 350)
      }).pipe(Effect.provide(Store))
    )
  }
})

describe("errors of a command", () => {
  it("are known of its parts too", () => {
    const command = RedisCommand.make("DEL", ["a", "b"], { errors: ["BUSYGROUPS"] })
    for (const part of Split.split(command, String)) assert.deepStrictEqual(part.command.errors, ["BUSYGROUPS"])
  })
})

describe("what is undefined is not said", () => {
  it.effect("of circuitBreaker beside resetTimeout", () =>
    Effect.gen(function* () {
      const { client } = yield* RedisConfig.make({
        resetTimeout: "5 seconds",
        circuitBreaker: { resetTimeout: undefined, maxProbes: 2 }
      })
      yield* withRedis(client)((redis) =>
        Effect.gen(function* () {
          assert.strictEqual((yield* redis.stats).settings.circuitBreaker.resetTimeout, "5s")
        })
      )
    })
  )

  it.effect("of circuitBreaker beside a profile", () =>
    withRedis({ profile: "production", circuitBreaker: { resetTimeout: undefined } })((redis) =>
      Effect.gen(function* () {
        assert.strictEqual((yield* redis.stats).settings.circuitBreaker.resetTimeout, "10s")
      })
    )
  )
})

describe("name of circuitBreaker", () => {
  const isolated = (redis: RedisClient.RedisClient) =>
    Effect.gen(function* () {
      yield* redis.breaker.isolate
      const error = yield* Effect.flip(redis.run(get("k")))
      return error.message
    })

  it.effect("names the circuit in errors of one server", () =>
    withRedis({ circuitBreaker: { name: "storage" } })((redis) =>
      Effect.gen(function* () {
        assert.include(yield* isolated(redis), "storage")
      })
    )
  )

  it.effect("names the circuit in errors of a cluster", () =>
    VirtualCluster.withCluster({ circuitBreaker: { name: "storage" } })(({ redis }) =>
      Effect.gen(function* () {
        assert.include(yield* isolated(redis), "storage")
      })
    )
  )
})

describe("connectTimeout", () => {
  it.effect("is the time of a sentinel that takes a second to answer", () =>
    Effect.gen(function* () {
      const { connect, sentinels } = yield* VirtualSentinels.make()
      for (const sentinel of sentinels.sentinels) yield* sentinel.inject(Fault.delay("1100 millis"))
      const redis = yield* connect({}, { connectTimeout: "2900 millis" })
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* redis.stats).connection, "Ready")
    }).pipe(Effect.scoped)
  )

  for (const whose of ["sentinel", "master"] as const) {
    it.effect(`is the time of a ${whose}'s login that is asked for`, () =>
      Effect.gen(function* () {
        const { connect } = yield* VirtualSentinels.make()
        const login = { login: Effect.as(Effect.sleep("1500 millis"), {}) }
        const [ofSentinels, ofMaster] = whose === "sentinel" ? [login, {}] : [{}, login]
        const redis = yield* connect(ofSentinels, { ...ofMaster, connectTimeout: "2900 millis" })
        yield* TestClock.adjust("1 minute")
        assert.strictEqual((yield* redis.stats).connection, "Ready")
      }).pipe(Effect.scoped)
    )
  }
})

describe("commandTimeout of a cluster that is far away", () => {
  for (const latency of ["300 millis", "450 millis"] as const) {
    it.effect(`leaves it the time to say who owns what: ${latency}`, () =>
      VirtualCluster.withCluster({
        cluster: { server: { latency } },
        commandTimeout: "2500 millis",
        connectTimeout: "2900 millis"
      })(({ redis }) =>
        Effect.gen(function* () {
          yield* TestClock.adjust("30 seconds")
          assert.strictEqual((yield* redis.stats).connection, "Ready")
        })
      )
    )
  }
})

describe("expiresIn of a login", () => {
  const asked = (of: "sentinel" | "master") =>
    Effect.gen(function* () {
      const { connect } = yield* VirtualSentinels.make({
        [of === "sentinel" ? "sentinel" : "server"]: { password: "one" }
      })
      let count = 0
      const login = Effect.sync(() => {
        count++
        return { password: Redacted.make("one"), expiresIn: "10 seconds" as const }
      })
      yield* connect(of === "sentinel" ? { login } : {}, of === "sentinel" ? {} : { login })
      const before = count
      yield* TestClock.adjust("1 minute")
      return count - before
    }).pipe(Effect.scoped)

  it.effect("has the master's login asked for again", () =>
    Effect.gen(function* () {
      assert.isAbove(yield* asked("master"), 0)
    })
  )

  it.effect("has the sentinels' login asked for again", () =>
    Effect.gen(function* () {
      assert.isAbove(yield* asked("sentinel"), 0)
    })
  )
})
