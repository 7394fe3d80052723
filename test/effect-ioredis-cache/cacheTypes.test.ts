import { describe, it } from "@effect/vitest"
import { Config, type Duration, Effect, type Layer, type Option, Schema } from "effect"
import { Redis, RedisClient, RedisConfig, type RedisConnector, type RedisError, type RedisHealth } from "effect-ioredis"
import { Cache, HybridCache, MemoryCache, ReadThrough, RedisCache } from "effect-ioredis-cache"
import { expectTypeOf } from "vitest"

class LookupError {
  readonly _tag = "LookupError"
}

// `tsc` is what fails here: nothing of it has to run.
describe("types", () => {
  it("Cache's methods have no Redis error", () => {
    type Region = Cache.Region<string, number>
    type ErrorOf<M extends keyof Region> = Region[M] extends (...args: never) => Effect.Effect<unknown, infer E, never>
      ? E
      : never
    expectTypeOf<
      ErrorOf<"get" | "getMany" | "has" | "set" | "setMany" | "remove" | "removeMany">
    >().toEqualTypeOf<never>()
    expectTypeOf<Region["clear"]>().toEqualTypeOf<Effect.Effect<Cache.WriteOutcome>>()
    expectTypeOf<Region["get"]>().toEqualTypeOf<(key: string) => Effect.Effect<Option.Option<number>>>()
    expectTypeOf<ReturnType<Region["set"]>>().toEqualTypeOf<Effect.Effect<"Applied" | "Deferred" | "Rejected">>()
    expectTypeOf<ReturnType<Region["remove"]>>().toEqualTypeOf<Effect.Effect<Cache.RemoveOutcome>>()
    expectTypeOf<ReturnType<Region["removeMany"]>>().toEqualTypeOf<Effect.Effect<ReadonlyArray<Cache.RemoveOutcome>>>()
    expectTypeOf<Cache.Cache["stats"]>().toEqualTypeOf<Effect.Effect<Cache.Stats>>()
  })

  it("getOrSet has the lookup's errors and services, and nobody else's", () => {
    const program = Effect.gen(function* () {
      const region = yield* Cache.region({ name: "r", version: 1, key: Schema.String, value: Schema.Finite })
      return yield* region.getOrSet("a", Effect.fail(new LookupError()))
    })
    expectTypeOf(program).toEqualTypeOf<Effect.Effect<number, LookupError, Cache.Cache>>()
    const total = Effect.flatMap(
      Cache.region({ name: "r", version: 1, key: Schema.String, value: Schema.Finite }),
      (region) => region.getOrSet("a", Effect.succeed(1))
    )
    expectTypeOf(total).toEqualTypeOf<Effect.Effect<number, never, Cache.Cache>>()
  })

  it("a timeout shows where lookups have one, and only there", () => {
    const texts = { name: "r", version: 1, key: Schema.String, value: Schema.String }
    const program = Effect.gen(function* () {
      const hard = yield* Cache.region({ ...texts, lookupTimeout: { soft: "1 second", hard: "2 seconds" } })
      return yield* hard.getOrSet("a", Effect.fail(new LookupError()))
    })
    expectTypeOf(program).toEqualTypeOf<Effect.Effect<string, LookupError | Cache.LookupTimeoutError, Cache.Cache>>()
    const soft = Effect.flatMap(Cache.region({ ...texts, lookupTimeout: { soft: "1 second" } }), (region) =>
      region.getOrSet("a", Effect.succeed("1"))
    )
    expectTypeOf(soft).toEqualTypeOf<Effect.Effect<string, never, Cache.Cache>>()
    const maybe = (hard: Duration.Duration | undefined) =>
      Effect.flatMap(Cache.region({ ...texts, lookupTimeout: { hard } }), (region) =>
        region.getOrSet("a", Effect.succeed("1"))
      )
    expectTypeOf(maybe).returns.toEqualTypeOf<Effect.Effect<string, Cache.LookupTimeoutError, Cache.Cache>>()
    const through = ReadThrough.make({
      ...texts,
      lookupTimeout: { hard: "2 seconds" },
      lookup: (key) => Effect.as(RedisClient.RedisClient, key)
    })
    expectTypeOf(through).toEqualTypeOf<
      Effect.Effect<
        ReadThrough.ReadThrough<string, string, Cache.LookupTimeoutError>,
        never,
        Cache.Cache | RedisClient.RedisClient
      >
    >()
  })

  it("options are what a layer takes, whatever they say of readiness", () => {
    expectTypeOf((options: RedisConfig.Options) => Redis.layer(options)).returns.toEqualTypeOf<
      Layer.Layer<
        RedisClient.RedisClient | RedisHealth.RedisHealth,
        Config.ConfigError | RedisError.RedisConnectionError
      >
    >()
    expectTypeOf(({ client }: RedisConfig.RedisConfig) => RedisClient.layer(client)).returns.toEqualTypeOf<
      Layer.Layer<RedisClient.RedisClient, RedisError.RedisConnectionError, RedisConnector.RedisConnector>
    >()
  })

  it("RedisCache's methods have it", () => {
    type Region = Effect.Success<ReturnType<typeof region>>
    const region = (cache: RedisCache.RedisCache) =>
      cache.region({ name: "r", version: 1, key: Schema.String, value: Schema.Finite })
    type ErrorOf<M extends keyof Region> = Region[M] extends (...args: never) => Effect.Effect<unknown, infer E, never>
      ? E
      : never
    expectTypeOf<ErrorOf<"get">>().toEqualTypeOf<RedisError.RedisError>()
    expectTypeOf<ErrorOf<"getMany">>().toEqualTypeOf<RedisError.RedisError>()
    expectTypeOf<ErrorOf<"has">>().toEqualTypeOf<RedisError.RedisError>()
    expectTypeOf<ErrorOf<"set">>().toEqualTypeOf<RedisError.RedisError>()
    expectTypeOf<ErrorOf<"setMany">>().toEqualTypeOf<RedisError.RedisError>()
    expectTypeOf<ErrorOf<"remove">>().toEqualTypeOf<RedisError.RedisError>()
    expectTypeOf<ErrorOf<"removeMany">>().toEqualTypeOf<RedisError.RedisError>()
    expectTypeOf<Region["clear"]>().toEqualTypeOf<Effect.Effect<Cache.WriteOutcome, RedisError.RedisError>>()
    const getOrSet = (it: Region) => it.getOrSet("a", Effect.fail(new LookupError()))
    expectTypeOf<ReturnType<typeof getOrSet>>().toEqualTypeOf<
      Effect.Effect<number, LookupError | RedisError.RedisError>
    >()
    expectTypeOf<Region>().not.toExtend<Cache.Region<string, number>>()
  })

  it("layers say what they need and how they fail", () => {
    expectTypeOf(HybridCache.layer).returns.toEqualTypeOf<
      Layer.Layer<Cache.Cache, never, RedisCache.RedisCache | MemoryCache.MemoryCache>
    >()
    expectTypeOf(HybridCache.layerConfig).returns.toEqualTypeOf<
      Layer.Layer<Cache.Cache, Config.ConfigError, RedisCache.RedisCache | MemoryCache.MemoryCache>
    >()
    expectTypeOf(HybridCache.layerFromEnv).returns.toEqualTypeOf<
      Layer.Layer<Cache.Cache | RedisClient.RedisClient | RedisHealth.RedisHealth, Config.ConfigError>
    >()
    type Client = RedisClient.RedisClient | RedisHealth.RedisHealth
    expectTypeOf(Redis.layerFromEnv).returns.toEqualTypeOf<Layer.Layer<Client, Config.ConfigError>>()
    expectTypeOf(Redis.layerConfig({ url: Config.Redacted("STORE") })).toEqualTypeOf<
      Layer.Layer<Client, Config.ConfigError>
    >()
    expectTypeOf(Redis.layerConfig({ requireReady: Config.Boolean("READY") })).toEqualTypeOf<
      Layer.Layer<Client, Config.ConfigError | RedisError.RedisConnectionError>
    >()
    expectTypeOf(Redis.layerConfig(RedisConfig.fromEnv())).toEqualTypeOf<Layer.Layer<Client, Config.ConfigError>>()
    expectTypeOf(MemoryCache.layerCache).toEqualTypeOf<Layer.Layer<Cache.Cache>>()
    expectTypeOf(RedisCache.layer).returns.toEqualTypeOf<
      Layer.Layer<RedisCache.RedisCache, never, RedisClient.RedisClient>
    >()
  })

  it("keys and values are typed by their schemas", () => {
    const program = Effect.gen(function* () {
      const region = yield* Cache.region({
        name: "r",
        version: 1,
        key: Schema.Struct({ id: Schema.Int }),
        value: Schema.Date,
        timeToLive: (key, value) => {
          expectTypeOf(key).toEqualTypeOf<{ readonly id: number }>()
          expectTypeOf(value).toEqualTypeOf<Date>()
          return "1 minute"
        }
      })
      // @ts-expect-error the key is a struct
      yield* region.get("a")
      // @ts-expect-error the value is a date
      yield* region.set({ id: 1 }, "1970-01-01")
      return yield* region.get({ id: 1 })
    })
    expectTypeOf(program).toEqualTypeOf<Effect.Effect<Option.Option<Date>, never, Cache.Cache>>()
  })
})
