import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer, Option, Result, Schedule } from "effect"
import { RedisClient, RedisConfig, RuntimeSettings } from "effect-ioredis"
import { SimulatedRedis } from "effect-ioredis/testing"
import { Cache, HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
import { quiet } from "../suites/cacheLayers.ts"

/** The settings in effect of a client and a cache that are made of these variables, or of options in code. */
const effective = (config: Effect.Effect<RedisConfig.RedisConfig, unknown>) =>
  Effect.gen(function* () {
    const { client } = yield* config
    const layer = HybridCache.layer().pipe(
      Layer.provide([RedisCache.layer(), MemoryCache.layer()]),
      Layer.provideMerge(RedisClient.layer({ ...client, closeTimeout: 0, requireReady: false })),
      Layer.provide(SimulatedRedis.layer()),
      Layer.provideMerge(quiet)
    )
    const stats = yield* Effect.provide(
      Effect.flatMap(Cache.Cache, ({ stats }) => stats),
      layer
    )
    return { client: stats.redis?.settings, cache: stats.settings, retry: client.retry }
  })

const variables = (found: Record<string, string>) =>
  Effect.flatMap(RedisConfig.fromEnv().parse(ConfigProvider.fromUnknown(found)), RedisConfig.make)

const shared = {
  topology: "Server",
  addresses: ["localhost:6379"],
  login: { database: 0, tls: false, password: false },
  connections: 1,
  maxInFlight: 10_000,
  maxReserved: 10,
  retryBudget: { capacity: 10, perAttempt: 0.2 },
  probeOnReady: true,
  connectTimeout: "2s",
  closeTimeout: "0",
  historyInterval: "1s",
  requireReady: false,
  logOperations: false,
  traceCommands: false
} as const

const circuit = (resetTimeout: string) => ({
  tripPolicy: { _tag: "Consecutive", failures: 5 } as const,
  resetTimeout,
  successThreshold: 1,
  maxProbes: 1,
  probeTimeout: "5s"
})

const fixtures = {
  none: {
    client: { ...shared, circuitBreaker: circuit("30s"), commandTimeout: "2s", operationTimeout: "5s" },
    cache: { prefix: "cache:", timeToLive: "5m", patience: "1s" },
    retries: [3, 2, 2]
  },
  development: {
    client: {
      ...shared,
      profile: "development",
      circuitBreaker: circuit("1s"),
      commandTimeout: "10s",
      operationTimeout: "10s"
    },
    cache: { prefix: "cache:", timeToLive: "1m", patience: "5s" },
    retries: [0, 0, 0]
  },
  production: {
    client: {
      ...shared,
      profile: "production",
      circuitBreaker: circuit("10s"),
      commandTimeout: "1s",
      operationTimeout: "3s"
    },
    cache: { prefix: "cache:", timeToLive: "5m", patience: "500ms" },
    retries: [3, 2, 2]
  }
} as const

/** How often a schedule lets something be tried again. */
const timesOf = (schedule: Schedule.Schedule<unknown>) =>
  Effect.gen(function* () {
    const step = yield* Schedule.toStep(schedule)
    let times = 0
    while (Result.isSuccess(yield* Effect.result(step(0, undefined)))) times++
    return times
  })

describe("the profile", () => {
  for (const name of ["none", "development", "production"] as const) {
    it.effect(`${name} has these settings in effect, by a variable and in code`, () =>
      Effect.gen(function* () {
        const profile = name === "none" ? undefined : name
        const configs = [
          variables(profile === undefined ? {} : { REDIS_PROFILE: profile }),
          RedisConfig.make({ profile })
        ]
        for (const config of configs) {
          const { retry, ...found } = yield* effective(config)
          const { retries, ...expected } = fixtures[name]
          assert.deepStrictEqual(found as unknown, expected)
          const policy = Option.getOrThrow(Option.fromUndefinedOr(retry))
          const times = yield* Effect.forEach([policy.read, policy.write, policy.effectful], (schedule) =>
            timesOf(schedule as Schedule.Schedule<unknown>)
          )
          assert.deepStrictEqual(times, [...retries])
        }
      })
    )
  }

  it.effect("gives way to what an option or another variable says", () =>
    Effect.gen(function* () {
      const { client } = yield* effective(
        variables({ REDIS_PROFILE: "production", CACHE_SOCKET_TIMEOUT_MS: "300", CACHE_RESET_TIMEOUT: "7" })
      )
      assert.deepStrictEqual([client?.commandTimeout, client?.circuitBreaker], ["300ms", circuit("7s")])
    })
  )

  it.effect("of a client that is made without RedisConfig is the same", () =>
    Effect.gen(function* () {
      const { client } = yield* effective(
        Effect.map(RedisConfig.make(), (config) => ({ ...config, client: { profile: "production" } }))
      )
      assert.deepStrictEqual(client, fixtures.production.client)
      assert.strictEqual(RuntimeSettings.profiles.production.commandTimeout, "1 second")
    })
  )

  it.effect("that there is not is a ConfigError", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(variables({ REDIS_PROFILE: "staging" }))
      assert.strictEqual(
        error.cause.message,
        'REDIS_PROFILE is "staging": expected "development" or "production", for example production'
      )
    })
  )
})
