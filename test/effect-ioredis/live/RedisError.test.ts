import * as Fs from "node:fs"
import * as Path from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Logger, Metric, Redacted, Result } from "effect"
import {
  CircuitBreaker,
  Redis,
  RedisClient,
  RedisCommand,
  RedisConnection,
  RedisConnector,
  RedisError,
  RedisScript
} from "effect-ioredis"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import * as DriverError from "../../../packages/effect-ioredis/src/internal/DriverError.ts"
import * as Captured from "../../support/Captured.ts"
import * as Connect from "../../support/Connect.ts"
import * as FreePort from "../../support/FreePort.ts"
import * as HostileServer from "../../support/HostileServer.ts"
import * as RedisServer from "../../support/RedisServer.ts"
import * as TcpProxy from "../../support/TcpProxy.ts"
import * as Wait from "../../support/Wait.ts"

const anyKind = ["read", "repeatable", "idempotent", "effectful", "blocking", "connection"] as const

/** Two columns of the table: what may send it again, and what the breaker makes of it. */
interface Meaning {
  readonly retries: ReadonlyArray<RedisCommand.CommandKind>
  readonly breaker: "success" | "failure" | "ignored"
}
const meaning = (error: RedisError.RedisCommandError): Meaning => ({
  retries: anyKind.filter((kind) => RedisError.isRetryable(error, kind)),
  breaker: RedisError.outcome(error)
})

const twice = ["read", "repeatable"] as const

const neverSent: Meaning = { retries: anyKind, breaker: "failure" }
const unknownOutcome: Meaning = { retries: twice, breaker: "failure" }
const putOff: Meaning = { retries: anyKind, breaker: "failure" }
const putOffByOneThatLives: Meaning = { retries: anyKind, breaker: "success" }
// What a server of a cluster says because of others says nothing of the server itself.
const putOffBecauseOfOthers: Meaning = { ...putOff, breaker: "ignored" }
const answered: Meaning = { retries: [], breaker: "success" }
const loginRefused: Meaning = { retries: [], breaker: "failure" }

const send = (connection: RedisConnection.RedisConnection, name: string, ...args: ReadonlyArray<string | number>) =>
  RedisConnection.send(connection, RedisCommand.make(name, args))

const refused = (connection: RedisConnection.RedisConnection, name: string, ...args: ReadonlyArray<string | number>) =>
  Effect.flatMap(Effect.flip(send(connection, name, ...args)), (error) =>
    error._tag === "RedisOperationError" ? Effect.succeed(error) : Effect.die(error)
  )

/** A driver's error as IOREDIS notes describe it, where no standalone server can be brought to give it. */
const driverError = (message: string, fields: object = {}): Error => Object.assign(new Error(message), fields)
const replyError = (message: string, fields: object = {}): Error =>
  driverError(message, { name: "ReplyError", ...fields })

const classify = (error: unknown, connectionError?: unknown) =>
  DriverError.classify(error, { command: "GET", connectionError })

describe("Error replies of a real server", () => {
  it.live("WRONGTYPE", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const redis = yield* Connect.connection({ port: server.port })
      yield* send(redis, "SET", "key-of-text", "secret-value")
      const error = yield* refused(redis, "LPUSH", "key-of-text", "secret-item")
      assert.strictEqual(error.code, "WRONGTYPE")
      assert.strictEqual(error.command, "LPUSH")
      assert.match(error.message, /^LPUSH was refused by Redis: WRONGTYPE /)
      assert.deepStrictEqual<Meaning>(meaning(error), answered)
    })
  )

  it.live("NOPERM", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({
        users: [{ name: "reader", password: "open sesame", rules: "~mine:* +@read +info +client +ping" }]
      })
      const redis = yield* Connect.connection({
        port: server.port,
        username: "reader",
        password: Redacted.make("open sesame")
      })
      const command = yield* refused(redis, "SET", "mine:1", "1")
      const key = yield* refused(redis, "GET", "someone-elses")
      for (const error of [command, key]) {
        assert.strictEqual(error.code, "NOPERM")
        assert.include(error.message, "Grant the user")
        assert.notInclude(Captured.everyRendering(error), "someone-elses")
        assert.deepStrictEqual<Meaning>(meaning(error), answered)
      }
    })
  )

  it.live("NOPERM, for what a script or a function may not do, whether it raises or returns it", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({
        users: [{ name: "reader", password: "open sesame", rules: "~mine:* resetchannels +@all -set" }]
      })
      const redis = yield* Connect.connection({
        port: server.port,
        username: "reader",
        password: Redacted.make("open sesame")
      })
      yield* server.cli(
        "FUNCTION",
        "LOAD",
        `#!lua name=own\nredis.register_function("own", function() return redis.call("SET", "mine:1", "1") end)`
      )
      const scripts = [
        `return redis.call("SET", "mine:1", "1")`,
        `return redis.pcall("SET", "mine:1", "1")`,
        `local reply = redis.pcall("SET", "mine:1", "1"); error(reply)`,
        `local reply = redis.pcall("SET", "mine:1", "1"); error(reply.err)`,
        `return redis.call("GET", "someone-elses")`,
        `return redis.call("PUBLISH", "someone-elses", "1")`
      ]
      const calls = [...scripts.map((lua) => ["EVAL", lua, 0] as const), ["FCALL", "own", 0] as const]
      for (const [name, ...args] of calls) {
        const error = yield* refused(redis, name, ...args)
        assert.strictEqual(error.code, "NOPERM", String(args[0]))
        assert.include(error.message, "The user executing the script can't ")
        assert.include(error.message, "Grant the user what the script does")
        assert.notInclude(Captured.everyRendering(error), "someone-elses")
        assert.deepStrictEqual<Meaning>(meaning(error), answered)
      }
      const quoting = yield* refused(redis, "EVAL", `error("I say: The user executing the script can't run it")`, 0)
      assert.strictEqual(quoting.code, "ERR")
    })
  )

  it("NOPERM, for what a script may not do, as later versions say it", () => {
    const said =
      "ERR ACL failure in script: User app has no permissions to run the 'set' command script: f, on @user_script:1."
    const error = DriverError.classify(driverError(said, { name: "ReplyError" }), { command: "EVALSHA" })
    assert.strictEqual(error._tag === "RedisOperationError" && error.code, "NOPERM")
    assert.include(
      error.message,
      "ACL failure in script: User … has no permissions to run the 'set' command, at line 1"
    )
  })

  it.live("OOM, under which DEL and GET still work", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ config: ["maxmemory-policy noeviction"] })
      yield* server.cli("SET", "a", "1")
      yield* server.cli("CONFIG", "SET", "maxmemory", 1)
      const redis = yield* Connect.client({ port: server.port })
      const error = yield* Effect.flip(redis.set("b", "x".repeat(100)))
      assert.strictEqual(error._tag === "RedisOperationError" && error.code, "OOM")
      assert.include(error.message, "maxmemory")
      assert.deepStrictEqual<Meaning>(meaning(error), answered)
      assert.strictEqual((yield* redis.get("a"))._tag, "Some")
      assert.strictEqual(yield* redis.del("a"), 1)
    })
  )

  it.live("READONLY", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ config: [`replicaof 127.0.0.1 ${yield* FreePort.make}`] })
      const redis = yield* Connect.connection({ port: server.port })
      const error = yield* refused(redis, "SET", "a", "1")
      assert.strictEqual(error.code, "READONLY")
      assert.deepStrictEqual<Meaning>(meaning(error), { retries: anyKind, breaker: "success" })
    })
  )

  it.live("MASTERDOWN", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({
        ready: "AnyReply",
        config: [`replicaof 127.0.0.1 ${yield* FreePort.make}`, "replica-serve-stale-data no"]
      })
      const redis = yield* Connect.connection({ port: server.port })
      const error = yield* refused(redis, "GET", "a")
      assert.strictEqual(error.code, "MASTERDOWN")
      assert.deepStrictEqual<Meaning>(meaning(error), putOff)
    })
  )

  it.live("LOADING", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({
        config: ["enable-debug-command yes", "loading-process-events-interval-bytes 1024"]
      })
      yield* server.cli("DEBUG", "POPULATE", 3000, "key", 100)
      const redis = yield* Connect.connection({ port: server.port })
      yield* server.cli("CONFIG", "SET", "key-load-delay", 1000)
      yield* Effect.forkScoped(Effect.ignore(server.cli("DEBUG", "RELOAD")))
      const error = yield* errorOnceIt(redis, "LOADING")
      assert.deepStrictEqual<Meaning>(meaning(error), putOff)
    })
  )

  it.live("BUSY, and a new connection is not ready meanwhile", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ config: ["busy-reply-threshold 20"] })
      const redis = yield* Connect.connection({ port: server.port })
      yield* Effect.forkScoped(Effect.ignore(server.cli("EVAL", "while true do end", 0)))
      const error = yield* errorOnceIt(redis, "BUSY")
      assert.deepStrictEqual<Meaning>(meaning(error), putOff)
      const late = yield* Effect.flip(Connect.connection({ port: server.port }))
      assert.strictEqual(late.reason, "NotReady")
      assert.deepStrictEqual<Meaning>(meaning(late), neverSent)
      yield* server.cli("SCRIPT", "KILL")
      yield* Wait.until("the script is gone", Effect.as(send(redis, "GET", "a"), true))
    })
  )

  it.live("MISCONF: writes and PING fail, GET works, and the breaker stays closed", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({
        config: ["save 3600 1000000", "stop-writes-on-bgsave-error yes", "dbfilename dump.rdb"]
      })
      yield* server.cli("SET", "a", "1")
      // The dump cannot be moved to where a directory is, not even by root.
      Fs.mkdirSync(Path.join(server.dir, "dump.rdb", "in the way"), { recursive: true })
      yield* server.cli("BGSAVE")
      yield* Wait.until(
        "the save has failed",
        Effect.map(server.cli("INFO", "persistence"), (info) => String(info).includes("rdb_last_bgsave_status:err"))
      )
      const redis = yield* Connect.client(
        { port: server.port },
        {
          circuitBreaker: { tripPolicy: CircuitBreaker.consecutive(1) }
        }
      )
      for (const call of [redis.set("a", "2"), redis.ping]) {
        const error = yield* Effect.flip(call)
        assert.strictEqual(error._tag === "RedisOperationError" && error.code, "MISCONF")
        assert.deepStrictEqual<Meaning>(meaning(error), answered)
      }
      assert.strictEqual((yield* redis.get("a"))._tag, "Some")
      assert.strictEqual((yield* redis.breaker.state)._tag, "Closed")
    })
  )

  it.live("NOREPLICAS", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ config: ["min-replicas-to-write 1"] })
      const error = yield* refused(yield* Connect.connection({ port: server.port }), "SET", "a", "1")
      assert.strictEqual(error.code, "NOREPLICAS")
      assert.deepStrictEqual<Meaning>(meaning(error), putOffByOneThatLives)
    })
  )

  it.live("NOSCRIPT, which eval answers by sending the script", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const connection = yield* Connect.connection({ port: server.port })
      const script = RedisScript.make({ lua: "return ARGV[1]", args: (arg: string) => [arg] })
      const error = yield* refused(connection, "EVALSHA", script.sha, 0, "x")
      assert.strictEqual(error.code, "NOSCRIPT")
      assert.deepStrictEqual<Meaning>(meaning(error), answered)
      const redis = yield* Connect.client({ port: server.port })
      assert.strictEqual(yield* redis.eval(script)("x"), "x")
      // Once only: from now on its SHA is known.
      assert.strictEqual(yield* send(connection, "EVALSHA", script.sha, 0, "y"), "y")
    })
  )

  it.live("CLUSTERDOWN", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({
        config: ["cluster-enabled yes", `cluster-port ${yield* FreePort.make}`]
      })
      const error = yield* refused(yield* Connect.connection({ port: server.port }), "GET", "a")
      assert.strictEqual(error.code, "CLUSTERDOWN")
      assert.deepStrictEqual<Meaning>(meaning(error), putOffBecauseOfOthers)
    })
  )

  it.live("TRYAGAIN", () =>
    Effect.gen(function* () {
      const config = Effect.map(FreePort.make, (port) => ["cluster-enabled yes", `cluster-port ${port}`])
      const server = yield* RedisServer.make({ config: yield* config })
      const other = yield* RedisServer.make({ config: yield* config })
      yield* server.cli("CLUSTER", "ADDSLOTSRANGE", 0, 16_383)
      const redis = yield* Connect.connection({ port: server.port })
      yield* Wait.until("half of the keys are here", Effect.as(send(redis, "SET", "{a}1", "1"), true))
      const bus = String(yield* other.cli("CONFIG", "GET", "cluster-port")).split(",")[1] ?? ""
      yield* server.cli("CLUSTER", "MEET", "127.0.0.1", other.port, bus)
      const id = String(yield* other.cli("CLUSTER", "MYID"))
      const slot = String(yield* server.cli("CLUSTER", "KEYSLOT", "{a}"))
      yield* Wait.until(
        "the slot is on its way",
        Effect.as(server.cli("CLUSTER", "SETSLOT", slot, "MIGRATING", id), true)
      )
      const error = yield* refused(redis, "MGET", "{a}1", "{a}2")
      assert.strictEqual(error.code, "TRYAGAIN")
      assert.deepStrictEqual<Meaning>(meaning(error), putOffBecauseOfOthers)
    })
  )

  it.live("ERR: an unknown command, a syntax error, a script that raises", () =>
    Effect.gen(function* () {
      const redis = yield* Connect.connection({ port: (yield* RedisServer.make()).port })
      for (const error of [
        yield* refused(redis, "GTE", "secret-key"),
        yield* refused(redis, "SET", "secret-key", "secret-value", "secret-option"),
        yield* refused(redis, "EVAL", "return redis.error_reply(ARGV[1])", 0, "secret-argument"),
        yield* refused(redis, "EVAL", "error(ARGV[1])", 0, "secret-argument")
      ]) {
        assert.strictEqual(error.code, "ERR")
        assert.deepStrictEqual<Meaning>(meaning(error), answered)
        assert.notInclude(Captured.everyRendering(error), "secret")
      }
    })
  )

  it.live("EXECABORT", () =>
    Effect.gen(function* () {
      const redis = yield* Connect.connection({ port: (yield* RedisServer.make()).port })
      yield* send(redis, "MULTI")
      yield* refused(redis, "SETT", "secret-key", "secret-value")
      const error = yield* refused(redis, "EXEC")
      assert.strictEqual(error.code, "EXECABORT")
      assert.deepStrictEqual<Meaning>(meaning(error), answered)
    })
  )

  it.live("UNBLOCKED", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const redis = yield* Connect.connection({ port: server.port })
      const id = String(yield* send(redis, "CLIENT", "ID"))
      const waiting = yield* Effect.forkChild(refused(redis, "BLPOP", "list", 0), { startImmediately: true })
      yield* Wait.until(
        "it was unblocked",
        Effect.map(server.cli("CLIENT", "UNBLOCK", id, "ERROR"), (reply) => reply === 1)
      )
      const error = yield* Fiber.join(waiting)
      assert.strictEqual(error.code, "UNBLOCKED")
      assert.deepStrictEqual<Meaning>(meaning(error), answered)
    })
  )
})

/** Asks until the server gives an error reply, which has to be this one. */
const errorOnceIt = (connection: RedisConnection.RedisConnection, code: string) =>
  Effect.gen(function* () {
    let found: RedisError.RedisOperationError | undefined
    yield* Wait.until(
      `${code} was answered`,
      Effect.map(Effect.result(send(connection, "GET", "a")), (result) => {
        if (Result.isFailure(result) && result.failure._tag === "RedisOperationError") found = result.failure
        return found !== undefined
      })
    )
    assert.strictEqual(found?.code, code)
    return yield* Effect.orDie(Effect.fromNullishOr(found))
  })

describe("Connections that cannot be made", () => {
  const quietly = Effect.provide(Logger.layer([]))

  const cannotConnect = (options: Omit<Connect.Options, "port"> & { readonly port?: number }) =>
    Effect.gen(function* () {
      const redis = yield* quietly(Connect.client({ port: 6379, ...options }, { connectTimeout: "500 millis" }))
      // The first login and the wait for it end in the same moment.
      yield* Wait.until(
        "it has failed",
        Effect.map(redis.stats, ({ connectError }) => connectError !== undefined)
      )
      const reported = (yield* redis.stats).connectError
      if (reported === undefined) return yield* Effect.die("it has connected")
      assert.include(reported, { command: "CONNECT", sent: "never" })
      const error = yield* Effect.flip(redis.run(RedisCommand.make("GET", ["a"]), { retry: false }))
      if (error._tag !== "RedisConnectionError") return yield* Effect.die(error)
      assert.strictEqual(error.sent, "never")
      assert.strictEqual(error.reason, reported.reason)
      return error
    })

  it.live("NOAUTH: no password given", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ password: "open sesame" })
      const error = yield* cannotConnect({ port: server.port })
      assert.strictEqual(error.reason, "Auth")
      assert.include(error.message, "Check the user name, the password")
      assert.include(String(error.cause), "NOAUTH")
      assert.deepStrictEqual<Meaning>(meaning(error), loginRefused)
    })
  )

  it.live("WRONGPASS: the wrong password, and the wrong user", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ password: "open sesame" })
      const password = Redacted.make("hunter2-secret")
      for (const username of [undefined, "nobody-secret"]) {
        const error = yield* cannotConnect({ port: server.port, username, password })
        assert.strictEqual(error.reason, "Auth")
        assert.include(String(error.cause), "WRONGPASS")
        assert.deepStrictEqual<Meaning>(meaning(error), loginRefused)
        assert.notInclude(Captured.everyRendering(error), "secret")
      }
    })
  )

  it.live("a closed port", () =>
    Effect.gen(function* () {
      const error = yield* cannotConnect({ port: yield* FreePort.make })
      assert.strictEqual(error.reason, "Refused")
      assert.include(error.message, "GET was not sent")
      assert.include(error.message, "Check that Redis runs")
      assert.strictEqual(error.cause instanceof Error && Reflect.get(error.cause, "code"), "ECONNREFUSED")
      assert.deepStrictEqual<Meaning>(meaning(error), neverSent)
    })
  )

  it.live("an unknown host", () =>
    Effect.gen(function* () {
      const error = yield* cannotConnect({ host: "no-such-host.invalid" })
      assert.strictEqual(error.reason, "Dns")
      assert.include(error.message, "Check the host")
      assert.deepStrictEqual<Meaning>(meaning(error), neverSent)
    })
  )

  it.live("TLS to a plain port", () =>
    Effect.gen(function* () {
      const { port } = yield* RedisServer.make()
      const error = yield* cannotConnect({ port, tls: true })
      // Redis takes the greeting for a command: it hangs up where there happens to be a line end in it, else it waits for one.
      assert.oneOf(error.reason, ["Tls", "Timeout"])
      assert.include(error.message, "speaks TLS")
      assert.deepStrictEqual<Meaning>(meaning(error), neverSent)
    })
  )

  it.live("a plain client to a TLS port", () =>
    Effect.gen(function* () {
      const error = yield* cannotConnect({ port: (yield* RedisServer.make({ tls: true })).port })
      // The server hangs up and does not say why.
      assert.strictEqual(error.reason, "Reset")
      assert.deepStrictEqual<Meaning>(meaning(error), neverSent)
    })
  )

  it.live("a certificate that is not trusted", () =>
    Effect.gen(function* () {
      const error = yield* cannotConnect({ port: (yield* RedisServer.make({ tls: true })).port, tls: true })
      assert.strictEqual(error.reason, "Tls")
      assert.include(error.message, "Give the authority's certificate by caFile (REDIS_TLS_CA)")
      assert.deepStrictEqual<Meaning>(meaning(error), neverSent)
    })
  )

  it.live("a database that the server does not have: not another one instead", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const error = yield* cannotConnect({ port: server.port, db: 99 })
      assert.strictEqual(error.reason, "Auth")
      assert.include(String(error.cause), "DB index is out of range")
      assert.strictEqual(yield* server.cli("DBSIZE"), 0)
    })
  )

  it.live("a server that accepts and says nothing", () =>
    Effect.gen(function* () {
      const proxy = yield* TcpProxy.make((yield* RedisServer.make()).port)
      yield* proxy.silent
      const error = yield* cannotConnect({ port: proxy.port })
      assert.strictEqual(error.reason, "Timeout")
      assert.deepStrictEqual<Meaning>(meaning(error), neverSent)
    })
  )

  it.live("a reason is that of the last attempt, not of an earlier one", () =>
    Effect.gen(function* () {
      const proxy = yield* TcpProxy.make((yield* RedisServer.make({ tls: true })).port)
      yield* proxy.refuse
      const redis = yield* quietly(Connect.client({ port: proxy.port }, { connectTimeout: "100 millis" }))
      const reason = Effect.map(redis.stats, ({ connectError }) => connectError?.reason)
      // A busy machine may take longer to refuse than a login may take.
      yield* Wait.until(
        "it is refused",
        Effect.map(reason, (now) => now === "Refused")
      )
      yield* proxy.listen
      yield* Wait.until(
        "the reason has changed",
        Effect.map(reason, (now) => now === "Reset")
      )
    })
  )
})

describe("Commands that were sent", () => {
  it.live("cut: its outcome is unknown", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const redis = yield* Connect.connection({ port: server.port })
      yield* server.freeze
      const waiting = yield* Effect.forkChild(Effect.flip(send(redis, "INCR", "a")), { startImmediately: true })
      yield* server.kill
      const error = yield* Fiber.join(waiting)
      assert.strictEqual(error._tag, "RedisConnectionError")
      assert.include(error, { command: "INCR", reason: "Reset", sent: "unknown" })
      assert.include(error.message, "INCR may or may not have been executed")
      assert.deepStrictEqual<Meaning>(meaning(error), unknownOutcome)
    })
  )

  it.effect("cut, and refused when it was sent again: its outcome is unknown all the same", () =>
    Effect.gen(function* () {
      const server = yield* SimulatedRedis.make()
      const redis = yield* RedisClient.make().pipe(
        Effect.provideService(RedisConnector.RedisConnector, server.connector)
      )
      yield* server.inject(Fault.cut({ executed: true, at: "SET" }))
      const call = yield* Effect.forkChild(Effect.flip(redis.set("a", "1")), { startImmediately: true })
      yield* TestClock.adjust(10)
      yield* server.inject(Fault.refuse)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* server.peek("a"), "1")
      const error = yield* Fiber.join(call)
      assert.include(error, { _tag: "RedisConnectionError", reason: "Refused", sent: "unknown" })
      assert.include(error.message, "SET may or may not have been executed")
    })
  )

  it.live("no reply within the deadline", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const redis = yield* Connect.client({ port: server.port }, { commandTimeout: "50 millis" })
      yield* server.freeze
      const error = yield* Effect.flip(redis.incr("a"))
      assert.strictEqual(error._tag, "RedisTimeoutError")
      assert.include(error.message, "INCRBY had no reply within 50ms; Redis may still execute it")
      assert.deepStrictEqual<Meaning>(meaning(error), unknownOutcome)
    })
  )

  it.live("in flight on a connection that has stalled: it is replaced, and their outcome is unknown", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const redis = yield* Connect.client({ port: server.port }, { commandTimeout: "50 millis" })
      yield* server.freeze
      const incr = Effect.flip(redis.incr("a"))
      // The first one's deadline finds the stall, and both are in flight then.
      const first = yield* Effect.forkChild(incr, { startImmediately: true })
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      const second = yield* Effect.forkChild(incr, { startImmediately: true })
      assert.strictEqual((yield* Fiber.join(first))._tag, "RedisTimeoutError")
      const error = yield* Fiber.join(second)
      assert.include(error, { _tag: "RedisConnectionError", reason: "Stalled", sent: "unknown" })
      assert.include(error.message, "was silent for too long")
      assert.deepStrictEqual<Meaning>(meaning(error), unknownOutcome)
      yield* server.thaw
      yield* Wait.until(
        "it has connected again",
        Effect.map(redis.stats, ({ connection }) => connection === "Ready")
      )
    })
  )

  it.live("bytes that are not Redis: the connection is replaced", () =>
    Effect.gen(function* () {
      let introductions = 0
      const server = yield* HostileServer.make({
        answer: (index) => {
          if (index === 0) introductions++
          return introduction[index] ?? "?garbage\r\n"
        }
      })
      const redis = yield* Connect.client({ port: server.port })
      const error = yield* Effect.flip(redis.run(RedisCommand.make("GET", ["a"]), { retry: false }))
      assert.include(error, { _tag: "RedisConnectionError", reason: "Reset", sent: "unknown" })
      assert.deepStrictEqual<Meaning>(meaning(error), unknownOutcome)
      yield* Wait.until(
        "it has connected again",
        Effect.map(redis.stats, ({ connection }) => introductions > 1 && connection === "Ready")
      )
    })
  )

  it.live("not closed before its scope: then never sent again", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const closed = yield* Effect.scoped(Connect.connection({ port: server.port }))
      const error = yield* Effect.flip(send(closed, "GET", "a"))
      assert.include(error, { _tag: "RedisConnectionError", reason: "Closed", sent: "never" })
      assert.deepStrictEqual<Meaning>(meaning(error), { retries: [], breaker: "failure" })
    })
  )
})

/** What a client asks of each new connection: PING, CLIENT ID, INFO, and TIME three times. */
const time = "*2\r\n$10\r\n1700000000\r\n$1\r\n0\r\n"
const introduction = ["+PONG\r\n", ":1\r\n", "$23\r\nrun_id:a\r\nrole:master\r\n\r\n", time, time, time]

describe("The driver's shapes that no standalone server gives", () => {
  const notSent = {
    "not writeable": "Stream isn't writeable and enableOfflineQueue options is false",
    "Cluster not ready": "Cluster isn't ready and enableOfflineQueue options is false",
    "no startup node": "None of startup nodes is available"
  }
  for (const [name, message] of Object.entries(notSent)) {
    it(`${name}: never sent, with the reason the connection gave`, () => {
      const error = classify(driverError(message))
      assert.include(error, { _tag: "RedisConnectionError", reason: "NotReady", sent: "never", command: "GET" })
      assert.deepStrictEqual<Meaning>(meaning(error), neverSent)
      const known = classify(driverError(message), driverError("connect ECONNREFUSED", { code: "ECONNREFUSED" }))
      assert.include(known, { reason: "Refused", sent: "never" })
      assert.include(String(Reflect.get(known, "cause")), "ECONNREFUSED")
    })
  }

  it("every Cluster node failed to be asked: never sent", () => {
    const error = classify(
      driverError("Failed to refresh slots cache.", { name: "ClusterAllFailedError", lastNodeError: new Error("x") })
    )
    assert.include(error, { _tag: "RedisConnectionError", sent: "never" })
    assert.deepStrictEqual<Meaning>(meaning(error), neverSent)
  })

  const cut = {
    "in flight, flushed": driverError(
      'Reached the max retries per request limit (which is 0). Refer to "maxRetriesPerRequest" option for details.',
      { name: "MaxRetriesPerRequestError" }
    ),
    "a truncated pipeline": driverError("Command aborted due to connection close", {
      name: "AbortError",
      command: { name: "get", args: ["secret-key"] }
    }),
    "garbage bytes": driverError('Unknown RESP type 63 "?". Please report this.'),
    "too many redirections": driverError("Too many Cluster redirections. Last error: Error: Connection is closed."),
    "an error nobody has seen yet": driverError("What is this?")
  }
  for (const [name, shape] of Object.entries(cut)) {
    it(`${name}: outcome unknown`, () => {
      const error = classify(shape)
      assert.include(error, { _tag: "RedisConnectionError", reason: "Reset", sent: "unknown" })
      assert.deepStrictEqual<Meaning>(meaning(error), unknownOutcome)
      assert.notInclude(Captured.everyRendering(error), "secret")
    })
  }

  it("closed or ended: outcome unknown", () => {
    const error = classify(driverError("Connection is closed."))
    assert.include(error, { _tag: "RedisConnectionError", reason: "Closed", sent: "unknown" })
    assert.deepStrictEqual<Meaning>(meaning(error), unknownOutcome)
  })

  it("the driver's own timeout", () => {
    const error = DriverError.classify(driverError("Command timed out"), { command: "GET", timeoutMillis: 2000 })
    assert.strictEqual(error._tag, "RedisTimeoutError")
    assert.include(error.message, "2s")
    assert.deepStrictEqual<Meaning>(meaning(error), unknownOutcome)
  })

  it("NOAUTH and WRONGPASS as replies to a command: not again, and the breaker counts them", () => {
    for (const code of ["NOAUTH", "WRONGPASS"]) {
      const error = classify(replyError(`${code} no`, { command: { name: "auth", args: ["hunter2-secret"] } }))
      assert.include(error, { _tag: "RedisOperationError", code })
      assert.deepStrictEqual<Meaning>(meaning(error), loginRefused)
      assert.notInclude(Captured.everyRendering(error), "hunter2")
    }
  })

  it("EXECABORT says what was wrong, without its arguments", () => {
    const error = DriverError.classify(
      replyError("EXECABORT Transaction discarded because of previous errors.", {
        command: { name: "exec", args: [] },
        previousErrors: [
          replyError("ERR unknown command 'SETT', with args beginning with: 'secret-key' 'secret-value' ", {
            command: { name: "sett", args: ["secret-key", "secret-value"] }
          })
        ]
      }),
      { command: "EXEC" }
    )
    assert.include(error, { _tag: "RedisOperationError", code: "EXECABORT" })
    assert.include(error.message, "unknown command 'SETT'")
    assert.notInclude(Captured.everyRendering(error), "secret")
    assert.deepStrictEqual<Meaning>(meaning(error), answered)
  })

  it("a reply inside EXEC, which does not know its command", () => {
    const error = classify(replyError("WRONGTYPE Operation against a key holding the wrong kind of value"))
    assert.include(error, { _tag: "RedisOperationError", code: "WRONGTYPE", command: "GET" })
  })

  const eventCodes = {
    ECONNREFUSED: "Refused",
    ENOENT: "Refused",
    ENOTFOUND: "Dns",
    EAI_AGAIN: "Dns",
    ETIMEDOUT: "Timeout",
    ECONNRESET: "Reset",
    EPIPE: "Reset"
  }
  for (const [code, reason] of Object.entries(eventCodes)) {
    it(`the connection reports ${code}`, () =>
      assert.strictEqual(DriverError.reasonOf(driverError("", { code })), reason))
  }

  it("the connection reports a silent socket, which has no code", () => {
    const error = driverError("Socket timeout. Expecting data, but didn't receive any in 4000ms.")
    assert.strictEqual(DriverError.reasonOf(error), "Stalled")
  })

  it("what is no error at all", () => {
    for (const thrown of [undefined, null, "text", 1, {}]) {
      assert.include(classify(thrown), { _tag: "RedisConnectionError", sent: "unknown" })
    }
  })
})

describe("This library's own refusals", () => {
  it("say nothing about Redis and are not tried again", () => {
    const saturated = RedisError.connectionError("GET", "Saturated", "never")
    assert.deepStrictEqual<Meaning>(meaning(saturated), { retries: anyKind, breaker: "ignored" })
    for (const code of ["ARGUMENT", "UNSUPPORTED"]) {
      const error = new RedisError.RedisOperationError({ command: "GET", code, message: "" })
      assert.deepStrictEqual<Meaning>(meaning(error), { retries: [], breaker: "ignored" })
    }
  })
})

describe("Nothing that is secret is shown", () => {
  const secrets = ["hunter2", "top-secret", "s3cr3t"]
  const assertSilent = (text: string) => {
    for (const secret of secrets) assert.notInclude(text, secret)
  }

  /** Runs calls that fail on a client of its own, and gives everything that could be seen of it. */
  const observed = (
    options: Parameters<typeof Redis.layer>[0],
    ...commands: ReadonlyArray<RedisCommand.RedisCommand>
  ) =>
    Effect.gen(function* () {
      const captured = Captured.make()
      const errors = yield* Effect.gen(function* () {
        const redis = yield* RedisClient.RedisClient
        return yield* Effect.forEach(commands, (command) => Effect.flip(redis.run(command, { retry: false })))
      }).pipe(
        Effect.tap((errors) => Effect.logError("failed", ...errors)),
        Effect.withSpan("program"),
        Effect.provide(Layer.provideMerge(Redis.layer(options), captured.layer))
      )
      assert.strictEqual(errors.length, commands.length)
      assert.isAbove(captured.spans.length, commands.length)
      assert.isAbove(captured.logs.length, 0)
      const shown = [captured.text(), ...errors.map(Captured.everyRendering)].join("\n")
      assertSilent(shown)
      return shown
    })

  const get = RedisCommand.make("GET", ["top-secret-key"])
  const soon = { connectTimeout: "100 millis", commandTimeout: "100 millis" } as const

  it.live("a wrong password, by URL, by option and for a user", () =>
    Effect.gen(function* () {
      const { port } = yield* RedisServer.make({ password: "s3cr3t" })
      yield* observed({ url: `redis://:hunter2@127.0.0.1:${port}`, ...soon }, get)
      yield* observed({ url: `redis://default:hunter2@127.0.0.1:${port}`, ...soon }, get)
      yield* observed({ host: "127.0.0.1", port, password: "hunter2", ...soon }, get)
      yield* observed({ host: "127.0.0.1", port, username: "bob", password: Redacted.make("hunter2"), ...soon }, get)
    })
  )

  it.live("a user who may not", () =>
    Effect.gen(function* () {
      const { port } = yield* RedisServer.make({
        users: [{ name: "bob", password: "hunter2", rules: "~mine:* +@read +info +client +ping" }]
      })
      const shown = yield* observed(
        { url: `redis://bob:hunter2@127.0.0.1:${port}` },
        get,
        RedisCommand.make("SET", ["mine:1", "top-secret"])
      )
      assert.include(shown, "NOPERM")
    })
  )

  it.live("arguments that Redis quotes in its replies", () =>
    Effect.gen(function* () {
      const { port } = yield* RedisServer.make()
      yield* observed(
        { host: "127.0.0.1", port },
        RedisCommand.make("GTE", ["top-secret-key", "top-secret-value"]),
        RedisCommand.make("CLIENT", ["top-secret"]),
        RedisCommand.make("ACL", ["SETUSER", "bob", "top-secret"]),
        RedisCommand.make("ACL", ["SETUSER", "bob", Buffer.from("top-secret")]),
        RedisCommand.make("CONFIG", ["SET", "top-secret", "1"]),
        RedisCommand.make("EVAL", ["error(ARGV[1])", 0, "top-secret"]),
        RedisCommand.make("EVAL", ["error(ARGV[1])", 0, Buffer.from("top-secret")]),
        RedisCommand.make("EVAL", ["return redis.error_reply('MY ' .. ARGV[1])", 0, "top-secret"]),
        // What the script makes of it, and what it reads from Redis, is as secret.
        RedisCommand.make("EVAL", ["error(string.lower(ARGV[1]))", 0, "TOP-SECRET"]),
        RedisCommand.make("EVAL", [
          "redis.call('SET', KEYS[1], 'top-' .. 'secret') error(redis.call('GET', KEYS[1]))",
          1,
          "key"
        ]),
        RedisCommand.make("EVALSHA", ["top-secret", 0])
      )
    })
  )

  /** What errors say of commands that fail, each with its code. */
  const messages = (
    options: Parameters<typeof Redis.layer>[0],
    commands: ReadonlyArray<readonly [string, ...ReadonlyArray<RedisCommand.Argument>]>
  ) =>
    Effect.gen(function* () {
      const redis = yield* RedisClient.RedisClient
      return yield* Effect.forEach(commands, ([name, ...args]) =>
        Effect.map(Effect.flip(redis.run(RedisCommand.make(name, args))), (error) => ({
          code: error._tag === "RedisOperationError" ? error.code : error._tag,
          text: error.message.slice(error.message.indexOf(":") + 2)
        }))
      )
    }).pipe(Effect.provide(Redis.layer(options)))

  const scripts: ReadonlyArray<readonly [string, ...ReadonlyArray<RedisCommand.Argument>]> = [
    ["EVAL", "return redis.error_reply(ARGV[1])", 0, "SECRET of mine"],
    ["EVAL", "return redis.error_reply(ARGV[1])", 0, "WRONGTYPE of mine"],
    ["EVAL", "local t = nil\nreturn t.x", 0],
    ["EVAL", "return x y (", 0]
  ]

  it.live("keys of any length and any other argument, but Redis' own words are, whatever the arguments are", () =>
    Effect.gen(function* () {
      const { url } = yield* RedisServer.make()
      const shown = yield* messages({ url }, [
        ["GTE", "q", "q7"],
        ["GTE", "two\r\nlines", "it's"],
        ["GEOADD", "k", "181.5", "12.25", "m"],
        ["RENAME", "no", "such"],
        ["SET", "syntax", "error", "ERR"]
      ])
      assert.deepStrictEqual(shown, [
        { code: "ERR", text: "ERR unknown command 'GTE', with args beginning with: …" },
        { code: "ERR", text: "ERR unknown command 'GTE', with args beginning with: …" },
        { code: "ERR", text: "ERR invalid longitude,latitude pair …" },
        { code: "ERR", text: "ERR no such key" },
        { code: "ERR", text: "ERR syntax error" }
      ])
    })
  )

  it.live("what a script raises, unless it is asked for, but the line and what Lua says of it are", () =>
    Effect.gen(function* () {
      const { url } = yield* RedisServer.make()
      const notShown = "(the reply's text is not shown, for it may hold data)"
      assert.deepStrictEqual(yield* messages({ url }, scripts), [
        { code: "ERR", text: `ERR ${notShown}` },
        { code: "WRONGTYPE", text: `WRONGTYPE ${notShown}` },
        { code: "ERR", text: "ERR attempt to index local '…' (a nil value), at line 2 of the script" },
        {
          code: "ERR",
          text: "ERR Error compiling script (new function): '<eof>' expected near '…', at line 1 of the script"
        }
      ])
      const [raised, , , syntax] = yield* messages({ url, showScriptErrors: true }, scripts)
      assert.deepStrictEqual(raised, { code: "ERR", text: "SECRET of mine" })
      assert.include(syntax?.text, "user_script:1: '<eof>' expected near 'y'")
    })
  )

  it.live("what a script raises, in a label of a metric", () =>
    Effect.gen(function* () {
      const { url } = yield* RedisServer.make()
      yield* messages({ url, showScriptErrors: true }, scripts)
      const codes = (yield* Metric.snapshot).flatMap(({ attributes, id }) =>
        id === "redis.client.errors" ? [attributes?.["error.type"]] : []
      )
      assert.deepStrictEqual(codes.sort(), ["ERR", "WRONGTYPE"])
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
  )

  it.live("values that are cut or time out", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const proxy = yield* TcpProxy.make(server.port)
      const redis = yield* Connect.client({ port: proxy.port }, { commandTimeout: "50 millis" })
      yield* proxy.cutAfterRequest
      const cut = yield* Effect.flip(redis.set("top-secret-key", "top-secret", { condition: "ifAbsent" }))
      assertSilent(Captured.everyRendering(cut))
      yield* proxy.pass
      yield* Wait.until(
        "it is back",
        Effect.map(redis.stats, ({ connection }) => connection === "Ready")
      )
      yield* server.freeze
      assertSilent(Captured.everyRendering(yield* Effect.flip(redis.set("top-secret-key", "top-secret"))))
    })
  )

  it.live("bad settings", () =>
    Effect.gen(function* () {
      for (const options of [
        { url: "redis://:hunter2@" },
        { url: "redis//hunter2" },
        { url: "redis://:hunter2%ff@localhost" },
        { url: "redis://:hunter2%@localhost" },
        { url: "http://bob:hunter2@localhost" },
        { host: "redis://:hunter2@localhost:6379" },
        { host: "bob:hunter2@localhost" }
      ]) {
        const error = yield* Effect.flip(Effect.scoped(Layer.build(Redis.layer(options))))
        assert.strictEqual(error._tag, "ConfigError")
        assertSilent(Captured.everyRendering(error))
      }
    })
  )
})
