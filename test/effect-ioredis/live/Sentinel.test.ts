import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Redacted, Result } from "effect"
import { IoredisConnector, RedisClient, RedisCommand, RedisTopology } from "effect-ioredis"
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

const canWrite = (redis: RedisClient.RedisClient) =>
  Wait.until("it can be written", Effect.map(Effect.result(redis.incr("n")), Result.isSuccess))

describe("a client that asks real sentinels", () => {
  it.effect(
    "finds the master, and the next one when it is killed",
    () =>
      Effect.gen(function* () {
        const sentinels = yield* RedisSentinels.make({})
        const redis = yield* connect(sentinels)
        yield* redis.set("greeting", "hello")
        assert.deepStrictEqual(yield* redis.get("greeting"), Option.some("hello"))
        yield* sentinels.server(0).kill
        const promoted = yield* sentinels.nextMaster(sentinels.server(0))
        const { millis } = yield* Wait.timed(canWrite(redis))
        assert.isBelow(millis, 1000)
        assert.strictEqual((yield* redis.info("server")).tcp_port, String(promoted.port))
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
        yield* sentinels.failover
        const promoted = yield* sentinels.nextMaster(sentinels.server(0))
        const isThere = Effect.map(
          Effect.result(redis.info("server")),
          (info) => Result.isSuccess(info) && info.success.tcp_port === String(promoted.port)
        )
        yield* Wait.until("the new master is used", isThere)
        yield* canWrite(redis)
      }),
    { timeout: 30_000 }
  )

  it.effect("reads from the replica that they name, and from the master when it is killed", () =>
    Effect.gen(function* () {
      const sentinels = yield* RedisSentinels.make({ replicas: 1 })
      const redis = yield* connect(sentinels)
      const replica = sentinels.server(1)
      yield* redis.set("greeting", "hello")
      const read = redis.run(RedisCommand.make("GET", ["greeting"]), { readFrom: "replica" })
      const calls = Effect.map(replica.cli("INFO", "commandstats"), (text) => String(text).includes("cmdstat_get:"))
      yield* Wait.until("the replica answers", Effect.andThen(read, calls))
      yield* replica.kill
      for (let round = 0; round < 20; round++) assert.strictEqual(yield* read, "hello")
    })
  )

  it.effect("says what is wrong with a name or a password", () =>
    Effect.gen(function* () {
      const sentinels = yield* RedisSentinels.make({ sentinelPassword: "secret", replicas: 0 })
      const reasonOf = (options: Partial<RedisTopology.SentinelOptions>) =>
        Effect.map(Wait.timed(Effect.flip(Effect.scoped(connect(sentinels, options)))), ({ millis, value }) => {
          assert.isBelow(millis, 1000)
          assert.include(value.message, "the sentinel at 127.0.0.1:")
          return value.reason
        })
      assert.strictEqual(
        yield* reasonOf({ login: { password: Redacted.make("secret") }, master: "other" }),
        "UnknownMaster"
      )
      assert.strictEqual(yield* reasonOf({ login: { password: Redacted.make("wrong") } }), "Auth")
      assert.strictEqual(yield* reasonOf({}), "Auth")
    })
  )
})
