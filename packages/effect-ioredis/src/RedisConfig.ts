/**
 * Reads where Redis is and how to treat it, from the environment or in code, checked before
 * anything connects.
 *
 * **Details**
 *
 * All of it is optional. `REDIS_URL` (`redis://user:password@host:port/db`; `rediss://` turns TLS
 * on) wins over `REDIS_HOST` localhost, `REDIS_PORT` 6379, `REDIS_DB` 0, `REDIS_USERNAME` and
 * `REDIS_PASSWORD` (empty means none). In their place, `REDIS_SENTINELS` and
 * `REDIS_SENTINEL_MASTER` (with `REDIS_SENTINEL_USERNAME` and `REDIS_SENTINEL_PASSWORD`) name a
 * master that sentinels watch, or `REDIS_CLUSTER_NODES` some nodes of a cluster, as
 * `host:port,host:port`; `REDIS_NAT_MAP` (`inner:port=outer:port,…`) translates the addresses that
 * those tell. `REDIS_TLS` turns TLS on, and so do the files `REDIS_TLS_CA`, `REDIS_TLS_CERT` and
 * `REDIS_TLS_KEY`. `REDIS_PROFILE`, `development` or `production`, chooses other defaults than
 * these: see `RuntimeSettings.profiles`. `CACHE_SOCKET_CONNECT_TIMEOUT_MS` 2000,
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
import { Config, Duration, Effect, Option, Record, Redacted, Result, Schema } from "effect"
import * as CircuitBreaker from "./CircuitBreaker.ts"
import type * as IoredisConnector from "./IoredisConnector.ts"
import * as addressList from "./internal/addressList.ts"
import { nesting } from "./internal/nesting.ts"
import { defaultsOf } from "./internal/profiles.ts"
import * as RedisUrl from "./internal/RedisUrl.ts"
import * as settingConflicts from "./internal/settingConflicts.ts"
import { configError } from "./internal/configError.ts"
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
  /**
   * Logs in with this password; empty means none. An Effect is asked at each login, so that
   * passwords may rotate. Where it says when its password expires, it is asked again before that,
   * and each open connection is logged in anew, in place.
   */
  readonly password?:
    | string
    | Redacted.Redacted<string>
    | Effect.Effect<Redacted.Redacted<string> | ExpiringPassword, unknown>
    | undefined
  /**
   * Sets where the sentinels listen that watch the master `sentinelMaster`. They take the place of
   * `url` and `host`; with TLS, sentinels are spoken to by TLS as well.
   */
  readonly sentinels?: ReadonlyArray<RedisAddress> | undefined
  /** Sets the name under which the sentinels watch the master. */
  readonly sentinelMaster?: string | undefined
  /** Logs in to the sentinels as this user. Default: their `default` user. */
  readonly sentinelUsername?: string | undefined
  /** Logs in to the sentinels with this password; empty means none. */
  readonly sentinelPassword?: string | Redacted.Redacted<string> | undefined
  /**
   * Sets where some nodes of a cluster listen, from which the others are learnt. They take the
   * place of `url` and `host`.
   */
  readonly cluster?: ReadonlyArray<RedisAddress> | undefined
  /** Translates the addresses that sentinels or the nodes of a cluster tell. */
  readonly natMap?: ReadonlyArray<RedisTopology.AddressMapping> | undefined
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
 * Holds a password, and for how long it is good.
 *
 * @category models
 * @since 0.1.0
 */
export interface ExpiringPassword {
  /** Logs in until it expires. */
  readonly password: Redacted.Redacted<string>
  /** Says how long it is good for, from when it is given. */
  readonly expiresIn: Duration.Input
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
    Settings.all({ url: checkUrl(options.url), settings: check(options), together: checkTogether(options) }),
    ({ settings, url }): RedisConfig => ({
      connector: {
        keepAlive: settings.keepAlive,
        maxReplyBytes: settings.maxReplyBytes,
        showScriptErrors: options.showScriptErrors
      } satisfies Every<IoredisConnector.Options>,
      client: {
        name: options.name,
        profile: settings.profile,
        topology: topologyOf(options, url, settings),
        login: loginOf(options, url, settings),
        connections: settings.maxConnections,
        maxInFlight: settings.maxInFlight,
        maxReserved: settings.maxReserved,
        closeTimeout: settings.closeTimeout,
        historyInterval: settings.historyInterval,
        retry: options.retry ?? retryOf(settings),
        circuitBreaker: breakerOf(options.circuitBreaker, settings),
        probeOnReady: options.probeOnReady,
        operationTimeout: settings.operationTimeout,
        requireReady: options.requireReady,
        connectTimeout: settings.connectTimeout,
        commandTimeout: settings.commandTimeout,
        logOperations: options.logOperations,
        traceCommands: options.traceCommands
      } satisfies Every<RedisClient.Options>,
      healthCheckInterval: settings.healthCheckInterval
    })
  )

// An option that were left out here would be taken and do nothing.
type Every<Options> = { readonly [Name in keyof Required<Options>]: Options[Name] }

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
  const read = Settings.all({ options: variables, together: variablesTogether })
  const options = Config.map(read, ({ options: { tls, tlsCa, tlsCert, tlsKey, ...options } }) => ({
    ...options,
    tls: tlsCa === undefined && tlsCert === undefined ? tls : { caFile: tlsCa, certFile: tlsCert, keyFile: tlsKey },
    name: name ?? prefix?.toLowerCase()
  }))
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
const Profile = Schema.Literals(["development", "production"]).annotate({
  expected: '"development" or "production"',
  example: "production"
})
const MaxConnections = wholeNumber(1, 1000, 1)
const MaxRetries = wholeNumber(0, 1000, 3)
const FailureThreshold = wholeNumber(1, 1_000_000, 5)
const MaxInFlight = wholeNumber(1, 10_000_000, 10_000)
const MaxReserved = wholeNumber(1, 10_000, 10)
const MaxReplyBytes = Schema.Int.check(Schema.isGreaterThan(0)).annotate({
  expected: "a whole number, 1 or more",
  example: "1000000"
})
const Master = Schema.String.check(Schema.isPattern(/^[^\s/@]+$/)).annotate({
  expected: "the name under which the sentinels watch the master",
  example: "mymaster"
})
const File = Schema.String.check(Schema.isMinLength(1)).annotate({
  expected: "the path of a file in PEM",
  example: "/etc/redis-tls/ca.crt"
})
const Switch = Schema.Literals(["true", "yes", "on", "1", "false", "no", "off", "0"]).annotate({
  expected: "true or false",
  example: "true"
})
const addresses = (name: string, host: string, port: number) =>
  listed(name, addressList.parseAddresses, {
    expected: "host:port,host:port",
    example: `${host}-1:${port},${host}-2:${port}`
  })
const natMap = (name: string) =>
  listed(name, addressList.parseMap, {
    expected: "inner:port=outer:port,inner:port=outer:port",
    example: "10.0.0.1:6379=localhost:7001,10.0.0.2:6379=localhost:7002"
  })
const listed = <A>(
  name: string,
  parse: (text: string) => A | undefined,
  said: { readonly expected: string; readonly example: string }
): Config.Config<A | undefined> => {
  const List = Schema.String.check(Schema.makeFilter((text) => parse(text) !== undefined)).annotate(said)
  return Config.map(Config.schema(List, name), parse)
}
const Url = Schema.String.check(
  Schema.makeFilter((url) => Option.getOrUndefined(Result.getFailure(RedisUrl.parse(url))))
)

const isOn = (text: string): boolean => ["true", "yes", "on", "1"].includes(text)

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
  sentinels: optional(addresses("REDIS_SENTINELS", "sentinel", 26379)),
  sentinelMaster: optional(Config.schema(Master, "REDIS_SENTINEL_MASTER")),
  sentinelUsername: optional(Config.String("REDIS_SENTINEL_USERNAME")),
  sentinelPassword: optional(Config.Redacted("REDIS_SENTINEL_PASSWORD")),
  cluster: optional(addresses("REDIS_CLUSTER_NODES", "redis", 6379)),
  natMap: optional(natMap("REDIS_NAT_MAP")),
  tls: optional(Config.map(Config.schema(Switch, "REDIS_TLS"), isOn)),
  tlsCa: optional(Config.schema(File, "REDIS_TLS_CA")),
  tlsCert: optional(Config.schema(File, "REDIS_TLS_CERT")),
  tlsKey: optional(Config.schema(File, "REDIS_TLS_KEY")),
  profile: optional(Config.schema(Profile, "REDIS_PROFILE")),
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

// What is badly written is told of where it is read.
const variablesTogether: Config.Config<void> = Config.flatMap(nesting, (path) => {
  const text = (name: string) => Config.orElse(optional(Config.String(name)), () => Config.succeed(undefined))
  const texts = Config.all(Record.map(settingConflicts.variables([]).names, text))
  return Config.flatMap(texts, ({ tls, ...given }) =>
    refuseAll(
      settingConflicts.conflicts(settingConflicts.variables(path), {
        ...given,
        tls: tls === undefined ? tls : isOn(tls)
      })
    )
  )
})

// -------------------------------------------------------------------------------------------------
// In code
// -------------------------------------------------------------------------------------------------

type Checked = Config.Success<ReturnType<typeof check>>

const check = (options: Options) => {
  // One that is none is refused below.
  const defaults = defaultsOf(Schema.is(Profile)(options.profile) ? options.profile : undefined)
  return Settings.all({
    host: checked("host", Host, options.host ?? "localhost"),
    port: checked("port", Port, options.port ?? 6379),
    db: checked("db", Db, options.db ?? 0),
    username: checkedText("username", options.username),
    password: Effect.isEffect(options.password) ? Config.succeed(undefined) : checkedText("password", options.password),
    tls: checkTls(options.tls),
    sentinels: ifGiven(options.sentinels, (list) => checkedAddresses("sentinels", list, "sentinel", 26379)),
    sentinelMaster: ifGiven(options.sentinelMaster, (name) => checked("sentinelMaster", Master, name)),
    sentinelUsername: checkedText("sentinelUsername", options.sentinelUsername),
    sentinelPassword: checkedText("sentinelPassword", options.sentinelPassword),
    cluster: ifGiven(options.cluster, (list) => checkedAddresses("cluster", list, "redis", 6379)),
    natMap: ifGiven(options.natMap, checkNatMap),
    maxReplyBytes: ifGiven(options.maxReplyBytes, (bytes) => checked("maxReplyBytes", MaxReplyBytes, bytes)),
    maxConnections: checked("maxConnections", MaxConnections, options.maxConnections ?? 1),
    maxInFlight: checked("maxInFlight", MaxInFlight, options.maxInFlight ?? 10_000),
    maxReserved: checked("maxReserved", MaxReserved, options.maxReserved ?? 10),
    profile: ifGiven(options.profile, (profile) => checked("profile", Profile, profile)),
    connectTimeout: checkedDuration("connectTimeout", options.connectTimeout ?? "2 seconds"),
    commandTimeout: checkedDuration("commandTimeout", options.commandTimeout ?? defaults.commandTimeout),
    operationTimeout: checkedDuration("operationTimeout", options.operationTimeout ?? defaults.operationTimeout),
    closeTimeout: checkedDuration("closeTimeout", options.closeTimeout ?? "2 seconds"),
    historyInterval: checkedDuration("historyInterval", options.historyInterval ?? "1 second"),
    keepAlive: checkedDuration("keepAlive", options.keepAlive ?? "1 minute"),
    healthCheckInterval: checkedDuration("healthCheckInterval", options.healthCheckInterval ?? "30 seconds"),
    maxRetries: checked("maxRetries", MaxRetries, options.maxRetries ?? defaults.maxRetries),
    retryDelay: checkedDuration("retryDelay", options.retryDelay ?? defaults.retryDelay),
    maxRetryDelay: checkedDuration("maxRetryDelay", options.maxRetryDelay ?? defaults.maxRetryDelay),
    failureThreshold: checked(
      "failureThreshold",
      FailureThreshold,
      options.failureThreshold ?? defaults.failureThreshold
    ),
    resetTimeout: checkedDuration("resetTimeout", options.resetTimeout ?? defaults.resetTimeout)
  })
}

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

const refuseAll = (problems: ReadonlyArray<string | undefined>): Config.Config<void> => {
  const found = Settings.error(problems)
  return found === undefined ? Config.succeed(undefined) : Config.fail(found.cause)
}

const checkedAddresses = (name: string, list: ReadonlyArray<RedisAddress>, host: string, port: number) =>
  checkedList(name, list, `addresses, for example [{ host: "${host}", port: ${port} }]`, addressProblems)

const checkNatMap = (list: ReadonlyArray<RedisTopology.AddressMapping>) =>
  checkedList("natMap", list, "pairs of addresses, for example [{ from: inner, to: outer }]", (name, mapping) => [
    ...addressProblems(`${name}.from`, mapping?.from),
    ...addressProblems(`${name}.to`, mapping?.to)
  ])

const checkedList = <A>(
  name: string,
  list: ReadonlyArray<A>,
  expected: string,
  problemsOf: (name: string, item: A | undefined) => ReadonlyArray<string | undefined>
): Config.Config<ReadonlyArray<A>> =>
  Array.isArray(list) && list.length > 0
    ? Config.map(refuseAll(list.flatMap((item, index) => problemsOf(`${name}[${index}]`, item))), () => list)
    : refuse(`${name} ${Array.isArray(list) ? "is empty" : "is no list"}: expected ${expected}`)

const addressProblems = (name: string, address: RedisAddress | undefined): ReadonlyArray<string | undefined> => [
  Settings.problem(`${name}.host`, Host, address?.host),
  Settings.problem(`${name}.port`, Port, address?.port)
]

const checkTls = (tls: Options["tls"]): Config.Config<Options["tls"]> => {
  if (typeof tls !== "object" || tls === null) {
    return tls === undefined || typeof tls === "boolean"
      ? Config.succeed(tls)
      : refuse("tls is neither true, false nor options of TLS: expected one of them, for example true")
  }
  const problems = (["caFile", "certFile", "keyFile"] as const).map((name) =>
    tls[name] === undefined ? undefined : Settings.problem(`tls.${name}`, File, tls[name])
  )
  return Config.map(refuseAll(problems), () => tls)
}

const checkTogether = (options: Options): Config.Config<void> => {
  const tls = typeof options.tls === "object" ? options.tls : undefined
  return refuseAll(
    settingConflicts.conflicts(settingConflicts.options, {
      ...options,
      host: options.host ?? undefined,
      tlsCa: tls?.caFile,
      // Either may be given in Node's own way.
      tlsCert: tls?.certFile ?? (tls?.keyFile && tls.cert),
      tlsKey: tls?.keyFile ?? (tls?.certFile && tls.key)
    })
  )
}

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

const topologyOf = (
  { natMap, tls }: Options,
  url: Located,
  { cluster, host, port, sentinelMaster, sentinelPassword, sentinelUsername, sentinels }: Checked
): RedisTopology.RedisTopology => {
  if (cluster !== undefined) return RedisTopology.cluster({ seeds: cluster, addressMap: natMap })
  if (sentinels === undefined || sentinelMaster === undefined) {
    return RedisTopology.server({ host: url.host ?? host, port: url.port ?? port })
  }
  const login = { username: sentinelUsername || undefined, password: redacted(sentinelPassword), tls }
  return RedisTopology.sentinel({ master: sentinelMaster, sentinels, login, addressMap: natMap })
}

const loginOf = (
  { password: given, tls }: Options,
  url: Located,
  { db, password, username }: Checked
): RedisClient.Options["login"] => {
  const login: RedisLogin = {
    db: url.db ?? db,
    username: url.username ?? (username || undefined),
    password: redacted(url.password ?? password),
    tls: tls || url.tls
  }
  if (!Effect.isEffect(given) || url.password !== undefined) return login
  return Effect.map(
    given,
    (secret): RedisLogin => ({
      ...login,
      ...(Redacted.isRedacted(secret) ? { password: secret } : secret)
    })
  )
}

const redacted = (secret: string | undefined): Redacted.Redacted<string> | undefined =>
  secret ? Redacted.make(secret) : undefined

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
    : {
        ...chosen,
        resetTimeout: chosen?.resetTimeout ?? resetTimeout,
        tripPolicy: chosen?.tripPolicy ?? CircuitBreaker.consecutive(failureThreshold)
      }

const plain = (secret: string | Redacted.Redacted<string> | undefined): string | undefined =>
  Redacted.isRedacted(secret) ? Redacted.value(secret) : secret
