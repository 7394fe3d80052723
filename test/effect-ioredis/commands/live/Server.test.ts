import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Layer, Option, Redacted, Result, type Scope } from "effect"
import {
  IoredisConnector,
  RedisClient,
  RedisCommand,
  RedisConnection,
  RedisConnector,
  RedisTopology
} from "effect-ioredis"
import { Scripting, Server, Strings } from "effect-ioredis/commands"
import { SimulatedRedis } from "effect-ioredis/testing"
import * as Connect from "../../../support/Connect.ts"
import * as RedisServer from "../../../support/RedisServer.ts"
import * as Wait from "../../../support/Wait.ts"

/** A Redis with a password, a user of another name, and room for a second connection. */
interface Setting {
  readonly connector: RedisConnector.RedisConnector["Service"]
  readonly address: RedisConnector.RedisAddress
}

const bob = { username: "bob", password: Redacted.make("open sesame") }

const settings: ReadonlyArray<readonly [string, Effect.Effect<Setting, unknown, Scope.Scope>]> = [
  [
    "Redis",
    Effect.gen(function* () {
      const { port } = yield* RedisServer.make({ users: [{ name: "bob", password: "open sesame" }] })
      return { connector: yield* IoredisConnector.make(), address: { host: "127.0.0.1", port } }
    })
  ],
  [
    "SimulatedRedis",
    Effect.gen(function* () {
      const { connector } = yield* SimulatedRedis.make({ users: { bob: "open sesame" } })
      return { connector, address: { host: "localhost", port: 6379 } }
    })
  ]
]

for (const [name, setting] of settings) {
  describe(`Commands on connections and channels: ${name}`, () => {
    const start = (login: RedisConnector.RedisLogin = {}) =>
      Effect.gen(function* () {
        const { address, connector } = yield* setting
        const connectorLayer = Layer.succeed(RedisConnector.RedisConnector, connector)
        const clientLayer = RedisClient.layer({ topology: RedisTopology.server(address), login, requireReady: true })
        const context = yield* Layer.build(Layer.provide(clientLayer, connectorLayer))
        const { run } = yield* Effect.provide(RedisClient.RedisClient, context)
        return { run, connect: connector.connect(address, {}) }
      })

    const send = (connection: RedisConnection.RedisConnection, name: string, ...args: ReadonlyArray<string>) =>
      RedisConnection.send(connection, RedisCommand.make(name, args))

    it.live("name the channels that somebody hears of, and count who does", () =>
      Effect.gen(function* () {
        const { connect, run } = yield* start()
        const [one, other] = [yield* connect, yield* connect]
        yield* send(one, "SUBSCRIBE", "news", "weather")
        yield* send(one, "PSUBSCRIBE", "n*", "w*")
        yield* send(other, "SUBSCRIBE", "news")
        yield* send(other, "PSUBSCRIBE", "n*")
        assert.deepStrictEqual([...(yield* run(Server.pubsubChannels()))].sort(), ["news", "weather"])
        assert.deepStrictEqual(yield* run(Server.pubsubChannels({ match: "n*" })), ["news"])
        assert.deepStrictEqual(yield* run(Server.pubsubNumsub(["news", "weather", "sports"])), {
          news: 2,
          weather: 1,
          sports: 0
        })
        assert.strictEqual(yield* run(RedisCommand.make("PUBSUB", ["NUMPAT"])), 2)
        assert.strictEqual(yield* run(Server.publish("news", "it rains")), 4)
        assert.strictEqual(yield* run(Server.spublish("news", "it rains")), 0)
      })
    )

    it.live("end the connection of a number", () =>
      Effect.gen(function* () {
        const { connect, run } = yield* start()
        const connection = yield* connect
        const id = Number(yield* send(connection, "CLIENT", "ID"))
        assert.isTrue(yield* run(Server.clientKill(id)))
        yield* Wait.until(
          "it is lost",
          Effect.sync(() => !connection.isOpen())
        )
        assert.isFalse(yield* run(Server.clientKill(id)))
      })
    )

    it.live("name the user who has logged in, as which they may log in anew", () =>
      Effect.gen(function* () {
        const { connect, run } = yield* start(bob)
        assert.strictEqual(yield* run(Server.aclWhoami), "bob")
        const connection = yield* connect
        assert.strictEqual(yield* send(connection, "ACL", "WHOAMI"), "default")
        yield* Effect.flip(send(connection, "AUTH", "bob", "wrong"))
        assert.strictEqual(yield* send(connection, "ACL", "WHOAMI"), "default")
        yield* send(connection, "AUTH", "bob", "open sesame")
        assert.strictEqual(yield* send(connection, "ACL", "WHOAMI"), "bob")
        yield* send(connection, "HELLO", "2", "AUTH", "default", "any")
        assert.strictEqual(yield* send(connection, "ACL", "WHOAMI"), "default")
      })
    )
  })
}

describe("Commands on functions", () => {
  const library = `#!lua name=mine
redis.register_function("give", function(keys, args) return redis.call("SET", keys[1], args[1]) end)`

  it.live("bring back libraries from a dump", () =>
    Effect.gen(function* () {
      const { port } = yield* RedisServer.make()
      const { run } = yield* Connect.client({ port })
      yield* run(Scripting.functionLoad(library))
      const dump = yield* run(Scripting.functionDump)
      const names = Effect.map(run(Scripting.functionList()), (found) => found.map(({ name }) => name).sort())
      const restored = (options: Parameters<typeof Scripting.functionRestore>[1]) =>
        Effect.flatMap(Effect.result(run(Scripting.functionRestore(dump, options))), (result) =>
          Effect.map(names, (names) => [Result.isSuccess(result), ...names])
        )
      const other = `#!lua name=other\nredis.register_function("f", function() return 1 end)`
      assert.deepStrictEqual(yield* restored(undefined), [false, "mine"])
      assert.deepStrictEqual(yield* restored({ policy: "append" }), [false, "mine"])
      yield* run(Scripting.functionLoad(other))
      assert.deepStrictEqual(yield* restored({ policy: "replace" }), [true, "mine", "other"])
      assert.deepStrictEqual(yield* restored({ policy: "flush" }), [true, "mine"])
      yield* run(Scripting.functionFlush())
      yield* run(Scripting.functionLoad(other))
      assert.deepStrictEqual(yield* restored({ policy: "append" }), [true, "mine", "other"])
      yield* run(Scripting.fcall("give", ["k"], ["v"]))
      assert.deepStrictEqual(yield* run(Strings.get("k")), Option.some("v"))
    })
  )

  it.live("tell which one runs, and for how long", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ config: ["busy-reply-threshold 20"] })
      const { run } = yield* Connect.client({ port: server.port })
      const endless = `#!lua name=mine\nredis.register_function("endless", function() while true do end end)`
      yield* run(Scripting.functionLoad(endless))
      yield* Effect.forkScoped(Effect.ignore(server.cli("FCALL", "endless", 1, "k", "arg")))
      const running = Effect.map(run(Scripting.functionStats), ({ running }) => running)
      yield* Wait.until("it is busy", Effect.map(running, Option.isSome))
      const { command, duration, name } = Option.getOrThrow(yield* running)
      assert.strictEqual(name, "endless")
      assert.deepStrictEqual(command, ["FCALL", "endless", "1", "k", "arg"])
      assert.isAtLeast(Duration.toMillis(duration), 20)
      yield* server.cli("FUNCTION", "KILL")
    })
  )
})
