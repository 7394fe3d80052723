import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Tls from "node:tls"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option, Result, Schedule, Scope } from "effect"
import * as Certificates from "../Certificates.ts"
import * as FreePort from "../FreePort.ts"
import * as LiveClock from "../LiveClock.ts"
import * as RedisServer from "../RedisServer.ts"
import * as Resp from "../Resp.ts"
import * as TcpProxy from "../TcpProxy.ts"

const isAlive = (pid: number): boolean => Result.isSuccess(Result.try(() => process.kill(pid, 0)))

/** What a plain client sees: the bytes so far, and whether the connection has ended. */
const connect = (port: number) =>
  Effect.acquireRelease(
    Effect.callback<Client, Error>((resume) => {
      const socket = Net.connect({ host: "127.0.0.1", port })
      const client: Client = {
        socket,
        text: "",
        ended: false,
        send: (...args) => Effect.sync(() => void socket.write(Resp.encode(args)))
      }
      socket.on("data", (chunk) => {
        client.text += chunk.toString()
      })
      socket.on("close", () => {
        client.ended = true
      })
      socket.on("error", (error) => resume(Effect.fail(error)))
      socket.on("connect", () => resume(Effect.succeed(client)))
    }),
    (client) => Effect.sync(() => void client.socket.destroy())
  )

interface Client {
  readonly socket: Net.Socket
  text: string
  ended: boolean
  readonly send: (...args: ReadonlyArray<string>) => Effect.Effect<void>
}

const until = (what: string, condition: () => boolean) =>
  Effect.suspend(() => (condition() ? Effect.void : Effect.fail(`never: ${what}`))).pipe(
    Effect.retry({ schedule: Schedule.spaced("2 millis"), times: 2000 }),
    LiveClock.provide
  )

const millis = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const start = performance.now()
    return Effect.map(effect, (value) => [value, performance.now() - start] as const)
  })

describe("RedisServer", () => {
  it.effect("answers, is killed, is refused, comes back on the same port", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      assert.strictEqual(yield* server.cli("SET", "a", "ä"), "OK")
      assert.strictEqual(yield* server.cli("GET", "a"), "ä")
      assert.deepStrictEqual(yield* server.cli("MGET", "a", "b"), ["ä", null])
      assert.strictEqual(yield* server.cli("APPEND", "a", new Uint8Array([0, 1])), 4)
      const before = yield* server.pid
      yield* server.kill
      assert.isFalse(isAlive(before))
      assert.isTrue(Result.isFailure(yield* Effect.result(server.pid)))
      const refused = yield* Effect.flip(server.cli("PING"))
      assert.include(refused.message, "ECONNREFUSED")
      yield* server.start
      assert.notStrictEqual(yield* server.pid, before)
      assert.strictEqual(yield* server.cli("GET", "a"), null)
    })
  )

  it.effect("an error reply is a typed failure", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ maxmemory: "2mb", config: ["maxmemory-policy noeviction"] })
      yield* server.cli("SET", "a", "1")
      const error = yield* Effect.flip(server.cli("LPUSH", "a", "1"))
      assert.strictEqual(error._tag, "ReplyError")
      assert.match(error.message, /^WRONGTYPE/)
      assert.deepStrictEqual(yield* server.cli("CONFIG", "GET", "maxmemory"), ["maxmemory", "2097152"])
    })
  )

  it.effect("frozen, it accepts and does not answer; thawed, it does", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      yield* server.freeze
      const client = yield* connect(server.port)
      yield* client.send("PING")
      // A round trip elsewhere stands for "long enough".
      const other = yield* RedisServer.make()
      yield* other.cli("PING")
      assert.strictEqual(client.text, "")
      yield* server.thaw
      yield* until("PONG", () => client.text === "+PONG\r\n")
    })
  )

  it.effect("its scope leaves no process and no directory, frozen or not", () =>
    Effect.gen(function* () {
      for (const freeze of [false, true]) {
        const scope = yield* Scope.make()
        const server = yield* Scope.provide(RedisServer.make(), scope)
        const pid = yield* server.pid
        if (freeze) yield* server.freeze
        yield* Scope.close(scope, Exit.void)
        assert.isFalse(isAlive(pid))
        assert.isFalse((yield* Effect.promise(() => import("node:fs"))).existsSync(server.dir))
      }
    })
  )

  it.effect("password and ACL users", () =>
    Effect.gen(function* () {
      const password = 'p"4 ss\\#'
      const server = yield* RedisServer.make({
        password,
        users: [{ name: "reader", password: "secret", rules: "~* +get" }]
      })
      assert.strictEqual(server.url, `redis://:${encodeURIComponent(password)}@127.0.0.1:${server.port}`)
      assert.strictEqual(yield* server.cli("PING"), "PONG")
      const client = yield* connect(server.port)
      yield* client.send("GET", "a")
      yield* until("NOAUTH", () => client.text.includes("NOAUTH"))
      yield* client.send("AUTH", "reader", "secret")
      yield* client.send("SET", "a", "1")
      yield* until("NOPERM", () => client.text.includes("NOPERM"))
    })
  )

  it.effect("TLS with a certificate of its own", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ tls: true, password: "secret" })
      assert.match(server.url, /^rediss:/)
      assert.match(server.ca ?? "", /BEGIN CERTIFICATE/)
      assert.strictEqual(yield* server.cli("PING"), "PONG")
      const plain = yield* connect(server.port)
      yield* plain.send("PING")
      yield* until("the plain connection ends", () => plain.ended)
    })
  )

  it.effect("TLS with certificates of an authority, which a client has to show", () =>
    Effect.gen(function* () {
      const tls = yield* Certificates.make
      const server = yield* RedisServer.make({ tls })
      assert.strictEqual(yield* server.cli("PING"), "PONG")
      const at = { host: "127.0.0.1", port: server.port, ca: tls.ca }
      assert.include(yield* pingOver({ ...at }), "alert")
      assert.include(yield* pingOver({ ...at, ...Certificates.selfSigned() }), "alert")
      const renewed = yield* tls.renewClient
      assert.notStrictEqual(renewed.cert, tls.client.cert)
      assert.strictEqual(Fs.readFileSync(tls.client.certFile, "utf8"), renewed.cert)
      assert.strictEqual(yield* pingOver({ ...at, ...renewed }), "+PONG\r\n")
    })
  )

  it.effect("says why it did not start", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(RedisServer.make({ config: ["no-such-directive 1"] }))
      assert.include(error.message, "no-such-directive")
      const first = yield* RedisServer.make()
      const taken = yield* Effect.flip(RedisServer.make({ port: first.port, password: "differs", config: ["port 0"] }))
      assert.include(taken.message, "did not start")
    })
  )
})

describe("TcpProxy", () => {
  const setup = Effect.gen(function* () {
    const server = yield* RedisServer.make()
    const proxy = yield* TcpProxy.make(server.port)
    return { server, proxy, client: yield* connect(proxy.port) }
  })

  it.effect("passes and counts, also what comes in pieces", () =>
    Effect.gen(function* () {
      const { client, proxy } = yield* setup
      yield* client.send("SET", "a", "x".repeat(300_000))
      yield* until("OK", () => client.text === "+OK\r\n")
      yield* Effect.forEach(["*2\r", "\n$3\r\nGE", "T\r\n$1\r\nb\r\n*1\r\n$4\r\nPI", "NG\r\n"], (piece) =>
        Effect.callback<void>((resume) => void client.socket.write(piece, () => resume(Effect.void)))
      )
      yield* until("PONG", () => client.text === "+OK\r\n$-1\r\n+PONG\r\n")
      const stats = yield* proxy.stats
      assert.deepInclude(stats, { connections: 1, open: 1, commands: 3, replyBytes: client.text.length })
      assert.isAbove(stats.requestBytes, 300_000)
    })
  )

  it.effect("dropReplies: executed, not answered; passing again cuts what lost bytes", () =>
    Effect.gen(function* () {
      const { client, proxy, server } = yield* setup
      yield* proxy.dropReplies
      yield* client.send("INCR", "n")
      yield* untilEffect("executed", server.cli("GET", "n"), "1")
      const dropped = Effect.map(proxy.stats, ({ droppedBytes }) => droppedBytes > 0)
      yield* untilEffect("dropped", dropped, true)
      const second = yield* connect(proxy.port)
      assert.isFalse(client.ended)
      assert.strictEqual(client.text, "")
      yield* proxy.pass
      yield* until("cut", () => client.ended)
      yield* second.send("GET", "n")
      yield* until("1", () => second.text === "$1\r\n1\r\n")
    })
  )

  it.effect("cutAfterNextRequest: executed once, cut, then passes", () =>
    Effect.gen(function* () {
      const { client, proxy, server } = yield* setup
      yield* proxy.cutAfterNextRequest
      yield* client.send("INCR", "n")
      yield* until("cut", () => client.ended)
      assert.strictEqual(client.text, "")
      yield* untilEffect("executed", server.cli("GET", "n"), "1")
      const second = yield* connect(proxy.port)
      yield* second.send("INCR", "n")
      yield* until("2", () => second.text === ":2\r\n")
      assert.deepInclude(yield* proxy.stats, { connections: 2, open: 1, commands: 2 })
    })
  )

  it.effect("cutAfterRequest: every time", () =>
    Effect.gen(function* () {
      const { proxy, server } = yield* setup
      yield* proxy.cutAfterRequest
      for (let i = 0; i < 3; i++) {
        const client = yield* connect(proxy.port)
        yield* client.send("APPEND", "s", "x".repeat(100_000))
        yield* until("cut", () => client.ended)
        assert.strictEqual(client.text, "")
      }
      yield* untilEffect("executed", server.cli("STRLEN", "s"), 300_000)
    })
  )

  it.effect("silent: nothing arrives, not even the server's end", () =>
    Effect.gen(function* () {
      const { client, proxy, server } = yield* setup
      yield* proxy.silent
      const late = yield* connect(proxy.port)
      yield* client.send("INCR", "n")
      yield* late.send("INCR", "n")
      assert.strictEqual(yield* server.cli("GET", "n"), null)
      yield* server.kill
      assert.strictEqual(client.text + late.text, "")
      assert.isFalse(client.ended || late.ended)
      yield* proxy.pass
      yield* until("cut", () => client.ended && late.ended)
    })
  )

  it.effect("hold: late, complete and in order", () =>
    Effect.gen(function* () {
      const { client, proxy, server } = yield* setup
      yield* proxy.hold
      yield* client.send("SET", "a", "1")
      yield* client.send("GET", "a")
      assert.strictEqual(yield* server.cli("GET", "a"), null)
      yield* proxy.pass
      yield* until("both", () => client.text === "+OK\r\n$1\r\n1\r\n")
    })
  )

  it.effect("delay: both ways, and no longer after pass", () =>
    Effect.gen(function* () {
      const { client, proxy } = yield* setup
      yield* proxy.delay(30)
      const [, slow] = yield* millis(
        Effect.andThen(
          client.send("PING"),
          until("PONG", () => client.text === "+PONG\r\n")
        )
      )
      assert.isAtLeast(slow, 59)
      yield* proxy.delay(60_000)
      yield* client.send("PING")
      const waiting = yield* Effect.forkChild(until("again", () => client.text === "+PONG\r\n+PONG\r\n"))
      yield* until("arrived", () => client.socket.writableLength === 0)
      yield* proxy.pass
      yield* Fiber.join(waiting)
    })
  )

  it.effect("cut, refuse, listen; a dead server ends its connections", () =>
    Effect.gen(function* () {
      const { client, proxy, server } = yield* setup
      yield* proxy.refuse
      assert.include((yield* Effect.flip(connect(proxy.port))).message, "ECONNREFUSED")
      yield* client.send("PING")
      yield* until("open ones stay", () => client.text === "+PONG\r\n")
      yield* proxy.cut
      yield* until("cut", () => client.ended)
      yield* proxy.listen
      const second = yield* connect(proxy.port)
      yield* second.send("PING")
      yield* until("PONG", () => second.text === "+PONG\r\n")
      yield* server.kill
      yield* until("ended", () => second.ended)
    })
  )
})

describe("Resp", () => {
  it("decodes whole replies only", () => {
    const bytes = Buffer.from("*3\r\n:1\r\n$2\r\nab\r\n-ERR no\r\n+next\r\n")
    for (let length = 0; length < bytes.length - 7; length++) {
      assert.isTrue(Option.isNone(Resp.decode(bytes.subarray(0, length))))
    }
    const [reply, next] = Option.getOrThrow(Resp.decode(bytes))
    assert.deepStrictEqual(reply, [1, "ab", new Resp.ReplyError({ message: "ERR no" })])
    assert.deepStrictEqual(Option.getOrThrow(Resp.decode(bytes, next)), ["next", bytes.length])
  })
})

describe("FreePort", () => {
  it.effect("finds ports whose bus is no other's port", () =>
    Effect.gen(function* () {
      const ports = yield* FreePort.withBus(20)
      assert.strictEqual(new Set(ports).size, 20)
      assert.isTrue(ports.every((port) => port < 20_240))
    })
  )

  it.effect("gives none twice, so that none is another's while its server is down", () =>
    Effect.gen(function* () {
      const ports = yield* Effect.replicateEffect(FreePort.make, 1000)
      assert.strictEqual(new Set(ports).size, 1000)
    })
  )

  it.effect("is below the ports of outgoing connections", () =>
    Effect.map(FreePort.make, (port) => assert.isTrue(port >= 10_240 && port < 32_768))
  )
})

/** What a server that speaks TLS answers, or why it does not. */
const pingOver = (options: Tls.ConnectionOptions) =>
  Effect.callback<string>((resume) => {
    const socket = Tls.connect(options)
    socket.on("data", (chunk) => resume(Effect.succeed(chunk.toString())))
    socket.on("error", (error) => resume(Effect.succeed(error.message)))
    socket.write(Resp.encode(["PING"]))
    return Effect.sync(() => {
      socket.destroy()
    })
  })

const untilEffect = <A, E, R>(what: string, effect: Effect.Effect<A, E, R>, expected: A) =>
  effect.pipe(
    Effect.filterOrFail(
      (value) => value === expected,
      () => `never: ${what}`
    ),
    Effect.retry({ schedule: Schedule.spaced("2 millis"), times: 2000 }),
    LiveClock.provide
  )
