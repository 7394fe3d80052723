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
 *   Effect.provide(Redis.layerConfig)
 * )
 * ```
 *
 * @since 0.1.0
 */
import { type Config, Effect, Layer } from "effect"
import * as IoredisConnector from "./IoredisConnector.ts"
import * as RedisClient from "./RedisClient.ts"
import * as RedisConfig from "./RedisConfig.ts"
import type { RedisConnector } from "./RedisConnector.ts"
import type { RedisConnectionError } from "./RedisError.ts"
import * as RedisHealth from "./RedisHealth.ts"

/**
 * From settings in code. Fails only for settings that make no sense, and with `requireReady: true`
 * when Redis cannot be reached.
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
} = (options?: RedisConfig.Options) =>
  Layer.unwrap(
    Effect.map(RedisConfig.make(options), (config) =>
      compose(
        config,
        // Without `requireReady` it cannot fail for Redis, which the overloads say and this
        // expression cannot.
        Layer.effect(RedisClient.RedisClient, RedisClient.make(config.client)) as ReturnType<typeof RedisClient.layer>
      )
    )
  )

/**
 * From the environment: see `RedisConfig`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConfig: Layer.Layer<RedisClient.RedisClient | RedisHealth.RedisHealth, Config.ConfigError> =
  Layer.unwrap(
    Effect.map(RedisConfig.config, (config) =>
      compose(config, RedisClient.layer({ ...config.client, requireReady: false }))
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
