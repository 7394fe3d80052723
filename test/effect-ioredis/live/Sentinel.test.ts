import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Redacted, Result } from "effect"
import { IoredisConnector, RedisClient, type RedisError, RedisTopology } from "effect-ioredis"
import * as RedisSentinels from "../../support/RedisSentinels.ts"
import * as Wait from "../../support/Wait.ts"

const connect = (sentinels: RedisSentinels.RedisSentinels, options: Partial<RedisTopology.SentinelOptions> = {}) =>
  RedisClient.make({
    topology: RedisTopology.sentinel({
      master: sentinels.name,
      sentinels: sentinels.sentinels.map(({ port }) => ({ host: "127.0.0.1", port })),
      ...options
    }),
    requireReady: true
  }).pipe(Effect.provide(IoredisConnector.layer()))

describe("a client that asks real sentinels", () => {
  it.effect(
    "finds the master, and the next one when it is killed",
    () =>
      Effect.gen(function* () {
        const sentinels = yield* RedisSentinels.make({})
        const redis = yield* connect(sentinels)
        yield* redis.set("greeting", "hello")
        assert.deepStrictEqual(yield* redis.get("greeting"), Option.some("hello"))
        const begun = Date.now()
        yield* sentinels.server(0).kill
        yield* sentinels.promoted(sentinels.server(0))
        const promoted = Date.now()
        yield* Wait.until(
          "it can be written",
          Effect.map(Effect.result(redis.set("greeting", "again")), Result.isSuccess)
        )
        console.log("promoted", promoted - begun, "back", Date.now() - begun)
      }),
    { timeout: 30_000 }
  )

  it.effect(
    "leaves a master that hands over",
    () =>
      Effect.gen(function* () {
        const sentinels = yield* RedisSentinels.make({})
        const redis = yield* connect(sentinels)
        yield* redis.incr("n")
        const begun = Date.now()
        yield* sentinels.failover
        yield* sentinels.promoted(sentinels.server(0))
        yield* Wait.until(
          "the new master is used",
          Effect.map(
            Effect.result(redis.info("replication")),
            (info) => Result.isSuccess(info) && info.success["role"] === "master"
          )
        )
        yield* redis.incr("n")
        console.log("back", Date.now() - begun)
      }),
    { timeout: 30_000 }
  )

  it.effect("says what is wrong with a name or a password", () =>
    Effect.gen(function* () {
      const sentinels = yield* RedisSentinels.make({ sentinelPassword: "secret", replicas: 0 })
      const failure = (options: Partial<RedisTopology.SentinelOptions>) =>
        Effect.map(
          Effect.flip(Effect.scoped(connect(sentinels, options))),
          (error: RedisError.RedisConnectionError) => [error.reason, error.message]
        )
      const login = { password: Redacted.make("secret") }
      console.log(yield* failure({ login, master: "other" }))
      console.log(yield* failure({ login: { password: Redacted.make("wrong") } }))
      console.log(yield* failure({}))
    })
  )
})
