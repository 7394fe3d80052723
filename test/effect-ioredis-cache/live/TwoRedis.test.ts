import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Context, Effect, Layer, Option, Schema } from "effect"
import { Redis, RedisClient, RedisHealth } from "effect-ioredis"
import { Cache, HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
import { scripts } from "effect-ioredis-cache/testing"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { quiet } from "../../suites/cacheLayers.ts"
import * as RedisServer from "../../support/RedisServer.ts"

class Sessions extends Context.Service<Sessions, Cache.Cache>()("app/Sessions") {
  static readonly layerFrom = <E, R>(cache: Layer.Layer<Cache.Cache, E, R>) =>
    Layer.effect(Sessions, Cache.Cache).pipe(Layer.provide(cache))

  static readonly layer = Sessions.layerFrom(HybridCache.layerFromEnv({ prefix: "SESSIONS" }))
}

const users = { name: "users", version: 1, key: Schema.String, value: Schema.String }

describe("two simulated servers", () => {
  class SessionsServer extends Context.Service<SessionsServer, SimulatedRedis.SimulatedRedis>()(
    "test/SessionsServer"
  ) {}

  const server = () => SimulatedRedis.layerServer({ scripts })
  const cache = (name: string) =>
    HybridCache.layer().pipe(
      Layer.provide([RedisCache.layer(), MemoryCache.layer()]),
      Layer.provide(RedisClient.layer({ name, closeTimeout: 0 })),
      Layer.provide(SimulatedRedis.layerConnector)
    )

  const Live = Layer.merge(
    Layer.provideMerge(cache("jobs"), server()),
    Layer.merge(
      Sessions.layerFrom(cache("sessions")),
      Layer.effect(SessionsServer, SimulatedRedis.SimulatedRedis)
    ).pipe(Layer.provide(server()))
  ).pipe(Layer.provideMerge(quiet))

  it.effect("two caches of one program never mix, and fail apart", () =>
    Effect.gen(function* () {
      const jobs = yield* Cache.region(users)
      const sessions = yield* (yield* Sessions).region(users)
      const [one, other] = [yield* SimulatedRedis.SimulatedRedis, yield* SessionsServer]
      yield* jobs.set("a", "job")
      yield* sessions.set("a", "session")
      yield* sessions.set("b", "session")
      assert.deepStrictEqual(yield* jobs.getMany(["a", "b"]), [Option.some("job"), Option.none()])
      assert.deepStrictEqual(yield* sessions.getMany(["a", "b"]), [Option.some("session"), Option.some("session")])
      assert.strictEqual((yield* one.entries).size, 1)
      assert.strictEqual((yield* other.entries).size, 2)
      yield* other.inject(Fault.refuse)
      assert.strictEqual(yield* jobs.set("c", "job"), "Applied")
      assert.strictEqual((yield* other.entries).size, 2)
    }).pipe(Effect.provide(Live))
  )
})

const twoServers = Effect.all([RedisServer.make(), RedisServer.make()])

const keys = (server: RedisServer.RedisServer) => server.cli("KEYS", "*")

const environment = (env: Record<string, string>) => ConfigProvider.layer(ConfigProvider.fromEnv({ env }))

describe("two servers of the environment", () => {
  it.live("two prefixes are two caches", () =>
    Effect.gen(function* () {
      const [one, other] = yield* twoServers
      const env = { REDIS_URL: one.url, SESSIONS_REDIS_URL: other.url, SESSIONS_CACHE_TTL: "7" }
      yield* Effect.gen(function* () {
        const jobs = yield* Cache.region(users)
        const sessions = yield* (yield* Sessions).region(users)
        yield* jobs.set("a", "job")
        assert.deepStrictEqual(yield* sessions.get("a"), Option.none())
        yield* sessions.set("b", "session")
        assert.deepStrictEqual(yield* jobs.get("b"), Option.none())
        assert.strictEqual((yield* RedisHealth.RedisHealth).name, "redis")
        assert.isAtMost(Number(yield* other.cli("PTTL", "sessions:users:v1:=b")), 7000)
      }).pipe(
        Effect.provide(
          Layer.merge(HybridCache.layerFromEnv(), Sessions.layer).pipe(Layer.provide([environment(env), quiet]))
        )
      )
      assert.deepStrictEqual(yield* keys(one), ["cache:users:v1:=a"])
      assert.deepStrictEqual(yield* keys(other), ["sessions:users:v1:=b"])
    })
  )

  it.live("two prefixes are two caches on one server as well", () =>
    Effect.gen(function* () {
      const one = yield* RedisServer.make()
      const env = { REDIS_URL: one.url, SESSIONS_REDIS_URL: one.url }
      yield* Effect.gen(function* () {
        const jobs = yield* Cache.region(users)
        const sessions = yield* (yield* Sessions).region(users)
        yield* jobs.set("a", "job")
        assert.deepStrictEqual(yield* sessions.get("a"), Option.none())
      }).pipe(
        Effect.provide(
          Layer.merge(HybridCache.layerFromEnv(), Sessions.layer).pipe(Layer.provide([environment(env), quiet]))
        )
      )
    })
  )

  it.live("parts with a ConfigProvider each have a Redis each", () =>
    Effect.gen(function* () {
      const [one, other] = yield* twoServers
      const part = (server: RedisServer.RedisServer) =>
        Redis.layerFromEnv().pipe(Layer.provide([environment({ REDIS_URL: server.url }), quiet]))
      class Other extends Context.Service<Other, RedisClient.RedisClient>()("test/Other") {}
      yield* Effect.gen(function* () {
        yield* (yield* RedisClient.RedisClient).set("a", "1")
        yield* (yield* Other).set("b", "1")
      }).pipe(
        Effect.provide(
          Layer.merge(part(one), Layer.effect(Other, RedisClient.RedisClient).pipe(Layer.provide(part(other))))
        )
      )
      assert.deepStrictEqual(yield* keys(one), ["a"])
      assert.deepStrictEqual(yield* keys(other), ["b"])
    })
  )

  it.live("caches with a ConfigProvider each have a Redis each", () =>
    Effect.gen(function* () {
      const [one, other] = yield* twoServers
      const part = (server: RedisServer.RedisServer) =>
        HybridCache.layerFromEnv().pipe(Layer.provide([environment({ REDIS_URL: server.url }), quiet]))
      yield* Effect.gen(function* () {
        yield* (yield* Cache.region(users)).set("a", "job")
        yield* (yield* (yield* Sessions).region(users)).set("b", "session")
      }).pipe(Effect.provide(Layer.merge(part(one), Sessions.layerFrom(part(other)))))
      assert.deepStrictEqual(yield* keys(one), ["cache:users:v1:=a"])
      assert.deepStrictEqual(yield* keys(other), ["cache:users:v1:=b"])
    })
  )

  it.live("a layer of Configs reads variables of one's own", () =>
    Effect.gen(function* () {
      const [one, other] = yield* twoServers
      const env = { REDIS_URL: one.url, STORE: other.url }
      yield* Effect.gen(function* () {
        yield* (yield* RedisClient.RedisClient).set("a", "1")
        assert.strictEqual((yield* RedisHealth.RedisHealth).name, "store")
      }).pipe(
        Effect.provide(
          Redis.layerConfig({ url: Config.Redacted("STORE"), name: Config.succeed("store") }).pipe(
            Layer.provide([environment(env), quiet])
          )
        )
      )
      assert.deepStrictEqual(yield* keys(one), [])
      assert.deepStrictEqual(yield* keys(other), ["a"])
    })
  )
})

describe("Redis.layerConfig", () => {
  it.live("fails without Redis where requireReady is read as true", () =>
    Effect.gen(function* () {
      const options = {
        url: Config.succeed("redis://127.0.0.1:1"),
        connectTimeout: Config.succeed("100 millis" as const)
      }
      const open = (requireReady: boolean) =>
        Effect.scoped(Layer.build(Redis.layerConfig({ ...options, requireReady: Config.succeed(requireReady) })))
      assert.strictEqual((yield* Effect.flip(open(true)))._tag, "RedisConnectionError")
      yield* open(false)
    }).pipe(Effect.provide(quiet))
  )
})

describe("HybridCache.layerFromEnv", () => {
  it.effect("says in one error what is wrong with Redis and with the cache", () =>
    Effect.gen(function* () {
      const env = { SESSIONS_REDIS_PORT: "0", SESSIONS_CACHE_TTL: "soon", CACHE_TTL: "never" }
      const layer = HybridCache.layerFromEnv({ prefix: "SESSIONS" }).pipe(Layer.provide(environment(env)))
      const { message } = yield* Effect.flip(Effect.scoped(Layer.build(layer)))
      assert.deepStrictEqual(message.match(/\w+ is/g), ["SESSIONS_REDIS_PORT is", "SESSIONS_CACHE_TTL is"])
    })
  )
})
