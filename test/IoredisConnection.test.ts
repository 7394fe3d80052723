import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, Redacted, Result } from "effect"
import { Redis, RedisClient, RedisCommand, RedisConnection, type RedisError } from "effect-ioredis"
import * as Connect from "./support/Connect.ts"
import * as RedisServer from "./support/RedisServer.ts"
import * as TcpProxy from "./support/TcpProxy.ts"
import * as Wait from "./support/Wait.ts"

const send = (
  connection: RedisConnection.RedisConnection,
  name: string,
  ...args: ReadonlyArray<RedisCommand.Argument>
) => RedisConnection.send(connection, RedisCommand.make(name, args))

/** Sends at once and collects what comes, without a fiber per command. */
const sendAll = (connection: RedisConnection.RedisConnection, count: number, command: RedisCommand.RedisCommand) => {
  const results: Array<Result.Result<RedisCommand.Reply, RedisError.RedisCommandError>> = []
  for (let index = 0; index < count; index++) connection.send(command, (result) => results.push(result))
  return results
}

const incr = RedisCommand.make("INCR", ["counter"])

describe("Connecting", () => {
  it.live("becomes ready and says so; before that nothing is sent", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const connection = yield* Connect.open({ port: server.port })
      assert.strictEqual(connection.status(), "Connecting")
      const early = yield* Effect.flip(send(connection, "INCR", "counter"))
      assert.include(early, { _tag: "RedisConnectionError", reason: "NotReady", sent: "never" })
      const events: Array<string> = []
      const stop = connection.listen((event) => events.push(event._tag))
      yield* RedisConnection.awaitReady(connection)
      assert.strictEqual(connection.status(), "Ready")
      assert.deepStrictEqual(events, ["Ready"])
      assert.strictEqual(yield* send(connection, "INCR", "counter"), 1)

      yield* server.kill
      yield* Wait.until("it was lost and not made again", () => events.includes("Failed"))
      assert.deepStrictEqual(events.slice(0, 3), ["Ready", "Lost", "Failed"])
      assert.strictEqual(connection.status(), "Reconnecting")
      assert.strictEqual(connection.lastError()?.reason, "Refused")
      stop()
      const told = events.length
      yield* server.start
      yield* RedisConnection.awaitReady(connection)
      assert.strictEqual(connection.lastError(), undefined)
      assert.strictEqual(events.length, told)
    })
  )

  it.live("over TLS by rediss://, with a certificate that is trusted", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ tls: true, password: "open sesame" })
      assert.match(server.url, /^rediss:/)
      const value = yield* Effect.gen(function* () {
        const redis = yield* RedisClient.RedisClient
        yield* redis.set("a", "ä")
        return yield* redis.get("a")
      }).pipe(Effect.provide(Redis.layer({ url: server.url, tls: { ca: server.ca } })))
      assert.deepStrictEqual(value, Option.some("ä"))
    })
  )

  it.live("with a password, and as a user", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({
        password: "open sesame",
        users: [{ name: "alice", password: "p@ss: %/wörd", rules: "~* &* +@all" }]
      })
      const plain = yield* Connect.ready({ port: server.port, password: Redacted.make("open sesame") })
      assert.strictEqual(yield* send(plain, "ACL", "WHOAMI"), "default")
      const user = yield* Connect.ready({
        port: server.port,
        username: "alice",
        password: Redacted.make("p@ss: %/wörd")
      })
      assert.strictEqual(yield* send(user, "ACL", "WHOAMI"), "alice")
      const url = `redis://alice:${encodeURIComponent("p@ss: %/wörd")}@127.0.0.1:${server.port}`
      const whoami = Effect.flatMap(RedisClient.RedisClient, (redis) =>
        redis.send(RedisCommand.make("ACL", ["WHOAMI"]))
      ).pipe(Effect.provide(Redis.layer({ url })))
      assert.strictEqual(yield* whoami, "alice")
    })
  )

  it.live("to a database by its number, also after a reconnect", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const connection = yield* Connect.ready({ port: server.port, db: 3 })
      yield* send(connection, "SET", "a", "1")
      connection.reconnect()
      yield* Wait.until("it went", () => connection.status() !== "Ready")
      yield* RedisConnection.awaitReady(connection)
      yield* send(connection, "SET", "b", "1")
      const keyspace = String(yield* server.cli("INFO", "keyspace"))
      assert.match(keyspace, /db3:keys=2/)
      assert.notMatch(keyspace, /db0/)
    })
  )
})

describe("Sending", () => {
  it.live("gives replies in order, of every type, and counts them", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const connection = yield* Connect.ready({ port: server.port })
      const before = connection.activity()
      const results = sendAll(connection, 500, incr)
      assert.strictEqual(connection.inFlight(), 500)
      yield* Wait.until("all have come", () => results.length === 500)
      assert.deepStrictEqual(
        results,
        Array.from({ length: 500 }, (_, index) => Result.succeed(index + 1))
      )
      assert.strictEqual(connection.inFlight(), 0)
      assert.isAbove(connection.activity(), before)
      assert.deepStrictEqual(yield* send(connection, "MGET", "counter", "none"), ["500", null])
      const nested = yield* send(connection, "EVAL", "return {1, {2, 'x', {}}, false, redis.error_reply('MY own')}", 0)
      assert.deepStrictEqual(nested, [1, [2, "x", []], null, "MY own"])
    })
  )

  it.live("keeps bytes as they are, both ways", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const connection = yield* Connect.ready({ port: server.port })
      const bytes = Uint8Array.from({ length: 258 }, (_, index) => index)
      // A view into a larger buffer is that part of it only.
      const view = bytes.subarray(1, 257)
      yield* send(connection, "SET", "bytes", view)
      const get = (reply: "text" | "bytes") =>
        RedisConnection.send(connection, RedisCommand.make("GET", ["bytes"], { reply }))
      const read = yield* get("bytes")
      assert.instanceOf(read, Uint8Array)
      assert.deepStrictEqual(Array.from(read as Uint8Array), Array.from(view)) // asserted above
      assert.strictEqual(yield* send(connection, "STRLEN", "bytes"), 256)
      yield* send(connection, "SET", "text", "ä\r\n$3\r\n\u0000😀")
      assert.strictEqual(yield* send(connection, "GET", "text"), "ä\r\n$3\r\n\u0000😀")
      yield* send(connection, "SET", view, "by a key of bytes")
      assert.strictEqual(yield* send(connection, "GET", view), "by a key of bytes")
    })
  )

  it.live("integers are exact, both ways", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const connection = yield* Connect.ready({ port: server.port })
      yield* send(connection, "SET", "n", 9_007_199_254_740_993n)
      assert.strictEqual(yield* send(connection, "GET", "n"), "9007199254740993")
      const { MAX_SAFE_INTEGER: max } = Number
      for (const safe of [0, -1, max - 48, max - 1, max, -max]) {
        yield* send(connection, "SET", "n", safe)
        assert.strictEqual(yield* send(connection, "INCRBY", "n", 0), safe)
      }
      for (const large of [2n ** 53n, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)]) {
        yield* send(connection, "SET", "n", large)
        assert.strictEqual(yield* send(connection, "INCRBY", "n", 0), large)
        const nested = yield* send(connection, "BITFIELD", "bits", "SET", "i64", 0, large, "GET", "i64", 0)
        assert.deepStrictEqual(nested, [0, large])
        yield* send(connection, "DEL", "bits")
      }
      // Text that looks like an integer stays text.
      assert.deepStrictEqual(yield* send(connection, "EVAL", "return {'1', 1}", 0), ["1", 1])
      yield* send(connection, "HSET", "hash", "field", "1")
      assert.deepStrictEqual(yield* send(connection, "HGETALL", "hash"), ["field", "1"])
    })
  )

  it.live("refuses arguments that are none, and the next call works", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const redis = yield* Connect.client(yield* Connect.ready({ port: server.port }))
      const bad: ReadonlyArray<unknown> = [
        { a: 1 },
        undefined,
        null,
        Number.NaN,
        Number.POSITIVE_INFINITY,
        ["a"],
        true,
        Symbol("a"),
        () => "a",
        new Date(0),
        new ArrayBuffer(1)
      ]
      for (const value of bad) {
        // What a program without types, or with a cast, may pass.
        const error = yield* Effect.flip(redis.set("key", value as string))
        assert.include(error, { _tag: "RedisOperationError", code: "ARGUMENT", command: "SET" })
        assert.match(
          error.message,
          /^SET was not sent: argument 2 is .+\. Pass a string, a finite number, a bigint or bytes$/
        )
        assert.deepStrictEqual(yield* redis.get("key"), Option.none())
      }
      const blocking = yield* Effect.flip(redis.send(RedisCommand.make("blpop", ["list", 0])))
      assert.include(blocking, { code: "UNSUPPORTED" })
      const select = yield* Effect.flip(redis.send(RedisCommand.make("SELECT", [1])))
      assert.include(select, { code: "UNSUPPORTED" })
      yield* redis.set("key", "")
      assert.deepStrictEqual(yield* redis.get("key"), Option.some(""))
    })
  )

  it.live("beyond maxInFlight is Saturated and never sent", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const connection = yield* Connect.ready({ port: server.port, maxInFlight: 3 })
      yield* server.freeze
      const results = sendAll(connection, 5, incr)
      assert.strictEqual(results.length, 2)
      for (const result of results) {
        assert.isTrue(Result.isFailure(result))
        if (Result.isFailure(result)) {
          assert.include(result.failure, { _tag: "RedisConnectionError", reason: "Saturated", sent: "never" })
        }
      }
      yield* server.thaw
      yield* Wait.until("the others are answered", () => results.length === 5)
      assert.strictEqual(yield* send(connection, "INCR", "counter"), 4)
    })
  )

  it.live("a reply that comes after its caller has gone is not given to the next", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const proxy = yield* TcpProxy.make(server.port)
      const connection = yield* Connect.ready({ port: proxy.port })
      yield* send(connection, "MSET", "a", "1", "b", "2")
      yield* proxy.hold
      assert.isTrue(Option.isNone(yield* Effect.timeoutOption(send(connection, "GET", "a"), "20 millis")))
      const results = sendAll(connection, 1, RedisCommand.make("GET", ["b"]))
      yield* proxy.pass
      yield* Wait.until("it has come", () => results.length === 1)
      assert.deepStrictEqual(results, [Result.succeed("2")])
    })
  )
})

describe("A loss", () => {
  const failures = (results: ReadonlyArray<Result.Result<unknown, RedisError.RedisCommandError>>) =>
    results.flatMap((result) =>
      Result.isFailure(result) && result.failure._tag === "RedisConnectionError" ? [result.failure] : []
    )

  it.live("SIGKILL cuts 100 commands: one cause, and one failure to the breaker", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const connection = yield* Connect.ready({ port: server.port })
      const redis = yield* Connect.client(connection)
      yield* server.freeze
      const direct = sendAll(connection, 50, incr)
      const calls = yield* Effect.forkChild(
        Effect.forEach(Array.from({ length: 50 }), () => Effect.result(redis.incr("counter")), {
          concurrency: "unbounded"
        }),
        { startImmediately: true }
      )
      yield* Wait.until("all are on their way", () => connection.inFlight() === 100)
      yield* server.kill
      yield* Wait.until("all have failed", () => direct.length === 50)
      const all = failures([...direct, ...(yield* Fiber.join(calls))])
      assert.strictEqual(all.length, 100)
      assert.strictEqual(new Set(all.map(({ cause }) => cause)).size, 1)
      assert.instanceOf(all[0]?.cause, Error)
      for (const error of all) assert.include(error, { sent: "unknown", reason: "Reset" })
      assert.deepStrictEqual(yield* redis.breaker.state, { _tag: "Closed", failures: 1 })
    })
  )

  it.live("two losses have two causes", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const proxy = yield* TcpProxy.make(server.port)
      const connection = yield* Connect.ready({ port: proxy.port })
      const lose = Effect.gen(function* () {
        yield* RedisConnection.awaitReady(connection)
        yield* proxy.hold
        const results = sendAll(connection, 2, incr)
        yield* proxy.cut
        yield* proxy.pass
        yield* Wait.until("both have failed", () => results.length === 2)
        return new Set(failures(results).map(({ cause }) => cause))
      })
      const first = yield* lose
      yield* Wait.until("it is back", () => connection.status() === "Ready")
      const second = yield* lose
      assert.strictEqual(first.size, 1)
      assert.strictEqual(second.size, 1)
      assert.strictEqual(new Set([...first, ...second]).size, 2)
    })
  )

  it.live("INCR executed and then cut: it counts once, and nobody sends it again", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const proxy = yield* TcpProxy.make(server.port)
      const connection = yield* Connect.ready({ port: proxy.port })
      const redis = yield* Connect.client(connection)
      const cutOff = [send(connection, "INCR", "counter"), redis.incr("counter")]
      for (const [index, call] of cutOff.entries()) {
        yield* proxy.cutAfterNextRequest
        const error = yield* Effect.flip(call)
        assert.include(error, { _tag: "RedisConnectionError", sent: "unknown", reason: "Reset" })
        yield* RedisConnection.awaitReady(connection)
        yield* Wait.until("it was executed", counterIs(server, index + 1))
      }
      for (const [index, call] of cutOff.entries()) {
        yield* proxy.dropReplies
        const { commands } = yield* proxy.stats
        const waiting = yield* Effect.forkChild(Effect.flip(call), { startImmediately: true })
        yield* Wait.until("it was executed", counterIs(server, index + 3))
        yield* proxy.pass
        yield* proxy.cut
        assert.include(yield* Fiber.join(waiting), { _tag: "RedisConnectionError", sent: "unknown", reason: "Reset" })
        yield* RedisConnection.awaitReady(connection)
        // The INCR, and CLIENT SETNAME, INFO, CLIENT ID and INFO again of the new connection.
        assert.strictEqual((yield* proxy.stats).commands - commands, 5)
        assert.strictEqual(yield* server.cli("GET", "counter"), String(index + 3))
      }
    })
  )

  it.live("reconnect drops what is in flight and makes a new connection", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const connection = yield* Connect.ready({ port: server.port })
      const before = yield* send(connection, "CLIENT", "ID")
      yield* server.freeze
      const results = sendAll(connection, 2, incr)
      connection.reconnect()
      connection.reconnect()
      yield* Wait.until("both have failed", () => results.length === 2)
      assert.strictEqual(failures(results).length, 2)
      yield* server.thaw
      yield* RedisConnection.awaitReady(connection)
      assert.notStrictEqual(yield* send(connection, "CLIENT", "ID"), before)
    })
  )
})

const counterIs = (server: RedisServer.RedisServer, count: number) =>
  Effect.map(server.cli("GET", "counter"), (value) => value === String(count))
