import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Fiber, Layer, Logger, Option, Result } from "effect"
import {
  IoredisConnector,
  Redis,
  RedisClient,
  RedisCommand,
  RedisConnector,
  RedisHealth,
  RedisTopology
} from "effect-ioredis"
import { of } from "effect-ioredis/dispatch"
import * as Connect from "../../support/Connect.ts"
import * as FreePort from "../../support/FreePort.ts"
import * as RedisServer from "../../support/RedisServer.ts"
import * as TcpProxy from "../../support/TcpProxy.ts"
import * as Wait from "../../support/Wait.ts"

/** What the machine may add to a time when other tests share its cores. */
const slack = 250

const build = (options: Parameters<typeof Redis.layer>[0]) =>
  Effect.gen(function* () {
    const silent = Logger.layer([])
    const layer = Redis.layer({ host: "127.0.0.1", ...options, requireReady: false })
    const context = yield* Layer.build(Layer.provide(layer, silent))
    const redis = yield* Effect.provide(RedisClient.RedisClient, context)
    const health = yield* Effect.provide(RedisHealth.RedisHealth, context)
    return { redis, health }
  })

const breakerIs = (redis: RedisClient.RedisClient, tag: string) =>
  Effect.map(redis.breaker.state, (state) => state._tag === tag)

const isUp = (health: RedisHealth.RedisHealth) => Effect.map(health.status, (status) => status._tag === "Up")

describe("Redis absent", () => {
  it.live("the layer builds degraded within connectTimeout, and recovers unaided", () =>
    Effect.gen(function* () {
      const port = yield* FreePort.make
      const { millis, value } = yield* Wait.timed(build({ port, connectTimeout: "150 millis" }))
      const { health, redis } = value
      assert.isBelow(millis, 150 + slack)
      assert.strictEqual((yield* health.status)._tag, "Down")
      const error = yield* Effect.flip(redis.incr("counter"))
      assert.include(error, { _tag: "RedisConnectionError", reason: "Refused", sent: "never" })

      yield* RedisServer.make({ port })
      yield* Wait.until("it is up", isUp(health))
      assert.strictEqual(yield* redis.incr("counter"), 1)
      assert.strictEqual((yield* redis.stats).breaker._tag, "Closed")
    })
  )

  it.live("durations without an end are none to a Redis that is there", () =>
    Effect.gen(function* () {
      const { port } = yield* RedisServer.make()
      const endless = { connectTimeout: Duration.infinity, commandTimeout: Duration.infinity }
      const redis = yield* Connect.client({ port }, { ...endless, operationTimeout: Duration.infinity })
      assert.isTrue(yield* redis.set("a", "1"))
      assert.deepStrictEqual(yield* redis.get("a"), Option.some("1"))
    })
  )

  it.live("with requireReady the client's layer fails typed", () =>
    Effect.gen(function* () {
      const layer = RedisClient.layer({
        topology: RedisTopology.server({ host: "127.0.0.1", port: yield* FreePort.make }),
        requireReady: true,
        connectTimeout: "100 millis"
      }).pipe(Layer.provide(IoredisConnector.layer()))
      const error = yield* Effect.flip(Effect.scoped(Layer.build(layer)))
      assert.include(error, { _tag: "RedisConnectionError", reason: "Refused", sent: "never", command: "CONNECT" })
      assert.include(error.message, "Check that Redis runs")
    })
  )

  it.live("with requireReady the whole layer fails typed", () =>
    Effect.gen(function* () {
      const layer = Redis.layer({
        host: "127.0.0.1",
        port: yield* FreePort.make,
        requireReady: true,
        connectTimeout: "100 millis"
      })
      const error = yield* Effect.flip(Effect.scoped(Layer.build(layer)))
      assert.include(error, { _tag: "RedisConnectionError", reason: "Refused" })
    })
  )

  it.live("with requireReady and a Redis that is there, it builds", () =>
    Effect.gen(function* () {
      const { port } = yield* RedisServer.make()
      const layer = Redis.layer({ host: "127.0.0.1", port, requireReady: true })
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(Effect.scoped(Layer.build(layer)))))
    })
  )
})

describe("A connection that is dropped while it is idle", () => {
  it.live("by CLIENT KILL: the next read succeeds and the breaker stays closed", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      // One loss for each client: what loses several logins within a second is not logged in to at once.
      for (const _ of [1, 2, 3]) {
        const { redis } = yield* build({ port: server.port })
        yield* redis.set("a", "1")
        const id = String(yield* redis.run(RedisCommand.make("CLIENT", ["ID"])))
        assert.strictEqual(yield* server.cli("CLIENT", "KILL", "ID", id), 1)
        assert.deepStrictEqual(yield* redis.get("a"), Option.some("1"))
        assert.strictEqual((yield* redis.breaker.state)._tag, "Closed")
      }
    })
  )

  it.live("by the server's own timeout", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ config: ["timeout 1"] })
      const { redis } = yield* build({ port: server.port })
      yield* redis.set("a", "1")
      const id = yield* redis.run(RedisCommand.make("CLIENT", ["ID"]))
      yield* Wait.until(
        "the server has dropped it",
        Effect.map(redis.stats, ({ connection }) => connection !== "Ready")
      )
      assert.deepStrictEqual(yield* redis.get("a"), Option.some("1"))
      assert.strictEqual((yield* redis.breaker.state)._tag, "Closed")
      assert.notStrictEqual(yield* redis.run(RedisCommand.make("CLIENT", ["ID"])), id)
    })
  )
})

describe("A link that says nothing", () => {
  it.live("is noticed while idle within the health interval and its deadline, and replaced", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const proxy = yield* TcpProxy.make(server.port)
      const { health, redis } = yield* build({
        port: proxy.port,
        healthCheckInterval: "200 millis",
        commandTimeout: "100 millis"
      })
      yield* redis.ping
      assert.isTrue(yield* isUp(health))
      yield* proxy.silent
      const noticed = yield* Wait.timed(
        Wait.until(
          "it is down",
          Effect.map(isUp(health), (up) => !up)
        )
      )
      assert.isBelow(noticed.millis, 200 + 100 + slack)
      assert.isTrue(yield* breakerIs(redis, "Open"))
      yield* proxy.pass
      yield* Wait.until("it is up again", isUp(health))
      assert.isAbove((yield* proxy.stats).connections, 1)
      assert.isTrue(yield* breakerIs(redis, "Closed"))
    })
  )
})

/** A reply that is still on its way when a command is sent would put the stall off: a test of its own has that. */
const quiet = (redis: RedisClient.RedisClient) =>
  Wait.until(
    "nothing is on its way",
    Effect.map(redis.stats, ({ inFlight }) => inFlight === 0)
  )

describe("A server that freezes, and thaws", () => {
  it.live("first call at its deadline, then refused at once, then closed by itself long before resetTimeout", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      // The circuit would stay open for half a minute.
      const { redis } = yield* build({ port: server.port, commandTimeout: "200 millis" })
      yield* redis.set("a", "1")
      yield* quiet(redis)
      yield* server.freeze

      const first = yield* Wait.timed(Effect.flip(redis.get("a")))
      assert.strictEqual(first.value._tag, "RedisTimeoutError")
      assert.isAtLeast(first.millis, 195)
      assert.isBelow(first.millis, 200 + slack)
      const state = yield* redis.breaker.state
      assert.strictEqual(state._tag, "Open")

      const second = yield* Wait.timed(Effect.flip(redis.get("a")))
      assert.strictEqual(second.value._tag, "RedisCircuitBreakerOpenError")
      assert.isBelow(second.millis, 50)

      yield* server.thaw
      const back = yield* Wait.timed(Wait.until("the circuit is closed", breakerIs(redis, "Closed")))
      assert.isBelow(back.millis, 1500)
      assert.deepStrictEqual(yield* redis.get("a"), Option.some("1"))
    })
  )

  // The byte that came just after the commands were sent (the reply to an earlier one) makes their
  // timeouts plain failures. They open the circuit, so that no later command can find the stall.
  it.live("also where the reply to an earlier command came after the last one was sent", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const proxy = yield* TcpProxy.make(server.port)
      const { redis } = yield* build({ port: proxy.port, commandTimeout: "200 millis" })
      yield* quiet(redis)
      const lost: Array<string> = []
      of(redis).listen((event) => {
        if (event._tag === "SessionLost") lost.push(event.error.reason)
      })
      yield* proxy.hold
      of(redis).send(RedisCommand.make("PING"), {}, () => {})
      const calls = yield* Effect.forkChild(
        Effect.forEach(Array.from({ length: 5 }), () => Effect.flip(redis.incr("counter")), {
          concurrency: "unbounded"
        }),
        { startImmediately: true }
      )
      yield* server.cli("CLIENT", "PAUSE", 5000, "WRITE")
      yield* proxy.pass
      for (const error of yield* Fiber.join(calls)) assert.strictEqual(error._tag, "RedisTimeoutError")
      yield* Wait.until("the stall is found", () => lost.length > 0)
      assert.deepStrictEqual(lost, ["Stalled"])
      const back = yield* Wait.timed(Wait.until("the circuit is closed", breakerIs(redis, "Closed")))
      assert.isBelow(back.millis, 1500)
    })
  )

  it.live("a hundred calls in flight are one stall", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const { redis } = yield* build({ port: server.port, commandTimeout: "200 millis" })
      yield* redis.ping
      yield* quiet(redis)
      yield* server.freeze
      const { millis, value } = yield* Wait.timed(
        Effect.forEach(Array.from({ length: 100 }), () => Effect.flip(redis.get("a")), { concurrency: "unbounded" })
      )
      assert.isBelow(millis, 200 + slack)
      // The oldest met its deadline and the others its end; one that began only then was refused.
      for (const error of value) {
        assert.oneOf(error._tag, ["RedisTimeoutError", "RedisConnectionError", "RedisCircuitBreakerOpenError"])
      }
      assert.strictEqual((yield* redis.breaker.state)._tag, "Open")
      yield* server.thaw
      yield* Wait.until("the circuit is closed", breakerIs(redis, "Closed"))
    })
  )
})

describe("A server that is killed and started", () => {
  it.live("fails typed meanwhile and is back soon after", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const { health, redis } = yield* build({ port: server.port })
      yield* redis.set("a", "1")
      yield* server.kill
      yield* Wait.until(
        "it is down",
        Effect.map(isUp(health), (up) => !up)
      )
      const results = yield* Effect.forEach(Array.from({ length: 10 }), () => Effect.result(redis.incr("b")), {
        concurrency: "unbounded"
      })
      for (const result of results) {
        assert.isTrue(Result.isFailure(result))
        if (Result.isFailure(result)) {
          assert.oneOf(result.failure._tag, ["RedisConnectionError", "RedisCircuitBreakerOpenError"])
        }
      }
      yield* server.start
      const back = yield* Wait.timed(Wait.until("it is up", isUp(health)))
      assert.isBelow(back.millis, 500 * 1.25 + slack)
      assert.strictEqual(yield* redis.incr("b"), 1)
      assert.strictEqual((yield* redis.breaker.state)._tag, "Closed")
    })
  )
})

describe("A master that becomes a replica, and a master again", () => {
  it.live("writes fail typed, reads keep their connection, the breaker stays closed", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const proxy = yield* TcpProxy.make(server.port)
      const { redis } = yield* build({ port: proxy.port })
      yield* redis.set("a", "1")
      const id = yield* redis.run(RedisCommand.make("CLIENT", ["ID"]))
      yield* server.cli("REPLICAOF", "127.0.0.1", yield* FreePort.make)
      for (const _ of [1, 2, 3]) {
        const error = yield* Effect.flip(redis.incr("b"))
        assert.strictEqual(error._tag === "RedisOperationError" && error.code, "READONLY")
      }
      yield* Wait.until(
        "a connection has looked whether the address leads to a master now, and is gone",
        Effect.map(proxy.stats, ({ connections, open }) => connections >= 2 && open === 1)
      )
      assert.deepStrictEqual(yield* redis.get("a"), Option.some("1"))
      assert.strictEqual(yield* redis.run(RedisCommand.make("CLIENT", ["ID"])), id)
      // Not once per refused write: at most once a second.
      assert.isBelow((yield* proxy.stats).connections, 4)
      assert.strictEqual((yield* redis.breaker.state)._tag, "Closed")

      // An idempotent write is patient: it is sent again, and finds a master.
      const write = yield* Effect.forkChild(redis.set("a", "2"), { startImmediately: true })
      yield* server.cli("REPLICAOF", "NO", "ONE")
      const exit = yield* Fiber.await(write)
      assert.isTrue(Exit.isSuccess(exit), Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "")
      assert.strictEqual(yield* redis.incr("b"), 1)
    })
  )

  it.live("the connection is replaced when the address leads to another server, which is a master", () =>
    Effect.gen(function* () {
      const [replica, master] = [yield* RedisServer.make(), yield* RedisServer.make()]
      const live = yield* IoredisConnector.make()
      let { port } = replica
      const connector: RedisConnector.RedisConnector["Service"] = {
        ...live,
        connect: ({ host }, login) => live.connect({ host, port }, login)
      }
      const redis = yield* RedisClient.make({ topology: RedisTopology.server({ host: "127.0.0.1", port: 1 }) }).pipe(
        Effect.provideService(RedisConnector.RedisConnector, connector)
      )
      yield* redis.set("a", "1")
      yield* replica.cli("REPLICAOF", "127.0.0.1", yield* FreePort.make)
      port = master.port
      assert.isTrue(yield* redis.set("b", "2"))
      assert.strictEqual(String(yield* master.cli("GET", "b")), "2")
      assert.strictEqual((yield* redis.breaker.state)._tag, "Closed")
    })
  )
})

describe("A pipeline", () => {
  it.live("of replies that say Redis cannot serve counts against the breaker", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const { redis } = yield* build({ port: server.port, failureThreshold: 1, maxRetries: 0 })
      yield* server.cli("CONFIG", "SET", "replica-serve-stale-data", "no")
      yield* server.cli("REPLICAOF", "127.0.0.1", yield* FreePort.make)
      const results = yield* redis.pipeline([RedisCommand.make("GET", ["a"]), RedisCommand.make("GET", ["b"])])
      for (const result of results) {
        assert.isTrue(Result.isFailure(result))
        if (Result.isFailure(result)) assert.include(result.failure, { code: "MASTERDOWN" })
      }
      assert.isTrue(yield* breakerIs(redis, "Open"))
    })
  )
})
