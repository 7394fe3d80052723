import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import {
  IoredisConnector,
  RedisClient,
  RedisCommand,
  RedisConfig,
  RedisConnector,
  RuntimeSettings
} from "effect-ioredis"
import * as Captured from "../../support/Captured.ts"
import * as Load from "../../support/Load.ts"
import * as RedisServer from "../../support/RedisServer.ts"
import * as Wait from "../../support/Wait.ts"

// The connection settings change while calls are under way, and nobody notices.

const client = Effect.fnUntraced(function* (
  options: RedisConfig.Options,
  settings: RuntimeSettings.RuntimeSettings["Service"]
) {
  const { client, connector } = yield* RedisConfig.make(options)
  const service = yield* IoredisConnector.make(connector)
  return yield* RedisClient.make({ ...client, requireReady: true }).pipe(
    Effect.provideService(RedisConnector.RedisConnector, service),
    Effect.provideService(RuntimeSettings.RuntimeSettings, settings)
  )
})

const idsOf = (server: RedisServer.RedisServer, user: string) =>
  Effect.map(server.cli("CLIENT", "LIST"), (list) =>
    String(list)
      .split("\n")
      .filter((line) => line.includes(`user=${user} `))
      .map((line) => /id=(\d+)/.exec(line)?.[1])
  )

describe("Under load", () => {
  it.live("a password that is given at run time is used, and fails no call", () => {
    const captured = Captured.make()
    return Effect.gen(function* () {
      const server = yield* RedisServer.make({ users: [{ name: "app", password: "one" }] })
      const settings = yield* RuntimeSettings.make()
      const options = { host: "127.0.0.1", port: server.port, username: "app", password: "one", maxConnections: 3 }
      const redis = yield* client(options, settings)
      // Several calls of each key follow one another, and must not be mixed up.
      const load = yield* Load.start("a", (key) =>
        Effect.forEach([1, 2, 3], (n) => redis.run(...append(key, n)), { concurrency: "unbounded" }).pipe(
          Effect.andThen(redis.get(key)),
          Effect.flatMap((value) =>
            value._tag === "Some" && value.value === "123"
              ? Effect.void
              : Effect.fail({ _tag: "Mixed", message: JSON.stringify(value) })
          )
        )
      )
      const before = yield* idsOf(server, "app")
      yield* server.cli("ACL", "SETUSER", "app", ">two", "<one")
      // A wrong one first: the connection in use stays, and a line says why.
      yield* settings.update({ connection: { password: "wrong" } })
      yield* Wait.until("it is told of", () => captured.text().includes("cannot be made: the one in use stays"))
      assert.deepStrictEqual(yield* idsOf(server, "app"), before)
      yield* settings.update({ connection: { password: "two" } })
      yield* Wait.until(
        "every connection is another one",
        Effect.map(idsOf(server, "app"), (now) => now.length === 3 && now.every((id) => !before.includes(id)))
      )
      const calls = load.calls()
      yield* Wait.until("the load goes on", () => load.calls() > calls + 50)
      yield* load.stop
      assert.deepStrictEqual(load.failures, [])
      assert.strictEqual((yield* redis.stats).failures.RedisConnectionError, undefined)
      for (const secret of ["wrong", "two"]) assert.notInclude(captured.text(), `"${secret}"`)
    }).pipe(Effect.provide(captured.layer))
  })

  it.live("another server takes the place of the one in use, and fails no call", () =>
    Effect.gen(function* () {
      const one = yield* RedisServer.make()
      const other = yield* RedisServer.make({ password: "s3cret" })
      const settings = yield* RuntimeSettings.make()
      const redis = yield* client({ url: one.url }, settings)
      const load = yield* Load.start("a", (key) => redis.set(key, "1"))
      const stays = Wait.until("the load goes on", () => load.calls() > 50)
      yield* stays
      yield* settings.update({ connection: { port: other.port, password: "s3cret" } })
      yield* Wait.until(
        "the other one is written to",
        Effect.map(other.cli("DBSIZE"), (size) => Number(/\d+/.exec(String(size))?.[0]) > 50)
      )
      yield* load.stop
      assert.deepStrictEqual(load.failures, [])
      const size = yield* one.cli("DBSIZE")
      yield* redis.set("last", "1")
      assert.strictEqual(yield* one.cli("DBSIZE"), size)
      assert.strictEqual((yield* redis.stats).connection, "Ready")
    }).pipe(Effect.provide(Captured.make().layer))
  )
})

// It is sent once.
const append = (key: string, n: number) => [RedisCommand.make("APPEND", [key, String(n)]), { retry: false }] as const
