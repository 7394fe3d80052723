import { assert, describe, it, vi } from "@effect/vitest"
import { Effect, Fiber, Redacted, Result } from "effect"
import * as IoredisConnector from "effect-ioredis/IoredisConnector"
import * as RedisCommand from "effect-ioredis/RedisCommand"
import * as RedisConnection from "effect-ioredis/RedisConnection"
import type { RedisLogin } from "effect-ioredis/RedisConnector"
import type * as RedisError from "effect-ioredis/RedisError"
import { liveHarness } from "../../suites/liveHarness.ts"
import { redisConnectionSuite } from "../../suites/redisConnection.ts"
import * as Captured from "../../support/Captured.ts"
import * as HostileServer from "../../support/HostileServer.ts"
import * as RedisServer from "../../support/RedisServer.ts"
import * as Wait from "../../support/Wait.ts"

const password = "open sesame"

redisConnectionSuite("ioredis and a real server", liveHarness())

const connect = (port: number, login: RedisLogin = {}, options?: IoredisConnector.Options) =>
  Effect.flatMap(IoredisConnector.make(options), (connector) => connector.connect({ host: "127.0.0.1", port }, login))

/** Submits commands at once and keeps what comes, a failure as its reason, `sent` and cause. */
const submitAll = (connection: RedisConnection.RedisConnection, commands: ReadonlyArray<RedisCommand.RedisCommand>) => {
  const results: Array<unknown> = []
  for (const command of commands) {
    connection.submit(command, (result) =>
      results.push(Result.isSuccess(result) ? result.success : shown(result.failure))
    )
  }
  return results
}

const shown = (error: RedisError.RedisCommandError): string =>
  error._tag === "RedisConnectionError"
    ? `${error.reason} ${error.sent}: ${error.cause instanceof Error ? error.cause.message : error.cause}`
    : `${error._tag}: ${error.message}`

const get = (key: string) => RedisCommand.make("GET", [key])

const unasked = "Reset unknown: Redis sent a reply that nobody asked for"
const malformed = "Reset unknown: Redis sent something that is not RESP2"

describe("Nothing that a server sends reaches another caller or ends the process", () => {
  for (const reply of ["$-1\r\n", "$5\r\nvalue\r\n", "-ERR what\r\n", ":1\r\n", "*0\r\n", "+"]) {
    it.live(`unasked: ${JSON.stringify(reply)}`, () =>
      Effect.gen(function* () {
        const server = yield* HostileServer.make()
        const connection = yield* connect(server.port)
        const causes: Array<unknown> = []
        connection.onLoss((error) => causes.push(error))
        yield* server.say(reply)
        yield* Wait.until("it is lost", () => causes.length === 1)
        const late = submitAll(connection, [get("a")])
        yield* Wait.until("it is answered", () => late.length === 1)
        assert.deepStrictEqual(late, ["Reset never: Redis sent a reply that nobody asked for"])
        yield* Wait.until("the socket is gone", () => server.open() === 0)
      })
    )
  }

  it.live("one reply too many in the chunk of the last expected one: each has its own, and the connection ends", () =>
    Effect.gen(function* () {
      const server = yield* HostileServer.make({
        answer: (index) => (index === 2 ? "$1\r\n0\r\n$1\r\n1\r\n$1\r\n2\r\n$-1\r\n$1\r\n4\r\n" : undefined)
      })
      const connection = yield* connect(server.port)
      const results = submitAll(connection, [get("0"), get("1"), get("2")])
      yield* Wait.until("all are answered", () => results.length === 3 && !connection.isOpen())
      assert.deepStrictEqual(results, ["0", "1", "2"])
    })
  )

  it.live("a command submitted by the callback of a reply does not get what that chunk still holds", () =>
    Effect.gen(function* () {
      const server = yield* HostileServer.make({
        answer: (index) => (index === 0 ? "$1\r\na\r\n$1\r\nb\r\n" : undefined)
      })
      const connection = yield* connect(server.port)
      const results: Array<unknown> = []
      const keep = (result: RedisConnection.ReplyResult) =>
        results.push(Result.isSuccess(result) ? result.success : shown(result.failure))
      connection.submit(get("a"), (result) => {
        keep(result)
        connection.submit(get("mine"), keep)
      })
      yield* Wait.until("both have come", () => results.length === 2)
      assert.deepStrictEqual(results, ["a", unasked])
    })
  )

  const garbage = [
    "HTTP/1.1 400 Bad Request\r\n\r\n",
    "\u0000\u0015\u0003\u0001",
    ":abc\r\n",
    ":\r\n",
    ":--1\r\n",
    ":123456789012345678901\r\n",
    "$5x\r\nabcde\r\n",
    "$-2\r\n",
    "$-01\r\n",
    "$+1\r\na\r\n",
    "$1\r\nabc\r\n",
    "$1\r\na\n\r",
    "*x\r\n",
    "*1\r\n?\r\n",
    "+OK\r+OK\r",
    ">3\r\n+subscribe\r\n+a\r\n:1\r\n",
    ">3\r\n+message\r\n+a\r\n+b\r\n",
    ">1\r\n$-1\r\n",
    "#t\r\n",
    ",1.5\r\n",
    "_\r\n",
    "%1\r\n+a\r\n+b\r\n",
    "(12\r\n",
    "*1\r\n".repeat(100_000)
  ]
  for (const bytes of garbage) {
    it.live(`garbage: ${JSON.stringify(bytes.slice(0, 40))}`, () =>
      Effect.gen(function* () {
        const rest = "$5\r\nother\r\n".repeat(2)
        const server = yield* HostileServer.make({
          answer: (index) => (index === 2 ? `$4\r\nmine\r\n${bytes}${rest}` : undefined)
        })
        const connection = yield* connect(server.port)
        const results = submitAll(connection, [get("a"), get("b"), get("c")])
        yield* Wait.until("all are told", () => results.length === 3)
        assert.deepStrictEqual(results, ["mine", malformed, malformed])
        assert.isFalse(connection.isOpen())
      })
    )
  }

  it.live("replies are bounded by what they announce", () =>
    Effect.gen(function* () {
      const tooLarge = "Reset unknown: Redis sent a reply of more than 1000 bytes"
      for (const bytes of [
        "$1001\r\n",
        "*63\r\n",
        `*2\r\n$500\r\n${"a".repeat(500)}\r\n$500\r\n`,
        `+${"a".repeat(1001)}`,
        "*40\r\n*40\r\n"
      ]) {
        const server = yield* HostileServer.make({ answer: (index) => (index === 0 ? bytes : undefined) })
        const connection = yield* connect(server.port, {}, { maxReplyBytes: 1000 })
        const results = submitAll(connection, [get("a"), get("b")])
        yield* Wait.until("both are told", () => results.length === 2)
        assert.deepStrictEqual(results, [tooLarge, tooLarge])
      }
      const server = yield* HostileServer.make({ answer: () => `$1000\r\n${"a".repeat(1000)}\r\n` })
      const connection = yield* connect(server.port, {}, { maxReplyBytes: 1000 })
      const fits = Array.from({ length: 3 }, () => get("a"))
      const results = submitAll(connection, fits)
      yield* Wait.until("all are told", () => results.length === 3)
      assert.deepStrictEqual(results, Array(3).fill("a".repeat(1000)))
    })
  )

  it.live("the largest value that a server may announce by default ends the connection before it has come", () =>
    Effect.gen(function* () {
      const server = yield* HostileServer.make({ answer: () => "$536870912\r\n" })
      const connection = yield* connect(server.port)
      const results = submitAll(connection, [get("a")])
      yield* Wait.until("it is told", () => results.length === 1)
      assert.deepStrictEqual(results, ["Reset unknown: Redis sent a reply of more than 536870888 bytes"])
    })
  )

  it.live("a reply that trickles is activity, and no reply before it is whole", () =>
    Effect.gen(function* () {
      const server = yield* HostileServer.make({ answer: () => "$5\r\nvalue\r\n", byteEvery: 2 })
      const connection = yield* connect(server.port)
      const before = connection.activity()
      const results = submitAll(connection, [get("a")])
      const seen = new Set<number>()
      yield* Wait.until("it is whole", () => {
        if (results.length === 0) seen.add(connection.activity())
        return results.length === 1
      })
      assert.deepStrictEqual(results, ["value"])
      assert.isAbove(seen.size, 2)
      assert.isAbove(connection.activity(), before)
    })
  )
})

describe("A login", () => {
  it.live("that comes byte by byte is waited for, and interrupting it leaves no socket", () =>
    Effect.gen(function* () {
      const server = yield* HostileServer.make({ byteEvery: 100 })
      const connecting = yield* Effect.forkScoped(connect(server.port), { startImmediately: true })
      yield* Wait.until("it is under way", () => server.commands() === 1)
      yield* Fiber.interrupt(connecting)
      yield* Wait.until("the socket is gone", () => server.open() === 0)
    })
  )

  it.live("hears the last words of a server that hangs up", () =>
    Effect.gen(function* () {
      const server = yield* HostileServer.make({ greeting: "-ERR max number of clients reached\r\n", hangUp: true })
      for (const login of [{}, { password: Redacted.make("secret"), db: 3 }]) {
        const error = yield* Effect.flip(connect(server.port, login))
        assert.include(String(error.cause), "max number of clients reached")
        assert.strictEqual(error.reason, "TooManyClients")
      }
      const full = yield* RedisServer.make({ config: ["maxclients 1"] })
      yield* Wait.until("there is room", Effect.as(Effect.scoped(connect(full.port)), true))
      yield* connect(full.port)
      for (let attempt = 0; attempt < 20; attempt++) {
        const error = yield* Effect.flip(connect(full.port))
        assert.include(String(error.cause), "max number of clients reached")
      }
    })
  )

  it.live("prints nothing, whatever becomes of it", () =>
    Effect.gen(function* () {
      const spies = (["log", "warn", "error", "info", "debug"] as const).map((name) => vi.spyOn(console, name))
      yield* Effect.addFinalizer(() => Effect.sync(() => spies.map((spy) => spy.mockRestore())))
      const server = yield* RedisServer.make({
        users: [{ name: "plain", password, rules: "~* +get" }]
      })
      const plain = yield* connect(server.port, { username: "plain", password: Redacted.make(password) })
      assert.strictEqual(yield* RedisConnection.send(plain, get("a")), null)
      const unneeded = yield* Effect.flip(connect(server.port, { password: Redacted.make("unneeded") }))
      assert.strictEqual(unneeded.reason, "Auth")
      assert.notInclude(Captured.everyRendering(unneeded), "unneeded")
      const select = { username: "plain", password: Redacted.make(password), db: 1 }
      assert.strictEqual((yield* Effect.flip(connect(server.port, select))).reason, "Auth")
      yield* server.kill
      assert.strictEqual((yield* Effect.flip(connect(server.port))).reason, "Refused")
      for (const spy of spies) assert.strictEqual(spy.mock.calls.length, 0)
    })
  )

  it.live("to a port that cannot be fails as every other", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* Effect.flip(connect(70_000))).reason, "Refused")
      const tls = { key: "no key", cert: "no certificate" }
      assert.strictEqual((yield* Effect.flip(connect(6379, { tls }))).reason, "Tls")
    })
  )

  it.live("over TLS, with a certificate that is trusted, and by the name that is given", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ tls: true, password })
      const login = { password: Redacted.make(password), tls: { ca: server.ca ?? "" }, clientName: "mine" }
      const connection = yield* connect(server.port, login)
      assert.strictEqual(yield* RedisConnection.send(connection, RedisCommand.make("CLIENT", ["GETNAME"])), "mine")
    })
  )
})

describe("Sending", () => {
  it.live("takes no more than its values' memory, and 36 values of 15 MiB in one turn", () =>
    Effect.gen(function* () {
      const server = yield* HostileServer.make({ answer: () => "+OK\r\n" })
      const connection = yield* connect(server.port)
      const value = "x".repeat(15 * 2 ** 20)
      const results = submitAll(
        connection,
        Array.from({ length: 36 }, () => RedisCommand.make("SET", ["a", value]))
      )
      yield* Wait.until("all are answered", () => results.length === 36)
      assert.deepStrictEqual(results, Array(36).fill("OK"))
      assert.strictEqual(connection.inFlight(), 0)
    })
  )

  it.live("what a callback throws is logged without what it was given", () =>
    Effect.gen(function* () {
      const captured = Captured.make()
      const server = yield* HostileServer.make({ answer: () => "$6\r\nsecret\r\n" })
      const connection = yield* Effect.provide(connect(server.port), captured.layer)
      connection.submit(get("a"), (result) => {
        throw new TypeError(`I do not like ${JSON.stringify(result)}`)
      })
      yield* Wait.until("it is logged", () => captured.logs.length === 1)
      assert.include(captured.text(), "TypeError")
      assert.include(captured.text(), "IoredisConnector.test.ts")
      assert.notInclude(captured.text(), "secret")
    })
  )

  it.live("the driver's own names mean nothing: a reply of another shape is still a reply", () =>
    Effect.gen(function* () {
      const server = yield* HostileServer.make({ answer: () => "$-1\r\n" })
      const connection = yield* connect(server.port)
      const names = ["QUIT", "MONITOR", "hgetall", "BLPOP"]
      const results = submitAll(
        connection,
        names.map((name) => RedisCommand.make(name, ["a"]))
      )
      yield* Wait.until("all are answered", () => results.length === names.length)
      assert.deepStrictEqual(
        results,
        names.map(() => null)
      )
    })
  )
})
