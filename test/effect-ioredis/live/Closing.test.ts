import * as ChildProcess from "node:child_process"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Logger, Result, Scope } from "effect"
import {
  IoredisConnector,
  Redis,
  RedisClient,
  RedisCommand,
  RedisConnector,
  type RedisError,
  RedisTopology,
  RuntimeSettings
} from "effect-ioredis"
import { of } from "effect-ioredis/dispatch"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import type { Closed } from "../../support/ClosingProgram.ts"
import * as FreePort from "../../support/FreePort.ts"
import * as RedisServer from "../../support/RedisServer.ts"
import * as TcpProxy from "../../support/TcpProxy.ts"
import * as Wait from "../../support/Wait.ts"

const closeTimeout = 200

/** What the machine may add to it when two tests share its cores. */
const slack = 150

type Build = Fiber.Fiber<RedisClient.RedisClient, RedisError.RedisConnectionError>

/** Begins to make a client, brings about a state, and gives how long closing took. */
const closing = <E, R>(
  { host, port, ...options }: Partial<RedisConnector.RedisAddress> & RedisClient.Options,
  bringAbout: (building: Build) => Effect.Effect<unknown, E, R>
) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const building = yield* RedisClient.make({
      topology: RedisTopology.server({ host: host ?? "127.0.0.1", port: port ?? 6379 }),
      closeTimeout: `${closeTimeout} millis`,
      ...options
    }).pipe(
      Effect.provideService(RedisConnector.RedisConnector, yield* IoredisConnector.make()),
      Effect.provide(Logger.layer([])),
      Scope.provide(scope),
      Effect.forkChild({ startImmediately: true })
    )
    yield* bringAbout(building)
    const { millis } = yield* Wait.timed(Effect.andThen(Fiber.interrupt(building), Scope.close(scope, Exit.void)))
    const built = building.pollUnsafe()
    if (built !== undefined && Exit.isSuccess(built)) {
      assert.strictEqual((yield* built.value.stats).connection, "Closed")
    }
    assert.isBelow(millis, closeTimeout + slack)
    return millis
  })

const ready = (building: Build) => Effect.tap(Fiber.join(building), (redis) => Effect.map(redis.stats, isReady))

const isReady = ({ connection }: RedisClient.Stats) => assert.strictEqual(connection, "Ready")

const failed = (building: Build) =>
  Effect.flatMap(Fiber.join(building), (redis) =>
    Wait.until(
      "it has failed",
      Effect.map(redis.stats, ({ connectError }) => connectError !== undefined)
    )
  )

const sendAll = (redis: RedisClient.RedisClient, count: number, command: RedisCommand.RedisCommand) => {
  const results: Array<Result.Result<RedisCommand.Reply, RedisError.RedisCommandError>> = []
  for (let index = 0; index < count; index++) of(redis).send(command, {}, (result) => results.push(result))
  return results
}

describe("Closing takes at most closeTimeout", () => {
  it.live("up: at once, and the server sees it go", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const millis = yield* closing({ port: server.port }, ready)
      assert.isBelow(millis, slack)
      yield* Wait.until(
        "no client of ours is left",
        Effect.map(server.cli("CLIENT", "LIST"), (list) => !String(list).includes("effect-ioredis"))
      )
    })
  )

  it.live("up, with commands in flight: their replies are waited for", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const results: Array<Result.Result<RedisCommand.Reply, unknown>> = []
      const millis = yield* closing({ port: server.port }, (building) =>
        Effect.map(ready(building), (redis) => {
          of(redis).send(RedisCommand.make("BLPOP", ["none", "0.05"]), {}, (result) => results.push(result))
          of(redis).send(RedisCommand.make("INCR", ["counter"]), {}, (result) => results.push(result))
        })
      )
      assert.deepStrictEqual(results, [Result.succeed(null), Result.succeed(1)])
      assert.isAbove(millis, 40)
    })
  )

  it.live("up, with commands in flight on a connection that has a successor: their replies are waited for", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const settings = yield* RuntimeSettings.RuntimeSettings
      const results: Array<Result.Result<RedisCommand.Reply, unknown>> = []
      yield* closing({ port: server.port }, (building) =>
        Effect.gen(function* () {
          const redis = yield* ready(building)
          const { nodes, send } = of(redis)
          const id = Effect.sync(() => nodes()[0]?.sessions()[0]?.id)
          const before = yield* id
          send(RedisCommand.make("BLPOP", ["none", "0.1"]), {}, (result) => results.push(result))
          yield* settings.update({ connection: { username: "default" } })
          yield* Wait.until(
            "it has a successor",
            Effect.map(id, (now) => now !== before)
          )
          send(RedisCommand.make("INCR", ["counter"]), {}, (result) => results.push(result))
        })
      )
      assert.deepStrictEqual(results, [Result.succeed(null), Result.succeed(1)])
    }).pipe(Effect.provide(Layer.provide(RuntimeSettings.layer(), Logger.layer([]))))
  )

  it.live("frozen, with nothing in flight: at once", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const millis = yield* closing({ port: server.port }, (building) => Effect.andThen(ready(building), server.freeze))
      assert.isBelow(millis, slack)
    })
  )

  it.live("frozen, with commands in flight: each gets one answer, outcome unknown", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      let results: ReturnType<typeof sendAll> = []
      const millis = yield* closing({ port: server.port }, (building) =>
        Effect.gen(function* () {
          const redis = yield* ready(building)
          yield* server.freeze
          results = sendAll(redis, 50, RedisCommand.make("INCR", ["counter"]))
        })
      )
      assert.isAbove(millis, closeTimeout - 5)
      assert.strictEqual(results.length, 50)
      for (const result of results) {
        assert.isTrue(Result.isFailure(result) && result.failure._tag === "RedisConnectionError")
        if (Result.isFailure(result)) assert.include(result.failure, { sent: "unknown" })
      }
    })
  )

  it.live("dead, and reconnecting", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const millis = yield* closing({ port: server.port }, (building) =>
        Effect.gen(function* () {
          const redis = yield* ready(building)
          yield* server.kill
          yield* Wait.until(
            "it is refused",
            Effect.map(redis.stats, ({ connectError }) => connectError?.reason === "Refused")
          )
        })
      )
      assert.isBelow(millis, slack)
    })
  )

  it.live("lost this very moment", () =>
    Effect.gen(function* () {
      const proxy = yield* TcpProxy.make((yield* RedisServer.make()).port)
      const millis = yield* closing({ port: proxy.port }, (building) =>
        Effect.flatMap(ready(building), (redis) => redis.reconnect)
      )
      assert.isBelow(millis, slack)
    })
  )

  it.live("never connected: refused, unknown host, accepted but silent, and not even tried yet", () =>
    Effect.gen(function* () {
      const proxy = yield* TcpProxy.make((yield* RedisServer.make()).port)
      yield* proxy.silent
      const connected = Wait.until(
        "it has connected",
        Effect.map(proxy.stats, ({ open }) => open > 0)
      )
      for (const millis of [
        yield* closing({ port: yield* FreePort.make, connectTimeout: "100 millis" }, failed),
        yield* closing({ host: "no-such-host.invalid", connectTimeout: "100 millis" }, failed),
        yield* closing({ port: proxy.port }, () => connected),
        yield* closing({ port: proxy.port }, () => Effect.void),
        yield* closing({ host: "no-such-host.invalid" }, () => Effect.void)
      ]) {
        assert.isBelow(millis, slack)
      }
    })
  )

  it.live("while the server is still loading its data", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({
        config: ["enable-debug-command yes", "loading-process-events-interval-bytes 1024"]
      })
      yield* server.cli("DEBUG", "POPULATE", 3000, "key", 100)
      yield* server.cli("CONFIG", "SET", "key-load-delay", 1000)
      yield* Effect.forkScoped(Effect.ignore(server.cli("DEBUG", "RELOAD")))
      yield* Wait.until(
        "it is loading",
        Effect.map(server.cli("INFO", "persistence"), (info) => String(info).includes("\nloading:1"))
      )
      const millis = yield* closing({ port: server.port, connectTimeout: "100 millis" }, (building) =>
        Effect.gen(function* () {
          yield* failed(building)
          const { connectError, connection } = yield* (yield* Fiber.join(building)).stats
          assert.deepStrictEqual([connection, connectError?.reason], ["Connecting", "NotReady"])
        })
      )
      assert.isBelow(millis, slack)
    })
  )

  it.live("after closing, calls fail typed and at once", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(Redis.layer({ host: "127.0.0.1", port: server.port }), scope)
      const get = Effect.flatMap(RedisClient.RedisClient, (redis) => redis.get("a")).pipe(Effect.provide(context))
      yield* get
      yield* Scope.close(scope, Exit.void)
      const { millis, value } = yield* Wait.timed(Effect.flip(get))
      assert.include(value, { _tag: "RedisConnectionError", reason: "Closed", sent: "never" })
      assert.isBelow(millis, slack)
    })
  )

  it.live("a client with calls in flight on a frozen server", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const scope = yield* Scope.make()
      const layer = Redis.layer({ host: "127.0.0.1", port: server.port, closeTimeout: `${closeTimeout} millis` })
      const context = yield* Layer.buildWithScope(layer, scope)
      const redis = yield* Effect.provide(RedisClient.RedisClient, context)
      yield* redis.ping
      yield* server.freeze
      const calls = yield* Effect.forkChild(
        Effect.all(
          Array.from({ length: 20 }, () => Effect.flip(redis.incr("counter"))),
          { concurrency: "unbounded" }
        ),
        { startImmediately: true }
      )
      const { millis } = yield* Wait.timed(Scope.close(scope, Exit.void))
      assert.isBelow(millis, closeTimeout + slack)
      for (const error of yield* Fiber.join(calls))
        assert.include(error, { _tag: "RedisConnectionError", sent: "unknown" })
    })
  )

  it.effect("calls that may be sent again end with it at once, and are not tried again", () =>
    Effect.gen(function* () {
      const server = yield* SimulatedRedis.make()
      const scope = yield* Scope.make()
      const redis = yield* RedisClient.make().pipe(
        Effect.provideService(RedisConnector.RedisConnector, server.connector),
        Scope.provide(scope)
      )
      yield* server.inject(Fault.freeze)
      const call = yield* Effect.forkChild(Effect.flip(redis.set("a", "1")), { startImmediately: true })
      yield* TestClock.adjust(0)
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust(0)
      assert.isDefined(call.pollUnsafe())
      assert.include(yield* Fiber.join(call), { _tag: "RedisConnectionError", reason: "Closed", sent: "unknown" })
    })
  )

  it.live("several connections at once, not one after the other", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const scope = yield* Scope.make()
      const layer = Redis.layer({
        host: "127.0.0.1",
        port: server.port,
        maxConnections: 3,
        closeTimeout: `${closeTimeout} millis`
      })
      const redis = yield* Effect.provide(RedisClient.RedisClient, yield* Layer.buildWithScope(layer, scope))
      const { nodes, send } = of(redis)
      const open = () => nodes().flatMap((node) => node.sessions())
      yield* Wait.until(
        "the pool is whole",
        Effect.sync(() => open().length === 3)
      )
      const sessions = open()
      yield* server.freeze
      for (const session of sessions) send(RedisCommand.make("PING"), { session }, () => {})
      const { millis } = yield* Wait.timed(Scope.close(scope, Exit.void))
      assert.isBelow(millis, closeTimeout + slack)
    })
  )
})

describe("Closing leaves nothing behind", () => {
  it.live("no timer, socket or listener in any state, and the process ends by itself", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const closedPort = yield* FreePort.make
      const program = fileURLToPath(new URL("../../support/ClosingProgram.ts", import.meta.url))
      const args = ["--import", "tsx", program, server.port, yield* server.pid, closedPort].map(String)
      const output = yield* Effect.callback<string>((resume, signal) => {
        ChildProcess.execFile(process.execPath, args, { timeout: 15_000, signal }, (error, stdout, stderr) =>
          resume(
            error === null ? Effect.succeed(stdout) : Effect.die(new Error(`${error.message}\n${stdout}${stderr}`))
          )
        )
      })
      const line = output.trim().split("\n").at(-1) ?? ""
      const states: ReadonlyArray<Closed> = JSON.parse(line)
      assert.isAbove(states.length, 8)
      for (const { after, before, state } of states) {
        assert.deepStrictEqual({ state, open: after }, { state, open: before })
      }
    })
  )
})
