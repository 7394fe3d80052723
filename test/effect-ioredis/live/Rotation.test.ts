import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Redacted } from "effect"
import { IoredisConnector, RedisClient, RedisConfig, RedisConnector } from "effect-ioredis"
import * as Captured from "../../support/Captured.ts"
import * as Connect from "../../support/Connect.ts"
import * as Load from "../../support/Load.ts"
import * as MutualTlsServer from "../../support/MutualTlsServer.ts"
import * as RedisServer from "../../support/RedisServer.ts"
import * as Certificates from "../../support/Certificates.ts"
import * as Wait from "../../support/Wait.ts"

// What lets somebody log in changes while calls are under way, and nobody notices.

const client = Effect.fnUntraced(function* ({ client, connector }: RedisConfig.RedisConfig) {
  const service = yield* IoredisConnector.make(connector)
  return yield* RedisClient.make({ ...client, requireReady: true }).pipe(
    Effect.provideService(RedisConnector.RedisConnector, service)
  )
})

const counting = (redis: RedisClient.RedisClient) => Load.start("a", (key) => redis.incr(key))

const replaceConnections = Effect.fnUntraced(function* (redis: RedisClient.RedisClient) {
  yield* redis.reconnect
  const isReady = Effect.map(redis.stats, ({ connection }) => connection === "Ready")
  yield* Wait.until("the new connections are ready", isReady)
  assert.strictEqual(yield* redis.incr("after"), 1)
})

describe("Under load", () => {
  it.live("a password is rotated, and the next login uses the new one", () => {
    const captured = Captured.make()
    return Effect.gen(function* () {
      const server = yield* RedisServer.make({ users: [{ name: "app", password: "one" }] })
      let password = "one"
      let asked = 0
      const vault = Effect.sync(() => {
        asked++
        return { password: Redacted.make(password), expiresIn: "400 millis" } as const
      })
      const redis = yield* Effect.flatMap(
        RedisConfig.make({ host: "127.0.0.1", port: server.port, username: "app", password: vault, maxConnections: 3 }),
        client
      )
      const load = yield* counting(redis)
      const renewed = Effect.suspend(() => {
        const enough = asked + 9
        return Wait.until("every connection was logged in anew", () => asked >= enough)
      })
      yield* renewed
      yield* server.cli("ACL", "SETUSER", "app", ">two")
      password = "two"
      yield* renewed
      yield* server.cli("ACL", "SETUSER", "app", "<one")
      yield* renewed
      const before = load.calls()
      yield* Wait.until("the load goes on", () => load.calls() > before + 50)
      yield* load.stop
      assert.deepStrictEqual(load.failures, [])
      // Each connection may have asked and not yet sent.
      const sent = asked - 3
      const login = { port: server.port, username: "app", password: Redacted.make("one") }
      assert.strictEqual((yield* Effect.flip(Connect.connection(login))).reason, "Auth")
      const auths = /cmdstat_auth:calls=(\d+).*rejected_calls=(\d+),failed_calls=(\d+)/.exec(
        String(yield* server.cli("INFO", "commandstats"))
      )
      // The one that failed is that of the test.
      assert.isAtLeast(Number(auths?.[1]), sent)
      assert.strictEqual(`${auths?.[2]} ${auths?.[3]}`, "0 1")
      yield* replaceConnections(redis)
      assert.notInclude(captured.text(), "logged in to anew")
    }).pipe(Effect.provide(captured.layer))
  })

  it.live("a certificate is replaced on disk, and the next login uses the new one", () =>
    Effect.gen(function* () {
      const server = yield* MutualTlsServer.make
      const environment = {
        REDIS_HOST: "127.0.0.1",
        REDIS_PORT: String(server.port),
        REDIS_TLS_CA: server.file("ca.pem", server.ca),
        REDIS_TLS_CERT: server.file("cert.pem", server.client.cert),
        REDIS_TLS_KEY: server.file("key.pem", server.client.key)
      }
      const options = yield* RedisConfig.fromEnv().parse(ConfigProvider.fromUnknown(environment))
      const redis = yield* Effect.flatMap(RedisConfig.make(options), client)
      const load = yield* counting(redis)
      const next = Certificates.selfSigned()
      yield* server.trust(next.cert)
      server.file("cert.pem", next.cert)
      server.file("key.pem", next.key)
      const before = load.calls()
      yield* Wait.until("the load goes on", () => load.calls() > before + 50)
      yield* load.stop
      assert.deepStrictEqual(load.failures, [])
      yield* replaceConnections(redis)
      const old = { port: server.port, tls: { ca: server.ca, cert: server.client.cert, key: server.client.key } }
      assert.strictEqual((yield* Effect.flip(Connect.connection(old))).reason, "Tls")
    })
  )
})
