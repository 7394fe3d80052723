/**
 * Reads where Redis is and how to treat it, from the environment or in code, checked before
 * anything connects.
 *
 * **Details**
 *
 * All of it is optional. `REDIS_URL` (`redis://user:password@host:port/db`; `rediss://` turns TLS
 * on) wins over `REDIS_HOST` localhost, `REDIS_PORT` 6379, `REDIS_DB` 0, `REDIS_USERNAME` and
 * `REDIS_PASSWORD` (empty means none). `CACHE_SOCKET_CONNECT_TIMEOUT_MS` 2000,
 * `CACHE_SOCKET_TIMEOUT_MS` 2000, `CACHE_HEALTH_CHECK_INTERVAL` 30 (seconds),
 * `CACHE_MAX_CONNECTIONS` 1, `CACHE_MAX_RETRIES` 3 (reads; writes the lesser of it and 2),
 * `CACHE_RETRY_DELAY` 0.1 (seconds), `CACHE_MAX_RETRY_DELAY` 30 (seconds),
 * `CACHE_FAILURE_THRESHOLD` 5, `CACHE_RESET_TIMEOUT` 30 (seconds). Durations may also be written
 * with their unit, such as `1500 millis`.
 *
 * Bad values are one `ConfigError` that names each variable or option, its problem and an example.
 * Values that may hold a password are never shown.
 *
 * @since 0.1.0
 */
import { Config, Duration, Effect, Option, Redacted, Result, Schema } from "effect"
import * as CircuitBreaker from "./CircuitBreaker.ts"
import type * as IoredisConnector from "./IoredisConnector.ts"
import * as RedisUrl from "./internal/RedisUrl.ts"
import { configError } from "./internal/settingProblem.ts"
import type * as RedisClient from "./RedisClient.ts"
import type { RedisAddress, RedisLogin } from "./RedisConnector.ts"
import * as RedisTopology from "./RedisTopology.ts"
import * as RetryPolicy from "./RetryPolicy.ts"
import * as Settings from "./Settings.ts"

/**
 * Checked settings, in the form that the layers take.
 *
 * @category models
 * @since 0.1.0
 */
export interface RedisConfig {
  /** Sets how sockets are used. */
  readonly connector: IoredisConnector.Options
  /** Sets where Redis is and how the client behaves. */
  readonly client: RedisClient.Options
  /** Sets how often Redis is asked whether it answers. */
  readonly healthCheckInterval: Duration.Duration
}

type RedisAddressOptions = { readonly [Field in keyof RedisAddress]?: RedisAddress[Field] | undefined }

/**
 * The same settings in code.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options
  extends IoredisConnector.Options,
    Pick<RedisLogin, "db" | "username" | "tls">,
    Pick<RedisAddressOptions, "host" | "port">,
    Omit<RedisClient.Options, "topology" | "login" | "connections"> {
  /**
   * Locates Redis: `redis://user:password@host:port/db`, or `rediss://` for TLS. It wins over the
   * options that it names.
   */
  readonly url?: string | Redacted.Redacted<string> | undefined
  /** Logs in with this password; empty means none. */
  readonly password?: string | Redacted.Redacted<string> | undefined
  /** Sets how many connections to keep. Default: 1. */
  readonly maxConnections?: number | undefined
  /** Sets how often Redis is asked whether it answers. Default: 30 seconds. */
  readonly healthCheckInterval?: Duration.Input | undefined
  /**
   * Bounds the retries of a read; those of a write are the lesser of it and 2. Default: 3. A
   * `retry` policy takes its place.
   */
  readonly maxRetries?: number | undefined
  /**
   * Sets the delay before the first retry, which doubles from then on. Default: 100 milliseconds. A
   * `retry` policy takes its place.
   */
  readonly retryDelay?: Duration.Input | undefined
  /** Bounds the delay before a retry. Default: 30 seconds. A `retry` policy takes its place. */
  readonly maxRetryDelay?: Duration.Input | undefined
  /**
   * Sets how many failed attempts in a row open the circuit. Default: 5. A `tripPolicy` in
   * `circuitBreaker` wins over it.
   */
  readonly failureThreshold?: number | undefined
  /**
   * Sets how long the circuit stays open. Default: 30 seconds. A `resetTimeout` in `circuitBreaker`
   * wins over it.
   */
  readonly resetTimeout?: Duration.Input | undefined
}

/**
 * Checks settings given in code.
 *
 * **Example** (A client without the layer of health)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { IoredisConnector, RedisClient, RedisConfig } from "effect-ioredis"
 *
 * const RedisLive = Layer.unwrap(
 *   Effect.map(RedisConfig.make({ url: "redis://localhost:6379/1" }), ({ client, connector }) =>
 *     RedisClient.layer({ ...client, requireReady: false }).pipe(
 *       Layer.provide(IoredisConnector.layer(connector))
 *     )
 *   )
 * )
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options = {}): Effect.Effect<RedisConfig, Config.ConfigError> =>
  Effect.map(
    Settings.all({ url: checkUrl(options.url), settings: check(options) }),
    ({ settings, url }): RedisConfig => ({
      connector: {
        keepAlive: settings.keepAlive,
        maxReplyBytes: settings.maxReplyBytes,
        showScriptErrors: options.showScriptErrors
      },
      client: {
        name: options.name,
        topology: RedisTopology.server({ host: url.host ?? settings.host, port: url.port ?? settings.port }),
        login: loginOf(options, url, settings),
        connections: settings.maxConnections,
        maxInFlight: settings.maxInFlight,
        closeTimeout: settings.closeTimeout,
        historyInterval: settings.historyInterval,
        retry: options.retry ?? retryOf(settings),
        circuitBreaker: breakerOf(options.circuitBreaker, settings),
        probeOnReady: options.probeOnReady,
        operationTimeout: settings.operationTimeout,
        requireReady: options.requireReady,
        connectTimeout: settings.connectTimeout,
        commandTimeout: settings.commandTimeout
      },
      healthCheckInterval: settings.healthCheckInterval
    })
  )

/**
 * Chooses which environment variables are read, and names what is made of them.
 *
 * @category models
 * @since 0.1.0
 */
export interface EnvOptions {
  /**
   * Begins the names of all variables: with `SESSIONS` they are `SESSIONS_REDIS_URL` and so on.
   * Default: none.
   */
  readonly prefix?: string | undefined
  /**
   * Names the client in metrics, spans and log lines. Default: the prefix in lower case, or
   * `redis`.
   */
  readonly name?: string | undefined
}

/**
 * Reads the options of a client from the environment.
 *
 * **Example** (Adding what has no variable)
 *
 * ```ts
 * import { Config } from "effect"
 * import { Redis, RedisConfig } from "effect-ioredis"
 *
 * const RedisLive = Redis.layerConfig(
 *   Config.map(RedisConfig.fromEnv(), (options) => ({ ...options, maxInFlight: 1000 }))
 * )
 * ```
 *
 * @category configuration
 * @since 0.1.0
 */
export const fromEnv = ({ name, prefix }: EnvOptions = {}): Config.Config<Omit<Options, "requireReady">> => {
  const options = Config.map(variables, (read) => ({ ...read, name: name ?? prefix?.toLowerCase() }))
  return prefix === undefined ? options : Config.nested(options, prefix)
}

// -------------------------------------------------------------------------------------------------
// What each may be
// -------------------------------------------------------------------------------------------------

const wholeNumber = (minimum: number, maximum: number, example: number) =>
  Schema.Int.check(Schema.isBetween({ minimum, maximum })).annotate({
    expected: `a whole number from ${minimum} to ${maximum}`,
    example: String(example)
  })

const Host = Schema.String.check(Schema.isPattern(/^[^\s/@]+$/)).annotate({
  expected: "a host name or an address",
  example: "localhost"
})
const Port = wholeNumber(1, 65_535, 6379)
const Db = wholeNumber(0, RedisUrl.maxDb, 0)
const MaxConnections = wholeNumber(1, 1000, 1)
const MaxRetries = wholeNumber(0, 1000, 3)
const FailureThreshold = wholeNumber(1, 1_000_000, 5)
const MaxInFlight = wholeNumber(1, 10_000_000, 10_000)
const MaxReplyBytes = Schema.Int.check(Schema.isGreaterThan(0)).annotate({
  expected: "a whole number, 1 or more",
  example: "1000000"
})
const Url = Schema.String.check(
  Schema.makeFilter((url) => Option.getOrUndefined(Result.getFailure(RedisUrl.parse(url))))
)

const optional = <A>(config: Config.Config<A>) => Config.withDefault(config, undefined)
const seconds = (name: string, example: number) => optional(Settings.duration(name, { unit: "seconds", example }))
const millis = (name: string, example: number) => optional(Settings.duration(name, { unit: "millis", example }))

const variables = Settings.all({
  url: optional(Config.schema(Schema.Redacted(Url), "REDIS_URL")),
  host: optional(Config.schema(Host, "REDIS_HOST")),
  port: optional(Config.schema(Port, "REDIS_PORT")),
  db: optional(Config.schema(Db, "REDIS_DB")),
  username: optional(Config.String("REDIS_USERNAME")),
  password: optional(Config.Redacted("REDIS_PASSWORD")),
  maxConnections: optional(Config.schema(MaxConnections, "CACHE_MAX_CONNECTIONS")),
  connectTimeout: millis("CACHE_SOCKET_CONNECT_TIMEOUT_MS", 2000),
  commandTimeout: millis("CACHE_SOCKET_TIMEOUT_MS", 2000),
  healthCheckInterval: seconds("CACHE_HEALTH_CHECK_INTERVAL", 30),
  maxRetries: optional(Config.schema(MaxRetries, "CACHE_MAX_RETRIES")),
  retryDelay: seconds("CACHE_RETRY_DELAY", 0.1),
  maxRetryDelay: seconds("CACHE_MAX_RETRY_DELAY", 30),
  failureThreshold: optional(Config.schema(FailureThreshold, "CACHE_FAILURE_THRESHOLD")),
  resetTimeout: seconds("CACHE_RESET_TIMEOUT", 30)
})

// -------------------------------------------------------------------------------------------------
// In code
// -------------------------------------------------------------------------------------------------

type Checked = Config.Success<ReturnType<typeof check>>

const check = (options: Options) =>
  Settings.all({
    host: checked("host", Host, options.host ?? "localhost"),
    port: checked("port", Port, options.port ?? 6379),
    db: checked("db", Db, options.db ?? 0),
    username: checkedText("username", options.username),
    password: checkedText("password", options.password),
    maxReplyBytes: ifGiven(options.maxReplyBytes, (bytes) => checked("maxReplyBytes", MaxReplyBytes, bytes)),
    maxConnections: checked("maxConnections", MaxConnections, options.maxConnections ?? 1),
    maxInFlight: checked("maxInFlight", MaxInFlight, options.maxInFlight ?? 10_000),
    connectTimeout: checkedDuration("connectTimeout", options.connectTimeout ?? "2 seconds"),
    commandTimeout: checkedDuration("commandTimeout", options.commandTimeout ?? "2 seconds"),
    operationTimeout: checkedDuration("operationTimeout", options.operationTimeout ?? "5 seconds"),
    closeTimeout: checkedDuration("closeTimeout", options.closeTimeout ?? "2 seconds"),
    historyInterval: checkedDuration("historyInterval", options.historyInterval ?? "1 second"),
    keepAlive: checkedDuration("keepAlive", options.keepAlive ?? "1 minute"),
    healthCheckInterval: checkedDuration("healthCheckInterval", options.healthCheckInterval ?? "30 seconds"),
    maxRetries: checked("maxRetries", MaxRetries, options.maxRetries ?? 3),
    retryDelay: checkedDuration("retryDelay", options.retryDelay ?? "100 millis"),
    maxRetryDelay: checkedDuration("maxRetryDelay", options.maxRetryDelay ?? "30 seconds"),
    failureThreshold: checked("failureThreshold", FailureThreshold, options.failureThreshold ?? 5),
    resetTimeout: checkedDuration("resetTimeout", options.resetTimeout ?? "30 seconds")
  })

const checked = <A>(name: string, schema: Schema.Schema<A>, value: A): Config.Config<A> => {
  const problem = Settings.problem(name, schema, value)
  return problem === undefined ? Config.succeed(value) : refuse(problem)
}

const checkedDuration = (name: string, input: Duration.Input): Config.Config<Duration.Duration> =>
  Config.map(checked(name, Settings.AboveZero, input), Duration.fromInputUnsafe)

// What is no text may be a login in another form, and is not shown.
const checkedText = (name: string, value: string | Redacted.Redacted<string> | undefined) => {
  const text = plain(value) ?? undefined
  return text === undefined || typeof text === "string"
    ? Config.succeed(text)
    : refuse(`${name} is no text: expected a string, or a Redacted one`)
}

const ifGiven = <A>(value: A | undefined, check: (value: A) => Config.Config<A>): Config.Config<A | undefined> =>
  value === undefined ? Config.succeed(undefined) : check(value)

const refuse = (problem: string): Config.Config<never> => Config.fail(configError([problem]).cause)

type Located = Partial<RedisUrl.RedisUrl>

const checkUrl = (url: Options["url"]): Config.Config<Located> => {
  return Config.flatMap(checkedText("url", url), (text) =>
    text === undefined
      ? Config.succeed<Located>({})
      : Result.match(RedisUrl.parse(text), {
          onSuccess: Config.succeed<Located>,
          onFailure: (problem) => refuse(`url ${problem}`)
        })
  )
}

// -------------------------------------------------------------------------------------------------
// What is made of them
// -------------------------------------------------------------------------------------------------

const loginOf = ({ tls }: Options, url: Located, { db, password, username }: Checked): RedisLogin => {
  const secret = url.password ?? password
  return {
    db: url.db ?? db,
    username: url.username ?? (username || undefined),
    password: secret ? Redacted.make(secret) : undefined,
    tls: tls || url.tls
  }
}

const retryOf = ({ maxRetries, maxRetryDelay, retryDelay }: Checked): RetryPolicy.RetryPolicy => {
  const exponential = (retries: number) => RetryPolicy.exponential({ retries, base: retryDelay, cap: maxRetryDelay })
  const fewer = exponential(Math.min(maxRetries, 2))
  return RetryPolicy.make({ read: exponential(maxRetries), write: fewer, effectful: fewer })
}

const breakerOf = (
  chosen: Options["circuitBreaker"],
  { failureThreshold, resetTimeout }: Checked
): RedisClient.Options["circuitBreaker"] =>
  chosen === false
    ? false
    : { resetTimeout, ...chosen, tripPolicy: chosen?.tripPolicy ?? CircuitBreaker.consecutive(failureThreshold) }

const plain = (secret: string | Redacted.Redacted<string> | undefined): string | undefined =>
  Redacted.isRedacted(secret) ? Redacted.value(secret) : secret
