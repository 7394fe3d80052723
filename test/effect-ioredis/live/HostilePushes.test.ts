import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import * as IoredisConnector from "effect-ioredis/IoredisConnector"
import * as RedisCommand from "effect-ioredis/RedisCommand"
import type * as RedisConnection from "effect-ioredis/RedisConnection"
import * as RedisError from "effect-ioredis/RedisError"
import * as HostileServer from "../../support/HostileServer.ts"
import * as Wait from "../../support/Wait.ts"

// A server that says what it likes to a connection that subscribes: nothing of it reaches another caller or ends the
// process. What well-behaved servers do is in suites/pushes.ts.

/** A connection to a server that gives these answers to its commands, and what comes of them. */
const converse = Effect.fnUntraced(function* (
  lines: ReadonlyArray<string>,
  answers: ReadonlyArray<string>,
  options: Omit<HostileServer.Options, "answer"> = {}
) {
  const server = yield* HostileServer.make({ ...options, answer: (index) => answers[index] })
  const { connect } = yield* IoredisConnector.make()
  const connection = yield* connect({ host: "127.0.0.1", port: server.port }, {})
  const events: Array<unknown> = []
  connection.onPush((push) => events.push(push.map(shown)))
  connection.onLoss(({ cause }) => events.push(cause instanceof Error ? cause.message : "lost"))
  for (const line of lines) {
    const [name = "", ...args] = line.split(" ")
    connection.submit(RedisCommand.make(name, args), (result) => events.push(`${name}: ${outcome(result)}`))
  }
  return { connection, events, server }
})

const shown = (reply: RedisCommand.Reply): unknown => {
  if (reply instanceof Uint8Array) return `bytes ${Buffer.from(reply)}`
  return Array.isArray(reply) ? reply.map(shown) : reply
}

const outcome = (result: RedisConnection.ReplyResult): string =>
  Result.isSuccess(result) ? JSON.stringify(result.success) : result.failure._tag

const array = (...parts: ReadonlyArray<string | number>): string =>
  `*${parts.length}\r\n${parts.map((part) => (typeof part === "number" ? `:${part}\r\n` : bulk(part))).join("")}`
const bulk = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`

const subscribed = array("subscribe", "a", 1)
const unasked = "Redis sent a reply that nobody asked for"

describe("A hostile server and a connection that subscribes", () => {
  const stream =
    bulk("before") +
    subscribed +
    array("message", "a", "1") +
    array("subscribe", "b", 2) +
    array("message", "b", "2") +
    "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n*2\r\n$2\r\nk1\r\n$2\r\nk2\r\n" +
    "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n*-1\r\n" +
    "-ERR no\r\n" +
    array("pong", "") +
    array("pmessage", "p*", "pa", "3")
  const expected = [
    'GET: "before"',
    ["message", "a", "bytes 1"],
    'SUBSCRIBE: ["subscribe","b",2]',
    ["message", "b", "bytes 2"],
    ["message", "a", ["bytes k1", "bytes k2"]],
    ["message", "a", null],
    "GET: RedisOperationError",
    'PING: ["pong",""]',
    ["pmessage", "p*", "pa", "bytes 3"]
  ]
  for (const byteEvery of [undefined, 0]) {
    it.live(`pushes and replies in one stream, ${byteEvery === undefined ? "at once" : "byte by byte"}`, () =>
      Effect.gen(function* () {
        const lines = ["GET a", "SUBSCRIBE a b", "GET b", "PING"]
        const { connection, events } = yield* converse(lines, ["", "", "", stream], { byteEvery })
        yield* Wait.until("all has come", () => events.length === expected.length)
        assert.deepStrictEqual(events, expected)
        assert.strictEqual(connection.inFlight(), 0)
        assert.isTrue(connection.isOpen())
      })
    )
  }

  for (const reply of ["+OK\r\n", "$-1\r\n", ":1\r\n", "-ERR what\r\n", array("message", "a"), array("pong", "")]) {
    it.live(`unasked, when it is subscribed: ${JSON.stringify(reply)}`, () =>
      Effect.gen(function* () {
        const rest = `${array("message", "a", "late")}$-1\r\n$-1\r\n`
        const { events } = yield* converse(["SUBSCRIBE a"], [subscribed + reply + rest])
        yield* Wait.until("it is lost", () => events.length >= 2)
        assert.deepStrictEqual(events, ['SUBSCRIBE: ["subscribe","a",1]', unasked])
      })
    )
  }

  for (const reply of ["+OK\r\n", "$-1\r\n", array("subscribe", "b", 1), array("message", "a", "x")]) {
    it.live(`no answer to SUBSCRIBE: ${JSON.stringify(reply)}`, () =>
      Effect.gen(function* () {
        const { events } = yield* converse(["SUBSCRIBE a", "PING"], ["", `${reply}$-1\r\n$-1\r\n+PONG\r\n`])
        yield* Wait.until("it is lost", () => events.length >= 3)
        assert.deepStrictEqual(events, ["SUBSCRIBE: RedisConnectionError", "PING: RedisConnectionError", unasked])
      })
    )
  }

  it.live("what follows a refused SUBSCRIBE in its chunk ends the connection and not the process", () =>
    Effect.gen(function* () {
      const { events } = yield* converse(["SUBSCRIBE a"], ["-NOPERM no\r\n$-1\r\n$-1\r\n+OK\r\n"])
      yield* Wait.until("it is lost", () => events.length >= 2)
      assert.deepStrictEqual(events, ["SUBSCRIBE: RedisOperationError", unasked])
    })
  )

  it.live("bytes that are no RESP2 end it, after what came before them", () =>
    Effect.gen(function* () {
      const { events } = yield* converse(["SUBSCRIBE a"], [`${subscribed + array("message", "a", "1")}>1\r\n+a\r\n`])
      yield* Wait.until("it is lost", () => events.length >= 3)
      assert.deepStrictEqual(events, [
        'SUBSCRIBE: ["subscribe","a",1]',
        ["message", "a", "bytes 1"],
        "Redis sent something that is not RESP2"
      ])
    })
  )

  it.live("a listener that ends the connection hears nothing of what follows", () =>
    Effect.gen(function* () {
      const message = array("message", "a", "1")
      const { connection, events } = yield* converse(["SUBSCRIBE a", "PING"], ["", subscribed + message + message])
      connection.onLoss((error) => events.push(error.reason))
      connection.onPush(() => connection.destroy(RedisError.connectionError("CONNECT", "Closed", "never")))
      yield* Wait.until("it is lost", () => !connection.isOpen())
      assert.deepStrictEqual(events, [
        'SUBSCRIBE: ["subscribe","a",1]',
        ["message", "a", "bytes 1"],
        "PING: RedisConnectionError",
        "lost",
        "Closed"
      ])
    })
  )

  it.live("a connection that never subscribed ends by a push", () =>
    Effect.gen(function* () {
      const { events, server } = yield* converse([], [])
      yield* server.say(array("message", "a", "1"))
      yield* Wait.until("it is lost", () => events.length === 1)
      assert.deepStrictEqual(events, [unasked])
    })
  )
})
