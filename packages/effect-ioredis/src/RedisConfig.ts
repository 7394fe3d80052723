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
 * A bad value is one `ConfigError` that names the variable or option, its problem and an example.
 * Values that may hold a password are never shown.
 *
 * @since 0.1.0
 */
import { Config, ConfigProvider, Duration, Effect, Option, Redacted, Result } from "effect"
import * as CircuitBreaker from "./CircuitBreaker.ts"
import type * as IoredisConnector from "./IoredisConnector.ts"
import type * as RedisClient from "./RedisClient.ts"
import type { RedisAddress, RedisLogin } from "./RedisConnector.ts"
import * as RetryPolicy from "./RetryPolicy.ts"

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
    Omit<RedisClient.Options, "address" | "login" | "connections"> {
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
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options = {}): Effect.Effect<RedisConfig, Config.ConfigError> =>
  Effect.gen(function* () {
    const url = plain(options.url)
    const located = url === undefined ? {} : yield* parseUrl("url", url)
    const get = <A>(setting: Setting<A>, value: unknown) => read(setting, setting.option, value)
    const maxRetries = yield* get(settings.maxRetries, options.maxRetries)
    const backoff = {
      base: yield* get(settings.retryDelay, options.retryDelay),
      cap: yield* get(settings.maxRetryDelay, options.maxRetryDelay)
    }
    const password = located.password ?? plain(options.password)
    const failureThreshold = yield* get(settings.failureThreshold, options.failureThreshold)
    const resetTimeout = yield* get(settings.resetTimeout, options.resetTimeout)
    const chosen = options.circuitBreaker === false ? undefined : options.circuitBreaker
    const breaker = {
      resetTimeout,
      ...chosen,
      tripPolicy: chosen?.tripPolicy ?? CircuitBreaker.consecutive(failureThreshold)
    }
    const connectTimeout = yield* get(settings.connectTimeout, options.connectTimeout)
    const commandTimeout = yield* get(settings.commandTimeout, options.commandTimeout)
    return {
      connector: {
        keepAlive: yield* get(settings.keepAlive, options.keepAlive),
        maxReplyBytes: options.maxReplyBytes,
        showScriptErrors: options.showScriptErrors
      },
      client: {
        name: options.name,
        address: {
          host: yield* get(settings.host, located.host ?? options.host),
          port: yield* get(settings.port, located.port ?? options.port)
        },
        login: {
          db: yield* get(settings.db, located.db ?? options.db),
          username: located.username ?? (options.username || undefined),
          password: password ? Redacted.make(password) : undefined,
          tls: located.tls === true && (options.tls === undefined || options.tls === false) ? true : options.tls
        },
        connections: yield* get(settings.maxConnections, options.maxConnections),
        maxInFlight: yield* get(settings.maxInFlight, options.maxInFlight),
        closeTimeout: yield* get(settings.closeTimeout, options.closeTimeout),
        historyInterval: yield* get(settings.historyInterval, options.historyInterval),
        retry:
          options.retry ??
          RetryPolicy.make({
            read: RetryPolicy.exponential({ retries: maxRetries, ...backoff }),
            write: RetryPolicy.exponential({ retries: Math.min(maxRetries, 2), ...backoff }),
            effectful: RetryPolicy.exponential({ retries: Math.min(maxRetries, 2), ...backoff })
          }),
        circuitBreaker: options.circuitBreaker === false ? false : breaker,
        probeOnReady: options.probeOnReady,
        operationTimeout: yield* get(settings.operationTimeout, options.operationTimeout),
        requireReady: options.requireReady,
        connectTimeout,
        commandTimeout
      },
      healthCheckInterval: yield* get(settings.healthCheckInterval, options.healthCheckInterval)
    }
  })

const settings = {
  host: text("REDIS_HOST", "host", "localhost", "a host name or an address", (host) => /^[^\s/@]+$/.test(host)),
  port: integer("REDIS_PORT", "port", 6379, { min: 1, max: 65_535 }),
  db: integer("REDIS_DB", "db", 0, { min: 0, max: 1_000_000 }),
  maxConnections: integer("CACHE_MAX_CONNECTIONS", "maxConnections", 1, { min: 1, max: 1000 }),
  connectTimeout: duration("CACHE_SOCKET_CONNECT_TIMEOUT_MS", "connectTimeout", 2000, "millis"),
  commandTimeout: duration("CACHE_SOCKET_TIMEOUT_MS", "commandTimeout", 2000, "millis"),
  healthCheckInterval: duration("CACHE_HEALTH_CHECK_INTERVAL", "healthCheckInterval", 30, "seconds"),
  maxRetries: integer("CACHE_MAX_RETRIES", "maxRetries", 3, { min: 0, max: 1000 }),
  retryDelay: duration("CACHE_RETRY_DELAY", "retryDelay", 0.1, "seconds"),
  maxRetryDelay: duration("CACHE_MAX_RETRY_DELAY", "maxRetryDelay", 30, "seconds"),
  failureThreshold: integer("CACHE_FAILURE_THRESHOLD", "failureThreshold", 5, { min: 1, max: 1_000_000 }),
  resetTimeout: duration("CACHE_RESET_TIMEOUT", "resetTimeout", 30, "seconds"),
  // In code only.
  closeTimeout: duration("closeTimeout", "closeTimeout", 2000, "millis"),
  operationTimeout: duration("operationTimeout", "operationTimeout", 5000, "millis"),
  historyInterval: duration("historyInterval", "historyInterval", 1000, "millis"),
  keepAlive: duration("keepAlive", "keepAlive", 60_000, "millis"),
  maxInFlight: integer("maxInFlight", "maxInFlight", 10_000, { min: 1, max: 10_000_000 })
}

/**
 * Reads and checks the environment.
 *
 * @category configuration
 * @since 0.1.0
 */
export const config: Config.Config<RedisConfig> = Config.all({
  url: Config.option(Config.Redacted("REDIS_URL")),
  username: Config.option(Config.String("REDIS_USERNAME")),
  password: Config.option(Config.Redacted("REDIS_PASSWORD")),
  settings: Config.all({
    host: variable(settings.host),
    port: variable(settings.port),
    db: variable(settings.db),
    maxConnections: variable(settings.maxConnections),
    connectTimeout: variable(settings.connectTimeout),
    commandTimeout: variable(settings.commandTimeout),
    healthCheckInterval: variable(settings.healthCheckInterval),
    maxRetries: variable(settings.maxRetries),
    retryDelay: variable(settings.retryDelay),
    maxRetryDelay: variable(settings.maxRetryDelay),
    failureThreshold: variable(settings.failureThreshold),
    resetTimeout: variable(settings.resetTimeout)
  })
}).pipe(
  Config.mapEffect(({ password, settings, url, username }) =>
    Effect.gen(function* () {
      const located =
        Option.isSome(url) && plain(url.value) ? yield* parseUrl("REDIS_URL", Redacted.value(url.value)) : {}
      return yield* make({
        username: Option.getOrUndefined(username),
        password: Option.getOrUndefined(password),
        ...settings,
        ...located
      })
    })
  )
)

// -------------------------------------------------------------------------------------------------
// Settings
// -------------------------------------------------------------------------------------------------

/**
 * One setting.
 *
 * @category settings
 * @since 0.1.0
 */
export interface Setting<A> {
  /** Names its environment variable. */
  readonly variable: string
  /** Names its option in code. */
  readonly option: string
  /** Says what it must be. */
  readonly expects: string
  /** Gives an example. */
  readonly example: string
  /** Gives its default. */
  readonly fallback: A
  /** Reads it from text or from a value, `undefined` where it is none. */
  readonly read: (value: unknown) => A | undefined
}

/**
 * A whole number between two bounds.
 *
 * @category settings
 * @since 0.1.0
 */
export function integer(
  variable: string,
  option: string,
  fallback: number,
  bounds: { readonly min: number; readonly max: number }
): Setting<number> {
  return {
    variable,
    option,
    expects: `a whole number from ${bounds.min} to ${bounds.max}`,
    example: String(fallback),
    fallback,
    read: (value) => {
      const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value
      return typeof number === "number" && Number.isInteger(number) && number >= bounds.min && number <= bounds.max
        ? number
        : undefined
    }
  }
}

/**
 * A duration above zero: in text a number of the unit, or with a unit of its own; in code any
 * `Duration.Input`.
 *
 * @category settings
 * @since 0.1.0
 */
export function duration(
  variable: string,
  option: string,
  fallback: number,
  unit: "millis" | "seconds"
): Setting<Duration.Duration> {
  return {
    variable,
    option,
    expects: `a duration above zero (a number of ${unit === "millis" ? "milliseconds" : "seconds"}, or one with its unit)`,
    example: String(fallback),
    fallback: Duration[unit](fallback),
    read: (value) => {
      const bare = typeof value === "string" && value.trim() !== "" ? Number(value) : Number.NaN
      const parsed = Number.isNaN(bare)
        ? Duration.fromInput(value as Duration.Input) // any other value is refused by `fromInput`
        : Option.some(Duration[unit](bare))
      return Option.getOrUndefined(
        Option.filter(parsed, (found) => Duration.isFinite(found) && Duration.toMillis(found) > 0)
      )
    }
  }
}

/**
 * Text that must match.
 *
 * @category settings
 * @since 0.1.0
 */
export function text(
  variable: string,
  option: string,
  fallback: string,
  expects: string,
  matches: (value: string) => boolean
): Setting<string> {
  return {
    variable,
    option,
    expects,
    example: fallback,
    fallback,
    read: (value) => (typeof value === "string" && matches(value) ? value : undefined)
  }
}

/**
 * Reads a setting from the environment; empty counts as absent.
 *
 * @category settings
 * @since 0.1.0
 */
export function variable<A>(setting: Setting<A>): Config.Config<A> {
  const { variable: name } = setting
  return Config.String(name).pipe(
    Config.withDefault(""),
    Config.mapEffect((value) => read(setting, name, value === "" ? undefined : value))
  )
}

/**
 * Reads a setting from a value given in code under the name `name`; `undefined` takes the default.
 *
 * @category settings
 * @since 0.1.0
 */
export const read = <A>(setting: Setting<A>, name: string, value: unknown): Effect.Effect<A, Config.ConfigError> => {
  if (value === undefined) return Effect.succeed(setting.fallback)
  const found = setting.read(value)
  return found === undefined
    ? Effect.fail(
        configError(`${name} is ${shown(value)}: expected ${setting.expects}, for example ${setting.example}`)
      )
    : Effect.succeed(found)
}

// Something with a login in it, put where it does not belong, is as secret as where it does.
const shown = (value: unknown): string => {
  if (typeof value !== "string") return String(value)
  return /[@]|:\/\//.test(value) ? "not shown, for it may hold a password" : JSON.stringify(value)
}

interface Location {
  readonly host?: string
  readonly port?: number
  readonly db?: number
  readonly username?: string
  readonly password?: string
  readonly tls?: boolean
}

const parseUrl = (name: string, url: string): Effect.Effect<Location, Config.ConfigError> => {
  const refuse = (problem: string) =>
    Effect.fail(
      configError(
        `${name} ${problem} (its value is not shown, for it may hold a password): expected redis://user:password@host:port/db, or rediss:// for TLS, for example redis://localhost:6379/0`
      )
    )
  if (!URL.canParse(url)) return refuse("is not a URL")
  const { hash, hostname, password, pathname, port, protocol, search, username } = new URL(url)
  if (protocol !== "redis:" && protocol !== "rediss:") return refuse("does not begin with redis:// or rediss://")
  if (hostname === "" || hostname.includes("%")) return refuse("names no host")
  if (search !== "" || hash !== "") return refuse("has parameters, which are not supported")
  const db = pathname.replace("/", "")
  if (!/^\/?\d*$/.test(pathname) || (db !== "" && settings.db.read(db) === undefined)) {
    return refuse(`names a database that is not ${settings.db.expects}`)
  }
  if (port === "0") return refuse("names port 0")
  const login = [username, password].map(decoded)
  if (login.includes(undefined)) return refuse("holds a user name or password that is not percent-encoded")
  return Effect.succeed({
    host: hostname.replace(/^\[(.*)\]$/, "$1"),
    tls: protocol === "rediss:",
    ...(port !== "" && { port: Number(port) }),
    ...(db !== "" && { db: Number(db) }),
    ...(login[0] && { username: login[0] }),
    ...(login[1] && { password: login[1] })
  })
}

const decoded = (part: string): string | undefined => Result.getOrUndefined(Result.try(() => decodeURIComponent(part)))

const plain = (secret: string | Redacted.Redacted<string> | undefined): string | undefined =>
  Redacted.isRedacted(secret) ? Redacted.value(secret) : secret

const configError = (message: string): Config.ConfigError =>
  new Config.ConfigError(new ConfigProvider.SourceError({ message }))
