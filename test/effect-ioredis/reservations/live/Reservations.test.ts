import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, Result } from "effect"
import { Redis, RedisClient, RedisCommand, RedisConnection, RedisReservation } from "effect-ioredis"
import { Strings } from "effect-ioredis/commands"
import type { ReservedConnection } from "../../../../packages/effect-ioredis/src/internal/ReservedConnection.ts"
import * as RedisCluster from "../../../support/RedisCluster.ts"
import * as RedisServer from "../../../support/RedisServer.ts"
import * as TcpProxy from "../../../support/TcpProxy.ts"
import * as Wait from "../../../support/Wait.ts"

const auth = RedisCommand.make("AUTH", ["secret"])

const watch = (key: string) => RedisCommand.make("WATCH", [key])

describe("A reserved connection of a real Redis", () => {
  it.live(
    "counts 50 fibers' 100 increments each by WATCH, GET and a transaction",
    () =>
      Effect.gen(function* () {
        const { url } = yield* RedisServer.make()
        yield* Effect.gen(function* () {
          const { get } = yield* RedisClient.RedisClient
          const increment = Effect.scoped(
            Effect.gen(function* () {
              const connection = yield* RedisReservation.reserve({ key: "n" })
              yield* connection.run(watch("n"))
              const before = Number(Option.getOrElse(yield* connection.run(Strings.get("n")), () => "0"))
              return Option.isSome(yield* connection.transaction([Strings.set("n", before + 1)]))
            })
          )
          const hundred = Effect.gen(function* () {
            for (let done = 0; done < 100; ) if (yield* increment) done++
          })
          yield* Effect.forEach(Array.from({ length: 50 }), () => hundred, { concurrency: "unbounded", discard: true })
          assert.deepStrictEqual(yield* get("n"), Option.some("5000"))
        }).pipe(Effect.provide(Redis.layer({ url, operationTimeout: "60 seconds" })))
      }).pipe(Effect.scoped),
    { timeout: 120_000 }
  )

  it.live("waits on the server while others are answered, and wakes", () =>
    Effect.gen(function* () {
      const { url } = yield* RedisServer.make()
      yield* Effect.gen(function* () {
        const { ping, run } = yield* RedisClient.RedisClient
        const connection = yield* RedisReservation.reserve()
        const popped = yield* Effect.forkChild(connection.run(RedisCommand.make("BLPOP", ["jobs", 60])))
        yield* ping
        assert.isUndefined(popped.pollUnsafe())
        yield* run(RedisCommand.make("RPUSH", ["jobs", "one"]))
        assert.deepStrictEqual(yield* Fiber.join(popped), ["jobs", "one"])
        assert.isNull(yield* connection.run(RedisCommand.make("BLPOP", ["jobs", 0.05])))
      }).pipe(Effect.scoped, Effect.provide(Redis.layer({ url, requireReady: true })))
    }).pipe(Effect.scoped)
  )

  it.live("ends what waits with a typed error when it is lost, and the next one is made anew", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      yield* Effect.gen(function* () {
        const { ping } = yield* RedisClient.RedisClient
        const connection = yield* RedisReservation.reserve()
        const waiting = yield* Effect.forkChild(Effect.flip(connection.run(RedisCommand.make("BLPOP", ["jobs", 60]))))
        yield* Wait.until(
          "it waits",
          Effect.map(server.cli("INFO", "clients"), (info) => /blocked_clients:1/.test(String(info)))
        )
        yield* server.kill
        const error = yield* Fiber.join(waiting)
        assert.strictEqual(error._tag === "RedisConnectionError" && error.sent, "unknown")
        yield* server.start
        yield* Wait.until("Redis is back", Effect.map(Effect.result(ping), Result.isSuccess))
        const again = yield* RedisReservation.reserve()
        assert.strictEqual(yield* again.run(RedisCommand.make("PING")), "PONG")
      }).pipe(Effect.scoped, Effect.provide(Redis.layer({ url: server.url, requireReady: true })))
    }).pipe(Effect.scoped)
  )

  it.live("takes no element for somebody who was interrupted", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      yield* Effect.gen(function* () {
        const { run } = yield* RedisClient.RedisClient
        const connection = yield* RedisReservation.reserve()
        const waiting = yield* Effect.forkChild(connection.run(RedisCommand.make("BLPOP", ["jobs", 60])))
        const blocked = (count: number) =>
          Effect.map(server.cli("INFO", "clients"), (info) => String(info).includes(`blocked_clients:${count}`))
        yield* Wait.until("it waits", blocked(1))
        yield* Fiber.interrupt(waiting)
        yield* Wait.until("it waits no more", blocked(0))
        yield* run(RedisCommand.make("RPUSH", ["jobs", "one"]))
        assert.strictEqual(yield* run(RedisCommand.make("LLEN", ["jobs"])), 1)
      }).pipe(Effect.scoped, Effect.provide(Redis.layer({ url: server.url, requireReady: true })))
    }).pipe(Effect.scoped)
  )
})

describe("A transaction on a real Redis", () => {
  it.live("gives bytes, texts and errors, each to its command", () =>
    Effect.gen(function* () {
      const { url } = yield* RedisServer.make()
      yield* Effect.gen(function* () {
        const bytes = Uint8Array.from([0xff, 0x00, 0xfe])
        const [set, got, refused, text] = yield* RedisReservation.transaction([
          Strings.set("k", bytes),
          RedisCommand.make("GET", ["k"], { reply: "bytes" }),
          RedisCommand.make("LPUSH", ["k", "secret"]),
          Strings.setget("k", "ünd")
        ])
        assert.deepStrictEqual(set, Result.succeed(true))
        assert.deepStrictEqual(got, Result.succeed(Buffer.from(bytes)))
        assert.strictEqual(Result.isFailure(refused) && refused.failure.code, "WRONGTYPE")
        assert.notInclude(JSON.stringify(refused), "secret")
        assert.isTrue(Result.isSuccess(text))
        const error = yield* Effect.flip(
          RedisReservation.transaction([Strings.set("k", 1), RedisCommand.make("NONSENSE", ["secret"])])
        )
        assert.strictEqual(error._tag === "RedisOperationError" && error.command, "NONSENSE")
        assert.notInclude(JSON.stringify(error), "secret")
      }).pipe(Effect.provide(Redis.layer({ url, requireReady: true })))
    }).pipe(Effect.scoped)
  )

  it.live("gives each its own answer where the connection is logged in anew behind MULTI", () =>
    Effect.gen(function* () {
      const { url } = yield* RedisServer.make({ password: "secret" })
      yield* Effect.gen(function* () {
        const { set } = yield* RedisClient.RedisClient
        yield* set("a", "A")
        const bytes = RedisCommand.make("GET", ["a"], { reply: "bytes" })
        const reserved = yield* RedisReservation.reserve()
        // What logs it in anew has the connection itself.
        const { connection } = reserved as ReservedConnection
        const [executed] = yield* Effect.all(
          [reserved.transaction([Strings.get("a"), bytes]), RedisConnection.send(connection, auth)],
          { concurrency: 2 }
        )
        assert.deepStrictEqual(Option.getOrThrow(executed), [
          Result.succeed(Option.some("A")),
          Result.succeed(Buffer.from("A"))
        ])
      }).pipe(Effect.scoped, Effect.provide(Redis.layer({ url, requireReady: true })))
    }).pipe(Effect.scoped)
  )

  it.live("executes nothing where the user may not begin one, or where a command could not be sent", () =>
    Effect.gen(function* () {
      const user = { name: "simple", password: "secret", rules: "~* &* +@all -multi" }
      const server = yield* RedisServer.make({ users: [user] })
      const transactionOn = (url: string, commands: ReadonlyArray<RedisCommand.RedisCommand>) =>
        Effect.gen(function* () {
          return yield* Effect.flip(RedisReservation.transaction(commands))
        }).pipe(Effect.provide(Redis.layer({ url, requireReady: true })))
      const denied = yield* transactionOn(`redis://simple:secret@127.0.0.1:${server.port}`, [Strings.set("k", 1)])
      assert.strictEqual(denied._tag === "RedisOperationError" && denied.code, "NOPERM")
      const large = RedisCommand.make("SET", ["large", Buffer.alloc(2 ** 28 + 1)])
      const refused = yield* transactionOn(server.url, [Strings.set("k", 1), large])
      assert.strictEqual(refused._tag === "RedisOperationError" && refused.code, "ARGUMENT")
      assert.isNull(yield* server.cli("GET", "k"))
    }).pipe(Effect.scoped)
  )

  it.live(
    "goes where its keys are, also after their slot has moved",
    () =>
      Effect.gen(function* () {
        const cluster = yield* RedisCluster.make({ replicas: 0 })
        yield* Effect.gen(function* () {
          const both = RedisReservation.transaction([Strings.incr("{a}n"), Strings.incr("{a}m")])
          assert.deepStrictEqual(yield* both, [Result.succeed(1), Result.succeed(1)])
          const slot = Number(yield* cluster.node(0).cli("CLUSTER", "KEYSLOT", "{a}"))
          const owner = yield* cluster.ownerOf(slot)
          const other = cluster.nodes().find((node) => node !== owner)
          if (other === undefined) return assert.fail("there is one node alone")
          yield* cluster.moveSlots([slot], other)
          assert.deepStrictEqual(yield* both, [Result.succeed(2), Result.succeed(2)])
          const error = yield* Effect.flip(RedisReservation.transaction([Strings.incr("{a}n"), Strings.incr("{b}n")]))
          assert.strictEqual(error._tag === "RedisOperationError" && error.code, "CROSSSLOT")
        }).pipe(Effect.provide(Redis.layer({ cluster: [{ host: "127.0.0.1", port: cluster.node(0).port }] })))
      }).pipe(Effect.scoped),
    { timeout: 60_000 }
  )
})

describe("A lock by SET with a condition and a token", () => {
  it.live("is never refused to the one who holds it, whatever replies are lost", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const proxy = yield* TcpProxy.make(server.port)
      yield* Effect.gen(function* () {
        const { run } = yield* RedisClient.RedisClient
        let unknown = 0
        for (let n = 0; n < 20; n++) {
          const [key, token] = [`lock${n}`, `token${n}`]
          if (n % 2 === 0) yield* proxy.cutAfterNextRequest
          const taken = yield* Effect.result(run(Strings.set(key, token, { condition: "ifAbsent" })))
          if (Result.isFailure(taken)) unknown++
          else assert.isTrue(taken.success)
          yield* Wait.until(
            "the client is connected again",
            Effect.map(Effect.result(run(RedisCommand.make("PING"))), Result.isSuccess)
          )
        }
        assert.isAbove(unknown, 5)
      }).pipe(Effect.provide(Redis.layer({ port: proxy.port, host: "127.0.0.1", requireReady: true })))
    }).pipe(Effect.scoped)
  )
})
