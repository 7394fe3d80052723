/**
 * The whole of it in one layer: ioredis as the driver, the client on it, and the watch over its
 * health.
 *
 * **Example** (From the environment)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Redis, RedisClient } from "effect-ioredis"
 *
 * const program = Effect.flatMap(RedisClient.RedisClient, (redis) => redis.get("greeting")).pipe(
 *   Effect.provide(Redis.layerFromEnv())
 * )
 * ```
 *
 * @since 0.1.0
 */
import { Config, Effect, Layer } from "effect"
import * as IoredisConnector from "./IoredisConnector.ts"
import * as RedisClient from "./RedisClient.ts"
import * as RedisConfig from "./RedisConfig.ts"
import type { RedisConnector } from "./RedisConnector.ts"
import type { RedisConnectionError } from "./RedisError.ts"
import * as RedisHealth from "./RedisHealth.ts"

/**
 * Provides Redis from settings in code. It fails only for settings that make no sense, and with
 * `requireReady: true` when Redis cannot be reached.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: {
  (
    options: RedisConfig.Options & { readonly requireReady: true }
  ): Layer.Layer<RedisClient.RedisClient | RedisHealth.RedisHealth, Config.ConfigError | RedisConnectionError>
  (
    options?: RedisConfig.Options & { readonly requireReady?: false | undefined }
  ): Layer.Layer<RedisClient.RedisClient | RedisHealth.RedisHealth, Config.ConfigError>
  (
    options: RedisConfig.Options
  ): Layer.Layer<RedisClient.RedisClient | RedisHealth.RedisHealth, Config.ConfigError | RedisConnectionError>
} = (options?: RedisConfig.Options) => build(options)

/**
 * Provides Redis from options of which each may be a `Config`, or from a `Config` of all of them.
 * It fails as `layer` does.
 *
 * **Example** (A variable of your own)
 *
 * ```ts
 * import { Config } from "effect"
 * import { Redis } from "effect-ioredis"
 *
 * const RedisLive = Redis.layerConfig({
 *   url: Config.Redacted("SESSION_STORE"),
 *   name: Config.succeed("sessions")
 * })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig: {
  (
    options: Config.Wrap<RedisConfig.Options & { readonly requireReady?: false | undefined }>
  ): Layer.Layer<RedisClient.RedisClient | RedisHealth.RedisHealth, Config.ConfigError>
  (
    options: Config.Wrap<RedisConfig.Options>
  ): Layer.Layer<RedisClient.RedisClient | RedisHealth.RedisHealth, Config.ConfigError | RedisConnectionError>
} = (options: Config.Wrap<RedisConfig.Options>) => Layer.unwrap(Effect.map(Config.unwrap(options), build))

/**
 * Provides Redis from the environment variables that `RedisConfig` lists. With
 * `{ prefix: "SESSIONS" }` they are `SESSIONS_REDIS_URL` and so on.
 *
 * **Details**
 *
 * Each call is a layer of its own, with a client of its own. Keep it in a constant where several
 * parts of a program are to share one.
 *
 * **Example** (Two clients)
 *
 * ```ts
 * import { Context, Layer } from "effect"
 * import { Redis, RedisClient } from "effect-ioredis"
 *
 * class Sessions extends Context.Service<Sessions, RedisClient.RedisClient>()("app/Sessions") {
 *   static readonly layer = Layer.effect(Sessions, RedisClient.RedisClient).pipe(
 *     Layer.provide(Redis.layerFromEnv({ prefix: "SESSIONS" }))
 *   )
 * }
 *
 * const Live = Layer.merge(Redis.layerFromEnv(), Sessions.layer)
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerFromEnv = (
  options?: RedisConfig.EnvOptions
): Layer.Layer<RedisClient.RedisClient | RedisHealth.RedisHealth, Config.ConfigError> =>
  Layer.unwrap(Effect.map(RedisConfig.fromEnv(options), build))

const build = (
  options?: RedisConfig.Options
): Layer.Layer<RedisClient.RedisClient | RedisHealth.RedisHealth, Config.ConfigError> =>
  Layer.unwrap(
    Effect.map(RedisConfig.make(options), (config) =>
      compose(
        config,
        // Without `requireReady` it cannot fail for Redis, which the overloads above say and this
        // expression cannot.
        Layer.effect(RedisClient.RedisClient, RedisClient.make(config.client)) as Layer.Layer<
          RedisClient.RedisClient,
          never,
          RedisConnector
        >
      )
    )
  )

const compose = <E>(
  config: RedisConfig.RedisConfig,
  client: Layer.Layer<RedisClient.RedisClient, E, RedisConnector>
): Layer.Layer<RedisClient.RedisClient | RedisHealth.RedisHealth, E> =>
  RedisHealth.layer({ interval: config.healthCheckInterval, timeout: config.client.commandTimeout }).pipe(
    Layer.provideMerge(client),
    Layer.provide(IoredisConnector.layer(config.connector))
  )
