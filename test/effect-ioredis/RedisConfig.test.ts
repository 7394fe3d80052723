import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Duration, Effect, Layer, Redacted } from "effect"
import {
  CircuitBreaker,
  Redis,
  type RedisClient,
  RedisConfig,
  type RedisConnector,
  RedisTopology
} from "effect-ioredis"
import * as Captured from "../support/Captured.ts"

const fromEnvironment = (environment: Record<string, string>) =>
  Effect.provideService(
    Effect.flatMap(RedisConfig.fromEnv(), RedisConfig.make),
    ConfigProvider.ConfigProvider,
    ConfigProvider.fromUnknown(environment)
  )

/** The durations as milliseconds and the secrets in the open, so that a test can compare them. */
const flat = ({ client, connector, healthCheckInterval }: RedisConfig.RedisConfig) => {
  const millis = (duration: Duration.Input | undefined) => duration && Duration.toMillis(duration)
  const login = loginOf(client)
  return {
    ...addressOf(client),
    db: login.db,
    username: login.username,
    password: login.password && Redacted.value(login.password),
    tls: login.tls,
    connectTimeout: millis(client.connectTimeout),
    commandTimeout: millis(client.commandTimeout),
    operationTimeout: millis(client.operationTimeout),
    closeTimeout: millis(client.closeTimeout),
    historyInterval: millis(client.historyInterval),
    keepAlive: millis(connector.keepAlive),
    maxInFlight: client.maxInFlight,
    breaker: client.circuitBreaker && {
      ...client.circuitBreaker,
      resetTimeout: Duration.isDuration(client.circuitBreaker.resetTimeout)
        ? millis(client.circuitBreaker.resetTimeout)
        : client.circuitBreaker.resetTimeout
    },
    healthCheckInterval: millis(healthCheckInterval),
    connections: client.connections
  }
}

const addressOf = ({ topology }: RedisClient.Options): RedisConnector.RedisAddress =>
  topology?._tag === "Server" ? topology.address : assert.fail("the topology is no single server")

/** A login from settings is a value, for nothing in them rotates. */
const loginOf = ({ login }: RedisClient.Options): RedisConnector.RedisLogin =>
  login === undefined || Effect.isEffect(login) ? assert.fail("the login is no value") : login

const defaults = {
  host: "localhost",
  port: 6379,
  db: 0,
  username: undefined,
  password: undefined,
  tls: undefined,
  connectTimeout: 2000,
  commandTimeout: 2000,
  operationTimeout: 5000,
  closeTimeout: 2000,
  historyInterval: 1000,
  keepAlive: 60_000,
  maxInFlight: 10_000,
  breaker: { tripPolicy: CircuitBreaker.consecutive(5), resetTimeout: 30_000 },
  healthCheckInterval: 30_000,
  connections: 1
}

describe("From the environment", () => {
  const gives = (environment: Record<string, string>, changed: Partial<typeof defaults> | object) =>
    Effect.map(fromEnvironment(environment), (config) =>
      assert.deepStrictEqual<unknown>(flat(config), { ...defaults, ...changed })
    )

  it.effect("all of it is optional, and empty counts as absent", () =>
    Effect.gen(function* () {
      yield* gives({}, {})
      const names = [
        "REDIS_URL",
        "REDIS_HOST",
        "REDIS_PORT",
        "REDIS_DB",
        "REDIS_USERNAME",
        "REDIS_PASSWORD",
        "REDIS_SENTINELS",
        "REDIS_SENTINEL_MASTER",
        "REDIS_SENTINEL_USERNAME",
        "REDIS_SENTINEL_PASSWORD",
        "REDIS_CLUSTER_NODES",
        "REDIS_NAT_MAP",
        "REDIS_TLS",
        "REDIS_TLS_CA",
        "REDIS_TLS_CERT",
        "REDIS_TLS_KEY",
        "CACHE_SOCKET_CONNECT_TIMEOUT_MS",
        "CACHE_SOCKET_TIMEOUT_MS",
        "CACHE_HEALTH_CHECK_INTERVAL",
        "CACHE_MAX_CONNECTIONS",
        "CACHE_MAX_RETRIES",
        "CACHE_RETRY_DELAY",
        "CACHE_MAX_RETRY_DELAY",
        "CACHE_FAILURE_THRESHOLD",
        "CACHE_RESET_TIMEOUT"
      ]
      yield* gives(Object.fromEntries(names.map((name) => [name, ""])), {})
    })
  )

  it.effect("every variable is read, in its unit", () =>
    Effect.gen(function* () {
      yield* gives({ REDIS_HOST: "redis.internal" }, { host: "redis.internal" })
      yield* gives({ REDIS_PORT: "6380" }, { port: 6380 })
      yield* gives({ REDIS_DB: "7" }, { db: 7 })
      yield* gives({ REDIS_USERNAME: "alice" }, { username: "alice" })
      yield* gives({ REDIS_PASSWORD: "p@ss:/ wörd" }, { password: "p@ss:/ wörd" })
      yield* gives({ CACHE_SOCKET_CONNECT_TIMEOUT_MS: "150" }, { connectTimeout: 150 })
      yield* gives({ CACHE_SOCKET_TIMEOUT_MS: "250" }, { commandTimeout: 250 })
      yield* gives({ CACHE_HEALTH_CHECK_INTERVAL: "5" }, { healthCheckInterval: 5000 })
      yield* gives({ CACHE_MAX_CONNECTIONS: "4" }, { connections: 4 })
      yield* gives(
        { CACHE_FAILURE_THRESHOLD: "9" },
        { breaker: { tripPolicy: CircuitBreaker.consecutive(9), resetTimeout: 30_000 } }
      )
      yield* gives(
        { CACHE_RESET_TIMEOUT: "0.5" },
        { breaker: { tripPolicy: CircuitBreaker.consecutive(5), resetTimeout: 500 } }
      )
    })
  )

  it.effect("durations may carry their unit", () =>
    Effect.gen(function* () {
      yield* gives({ CACHE_HEALTH_CHECK_INTERVAL: "1 minute" }, { healthCheckInterval: 60_000 })
      yield* gives({ CACHE_SOCKET_TIMEOUT_MS: "3 seconds" }, { commandTimeout: 3000 })
    })
  )

  it.effect("REDIS_URL says everything at once, and wins", () =>
    Effect.gen(function* () {
      yield* gives(
        {
          REDIS_URL: "redis://alice:secret@redis.internal:6380/7",
          REDIS_HOST: "other",
          REDIS_PORT: "1",
          REDIS_DB: "2",
          REDIS_USERNAME: "bob",
          REDIS_PASSWORD: "other"
        },
        { host: "redis.internal", port: 6380, db: 7, username: "alice", password: "secret", tls: false }
      )
      yield* gives({ REDIS_URL: "redis://localhost" }, { tls: false })
      yield* gives({ REDIS_HOST: "::1" }, { host: "::1" })
      // What the URL does not name, the other variables may.
      yield* gives(
        { REDIS_URL: "redis://redis.internal", REDIS_PASSWORD: "secret" },
        { host: "redis.internal", password: "secret", tls: false }
      )
    })
  )

  it.effect("rediss:// turns TLS on", () =>
    gives({ REDIS_URL: "rediss://redis.internal:6380" }, { host: "redis.internal", port: 6380, tls: true })
  )
})

describe("Where the servers are", () => {
  const topologyOf = (environment: Record<string, string>) =>
    Effect.map(fromEnvironment(environment), ({ client }) => client.topology)

  it.effect("is one server, a master that sentinels watch, or a cluster", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* topologyOf({ REDIS_HOST: "a" }), RedisTopology.server({ host: "a", port: 6379 }))
      assert.deepStrictEqual<unknown>(
        yield* topologyOf({
          REDIS_CLUSTER_NODES: "a:7000, [::1]:7001",
          REDIS_NAT_MAP: "10.0.0.1:6379=a:7000,b:1=[::1]:2"
        }),
        RedisTopology.cluster({
          seeds: [
            { host: "a", port: 7000 },
            { host: "::1", port: 7001 }
          ],
          addressMap: [
            { from: { host: "10.0.0.1", port: 6379 }, to: { host: "a", port: 7000 } },
            { from: { host: "b", port: 1 }, to: { host: "::1", port: 2 } }
          ]
        })
      )
      const environment = { REDIS_SENTINELS: "s1:26379,s2:26380", REDIS_SENTINEL_MASTER: "orders" }
      const sentinels = [
        { host: "s1", port: 26379 },
        { host: "s2", port: 26380 }
      ]
      const nobody = { username: undefined, password: undefined, tls: undefined }
      const watched = { master: "orders", sentinels, addressMap: undefined }
      assert.deepStrictEqual<unknown>(
        yield* topologyOf(environment),
        RedisTopology.sentinel({ ...watched, login: nobody })
      )
      const secret = { REDIS_SENTINEL_USERNAME: "watcher", REDIS_SENTINEL_PASSWORD: "hunter2", REDIS_TLS: "yes" }
      const config = yield* fromEnvironment({ ...environment, ...secret, REDIS_PASSWORD: "other", REDIS_DB: "3" })
      assert.deepStrictEqual<unknown>(
        config.client.topology,
        RedisTopology.sentinel({
          ...watched,
          login: { username: "watcher", password: Redacted.make("hunter2"), tls: true }
        })
      )
      assert.notInclude(Captured.everyRendering(config), "hunter2")
      assert.strictEqual(loginOf(config.client).db, 3)
    })
  )

  it.effect("is the same in code", () =>
    Effect.gen(function* () {
      const seeds = [{ host: "a", port: 7000 }]
      const addressMap = [{ from: { host: "b", port: 1 }, to: { host: "a", port: 2 } }]
      const cluster = yield* RedisConfig.make({ cluster: seeds, natMap: addressMap, db: 0 })
      assert.deepStrictEqual(cluster.client.topology, RedisTopology.cluster({ seeds, addressMap }))
      const sentinel = yield* RedisConfig.make({ sentinels: seeds, sentinelMaster: "orders", sentinelPassword: "" })
      assert.deepStrictEqual<unknown>(
        sentinel.client.topology,
        RedisTopology.sentinel({
          master: "orders",
          sentinels: seeds,
          login: { username: undefined, password: undefined, tls: undefined },
          addressMap: undefined
        })
      )
    })
  )
})

describe("TLS from the environment", () => {
  const tlsOf = (environment: Record<string, string>) =>
    Effect.map(fromEnvironment(environment), ({ client }) => loginOf(client).tls)

  it.effect("is turned on by itself, by a file, and by rediss://", () =>
    Effect.gen(function* () {
      for (const on of ["true", "yes", "on", "1"]) assert.isTrue(yield* tlsOf({ REDIS_TLS: on }))
      for (const off of ["false", "no", "off", "0"]) assert.isUndefined((yield* tlsOf({ REDIS_TLS: off })) || undefined)
      assert.isTrue(yield* tlsOf({ REDIS_URL: "redis://a", REDIS_TLS: "true" }))
      assert.isTrue(yield* tlsOf({ REDIS_URL: "rediss://a", REDIS_TLS: "false" }))
      const files = { caFile: "/ca.pem", certFile: undefined, keyFile: undefined }
      assert.deepStrictEqual<unknown>(yield* tlsOf({ REDIS_TLS_CA: "/ca.pem" }), files)
      assert.deepStrictEqual<unknown>(yield* tlsOf({ REDIS_URL: "rediss://a", REDIS_TLS_CA: "/ca.pem" }), files)
      assert.deepStrictEqual<unknown>(
        yield* tlsOf({ REDIS_TLS: "on", REDIS_TLS_CERT: "/tls.crt", REDIS_TLS_KEY: "/tls.key" }),
        { caFile: undefined, certFile: "/tls.crt", keyFile: "/tls.key" }
      )
    })
  )
})

describe("A password that is an Effect", () => {
  it.effect("is asked at each login, and keeps what else is said of the login", () =>
    Effect.gen(function* () {
      let asked = 0
      const password = Effect.sync(() => Redacted.make(`password ${++asked}`))
      const { client } = yield* RedisConfig.make({ username: "app", db: 2, password })
      const login = Effect.isEffect(client.login) ? client.login : assert.fail("the login is a value")
      for (const n of [1, 2]) {
        assert.deepStrictEqual(yield* login, {
          db: 2,
          username: "app",
          password: Redacted.make(`password ${n}`),
          tls: undefined
        })
      }
    })
  )

  it.effect("may say when it expires, and a URL with a password wins", () =>
    Effect.gen(function* () {
      const expiring = { password: Redacted.make("secret"), expiresIn: "15 minutes" } as const
      const { client } = yield* RedisConfig.make({ password: Effect.succeed(expiring) })
      const login = Effect.isEffect(client.login) ? client.login : assert.fail("the login is a value")
      assert.deepStrictEqual(yield* login, { ...expiring, db: 0, username: undefined, tls: undefined })
      const url = yield* RedisConfig.make({ url: "redis://:other@a", password: Effect.succeed(expiring) })
      assert.strictEqual(flat(url).password, "other")
    })
  )
})

describe("Settings that do not go together are one clear error", () => {
  const sentinels = { REDIS_SENTINELS: "s:1" }
  const cases: ReadonlyArray<
    readonly [environment: Record<string, string>, code: RedisConfig.Options, message: string, inCode: string]
  > = [
    [
      { REDIS_HOST: "a", REDIS_CLUSTER_NODES: "b:1" },
      { host: "a", cluster: [{ host: "b", port: 1 }] },
      "REDIS_HOST and REDIS_CLUSTER_NODES each say where Redis is: expected only one of them, for example REDIS_CLUSTER_NODES",
      "host and cluster each say where Redis is: expected only one of them, for example cluster"
    ],
    [
      { REDIS_URL: "redis://a", ...sentinels, REDIS_SENTINEL_MASTER: "m", REDIS_CLUSTER_NODES: "b:1" },
      { url: "redis://a", sentinels: [{ host: "s", port: 1 }], sentinelMaster: "m", cluster: [{ host: "b", port: 1 }] },
      "REDIS_URL, REDIS_SENTINELS and REDIS_CLUSTER_NODES each say where Redis is",
      "url, sentinels and cluster each say where Redis is"
    ],
    [
      { REDIS_DB: "3", REDIS_CLUSTER_NODES: "b:1" },
      { db: 3, cluster: [{ host: "b", port: 1 }] },
      "REDIS_DB is 3: expected the only database of a cluster (REDIS_CLUSTER_NODES), for example 0",
      "db is 3: expected the only database of a cluster (cluster), for example 0"
    ],
    [
      sentinels,
      { sentinels: [{ host: "s", port: 1 }] },
      "REDIS_SENTINEL_MASTER is missing: expected the name under which REDIS_SENTINELS watch the master, for example mymaster",
      "sentinelMaster is missing: expected the name under which sentinels watch the master, for example mymaster"
    ],
    [
      { REDIS_SENTINEL_MASTER: "m" },
      { sentinelMaster: "m" },
      "REDIS_SENTINELS is missing: expected host:port,host:port beside REDIS_SENTINEL_MASTER, for example sentinel-1:26379,sentinel-2:26379",
      'sentinels is missing: expected a list of addresses beside sentinelMaster, for example [{ host: "sentinel", port: 26379 }]'
    ],
    [
      { REDIS_SENTINEL_PASSWORD: "hunter2" },
      { sentinelPassword: "hunter2" },
      "REDIS_SENTINELS is missing: expected host:port,host:port beside REDIS_SENTINEL_PASSWORD",
      "sentinels is missing: expected a list of addresses beside sentinelPassword"
    ],
    [
      { REDIS_NAT_MAP: "a:1=b:2" },
      { natMap: [{ from: { host: "a", port: 1 }, to: { host: "b", port: 2 } }] },
      "REDIS_NAT_MAP is given without REDIS_SENTINELS or REDIS_CLUSTER_NODES: expected one of them, for example REDIS_CLUSTER_NODES as redis-1:6379,redis-2:6379",
      'natMap is given without sentinels or cluster: expected one of them, for example cluster as [{ host: "redis", port: 6379 }]'
    ],
    [
      { REDIS_TLS_CERT: "/tls.crt" },
      { tls: { certFile: "/tls.crt" } },
      "REDIS_TLS_KEY is missing: expected the file with the key of REDIS_TLS_CERT, for example /etc/redis-tls/tls.key",
      "tls.keyFile is missing: expected the file with the key of tls.certFile, for example /etc/redis-tls/tls.key"
    ],
    [
      { REDIS_TLS_KEY: "/tls.key" },
      { tls: { keyFile: "/tls.key" } },
      "REDIS_TLS_CERT is missing: expected the file with the certificate of REDIS_TLS_KEY, for example /etc/redis-tls/tls.crt",
      "tls.certFile is missing: expected the file with the certificate of tls.keyFile"
    ]
  ]
  for (const [environment, options, message, inCode] of cases) {
    it.effect(inCode, () =>
      Effect.gen(function* () {
        for (const [error, expected] of [
          [yield* Effect.flip(fromEnvironment(environment)), message],
          [yield* Effect.flip(RedisConfig.make(options)), inCode]
        ] as const) {
          assert.instanceOf(error, Config.ConfigError)
          assert.include(error.message, `(${expected}`)
          assert.strictEqual(error.message.split("\n").length, 1)
          assert.notInclude(Captured.everyRendering(error), "hunter2")
        }
      })
    )
  }

  it.effect("TLS that is off beside its files", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(fromEnvironment({ REDIS_TLS: "off", REDIS_TLS_CA: "/ca.pem" }))
      assert.include(error.message, "REDIS_TLS is false: expected true beside REDIS_TLS_CA, for example true")
    })
  )

  it.effect("together with what is wrong for itself, by their names in full", () =>
    Effect.gen(function* () {
      const provider = ConfigProvider.fromEnv({
        env: { A_B_REDIS_PORT: "0", A_B_REDIS_SENTINELS: "s", A_B_REDIS_CLUSTER_NODES: "c:1", A_B_REDIS_DB: "1" }
      })
      const nested = Config.nested(RedisConfig.fromEnv({ prefix: "B" }), "A")
      const { message } = yield* Effect.flip(nested.parse(provider))
      const lines = message.replace("SchemaError(", "").split("\n")
      assert.deepStrictEqual(
        lines.map((line) => line.split(":")[0]),
        [
          'A_B_REDIS_PORT is "0"',
          'A_B_REDIS_SENTINELS is "s"',
          "A_B_REDIS_SENTINELS and A_B_REDIS_CLUSTER_NODES each say where Redis is",
          "A_B_REDIS_DB is 1",
          "A_B_REDIS_SENTINEL_MASTER is missing"
        ]
      )
    })
  )

  it.effect("a certificate of which one part is given in Node's own way", () =>
    Effect.gen(function* () {
      yield* RedisConfig.make({ tls: { certFile: "/tls.crt", key: "a key" } })
      yield* RedisConfig.make({ tls: { keyFile: "/tls.key", cert: "a certificate" } })
      yield* RedisConfig.make({ tls: { key: "a key", cert: "a certificate" } })
    })
  )
})

describe("A bad value is one clear error", () => {
  const refused = (environment: Record<string, string>) =>
    Effect.map(Effect.flip(fromEnvironment(environment)), (error) => {
      assert.instanceOf(error, Config.ConfigError)
      return error.message
    })

  const bad: ReadonlyArray<readonly [variable: string, expects: string, values: ReadonlyArray<string>]> = [
    ["REDIS_HOST", "a host name or an address, for example localhost", ["a b", " ", "a/b", "\t"]],
    [
      "REDIS_PORT",
      "a whole number from 1 to 65535, for example 6379",
      ["0", "70000", "-1", "6379.5", "abc", " ", "1e9"]
    ],
    ["REDIS_DB", "a whole number from 0 to 1000000, for example 0", ["-1", "zero", "1.5", "Infinity"]],
    ...["REDIS_SENTINELS", "REDIS_CLUSTER_NODES"].map((name) => {
      const host = name === "REDIS_SENTINELS" ? "sentinel-1:26379,sentinel-2:26379" : "redis-1:6379,redis-2:6379"
      const values = [
        "a",
        "a:",
        ":1",
        "a:0",
        "a:70000",
        "a:1,",
        "a:1;b:2",
        "a:1,,b:2",
        "::1:1",
        "[::1]",
        "a/b:1",
        "a b:1"
      ]
      return [name, `host:port,host:port, for example ${host}`, values] as const
    }),
    [
      "REDIS_NAT_MAP",
      "inner:port=outer:port,inner:port=outer:port, for example 10.0.0.1:6379=localhost:7001,10.0.0.2:6379=localhost:7002",
      ["a:1", "a:1=b", "a:1=b:0", "a:1=b:2=c:3", "a:1=b:2,", "=b:2"]
    ],
    [
      "REDIS_SENTINEL_MASTER",
      "the name under which the sentinels watch the master, for example mymaster",
      ["a b", " "]
    ],
    ["REDIS_TLS", "true or false, for example true", ["maybe", "2", " ", "TRUE "]],
    ["CACHE_MAX_CONNECTIONS", "a whole number from 1 to 1000, for example 1", ["0", "-1", "many", "1001"]],
    ["CACHE_MAX_RETRIES", "a whole number from 0 to 1000, for example 3", ["-1", "NaN", "0.5"]],
    ["CACHE_FAILURE_THRESHOLD", "a whole number from 1 to 1000000, for example 5", ["0", "-5", "x"]],
    ...["CACHE_SOCKET_CONNECT_TIMEOUT_MS", "CACHE_SOCKET_TIMEOUT_MS"].map(
      (name) =>
        [
          name,
          "a duration above zero (a number of milliseconds, or one with its unit), for example 2000",
          ["0", "-1", "soon", "Infinity", "-5 seconds", "0 millis", "NaN", " "]
        ] as const
    ),
    ...Object.entries({
      CACHE_HEALTH_CHECK_INTERVAL: "30",
      CACHE_RETRY_DELAY: "0.1",
      CACHE_MAX_RETRY_DELAY: "30",
      CACHE_RESET_TIMEOUT: "30"
    }).map(
      ([name, example]) =>
        [
          name,
          `a duration above zero (a number of seconds, or one with its unit), for example ${example}`,
          ["0", "-1", "soon", "Infinity", "-5 seconds"]
        ] as const
    )
  ]
  // What has to stand beside a variable.
  const beside: Readonly<Record<string, Record<string, string>>> = {
    REDIS_SENTINELS: { REDIS_SENTINEL_MASTER: "mymaster" },
    REDIS_SENTINEL_MASTER: { REDIS_SENTINELS: "s:1" },
    REDIS_NAT_MAP: { REDIS_CLUSTER_NODES: "c:1" }
  }
  for (const [variable, expects, values] of bad) {
    it.effect(variable, () =>
      Effect.gen(function* () {
        for (const value of values) {
          const message = yield* refused({ ...beside[variable], [variable]: value })
          assert.strictEqual(message, `SchemaError(${variable} is ${JSON.stringify(value)}: expected ${expects})`)
        }
      })
    )
  }

  const urls: ReadonlyArray<readonly [url: string, problem: string]> = [
    ["hunter2", "is not a URL"],
    ["redis://:hunter2@", "is not a URL"],
    ["redis://:hunter2%@localhost", "holds a user name or password that is not percent-encoded"]
  ]
  for (const [url, problem] of urls) {
    it.effect(`REDIS_URL ${url}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(fromEnvironment({ REDIS_URL: url }))
        assert.instanceOf(error, Config.ConfigError)
        assert.include(error.message, `REDIS_URL ${problem}`)
        assert.include(error.message, "for example redis://localhost:6379/0")
        assert.notInclude(Captured.everyRendering(error), "hunter2")
        const inCode = yield* Effect.flip(RedisConfig.make({ url }))
        assert.strictEqual(inCode.message, error.message.replace("REDIS_URL", "url"))
      })
    )
  }

  it.effect("a login in the wrong place is not shown either", () =>
    Effect.gen(function* () {
      for (const value of ["redis://:hunter2@localhost", "bob:hunter2@localhost"]) {
        for (const name of ["REDIS_HOST", "REDIS_PORT", "CACHE_RETRY_DELAY"]) {
          const error = yield* Effect.flip(fromEnvironment({ [name]: value }))
          assert.include(error.message, `${name} is not shown`)
          assert.notInclude(Captured.everyRendering(error), "hunter2")
        }
      }
    })
  )

  it.effect("everything that is wrong is one error, a line for each", () =>
    Effect.gen(function* () {
      const message = yield* refused({
        REDIS_URL: "redis://:hunter2@localhost:0",
        REDIS_PORT: "0",
        CACHE_RETRY_DELAY: "soon",
        REDIS_DB: "-1"
      })
      assert.deepStrictEqual(message.match(/REDIS_\w+ (is|names)|CACHE_\w+ is/g), [
        "REDIS_URL names",
        "REDIS_PORT is",
        "REDIS_DB is",
        "CACHE_RETRY_DELAY is"
      ])
      assert.strictEqual(message.split("\n").length, 4)
      const inCode = yield* Effect.flip(RedisConfig.make({ url: "a", port: 0, retryDelay: 0 }))
      assert.deepStrictEqual(inCode.message.match(/url is|port is|retryDelay is/g), [
        "url is",
        "port is",
        "retryDelay is"
      ])
    })
  )

  it.effect("names the variable with its prefix", () =>
    Effect.gen(function* () {
      const provider = ConfigProvider.fromEnv({
        env: { SESSIONS_REDIS_PORT: "0", SESSIONS_REDIS_URL: "hunter2", REDIS_DB: "-1" }
      })
      const error = yield* Effect.flip(RedisConfig.fromEnv({ prefix: "SESSIONS" }).parse(provider))
      assert.include(error.message, 'SESSIONS_REDIS_PORT is "0": expected')
      assert.include(error.message, "SESSIONS_REDIS_URL is not a URL")
      assert.notInclude(error.message, "REDIS_DB")
    })
  )
})

describe("In code", () => {
  it.effect("the same defaults", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual<unknown>(flat(yield* RedisConfig.make()), defaults)
      assert.deepStrictEqual<unknown>(flat(yield* RedisConfig.make({ port: undefined, url: undefined })), defaults)
    })
  )

  it.effect("the same checks, by the option's name", () =>
    Effect.gen(function* () {
      const bad: ReadonlyArray<readonly [options: object, message: string]> = [
        [{ port: 0 }, "port is 0: expected a whole number from 1 to 65535, for example 6379"],
        [{ port: 70_000 }, "port is 70000: "],
        [{ port: Number.NaN }, "port is NaN: "],
        [{ port: 6379n }, "port is 6379: "],
        [{ host: "a b" }, 'host is "a b": expected a host name'],
        [{ host: "" }, 'host is "": expected a host name'],
        [{ db: -1 }, "db is -1: "],
        [{ connectTimeout: 0 }, "connectTimeout is 0: expected a duration above zero"],
        [{ commandTimeout: "-1 seconds" }, 'commandTimeout is "-1 seconds": '],
        [{ commandTimeout: "soon" }, 'commandTimeout is "soon": '],
        [{ commandTimeout: Duration.infinity }, "commandTimeout is Infinity: "],
        [{ operationTimeout: 0 }, "operationTimeout is 0: "],
        [{ closeTimeout: -1 }, "closeTimeout is -1: "],
        [{ historyInterval: 0 }, "historyInterval is 0: "],
        [{ keepAlive: "soon" }, 'keepAlive is "soon": '],
        [{ maxInFlight: 0 }, "maxInFlight is 0: "],
        [{ healthCheckInterval: 0 }, "healthCheckInterval is 0: "],
        [{ maxConnections: 0 }, "maxConnections is 0: "],
        [{ maxRetries: -1 }, "maxRetries is -1: "],
        [{ retryDelay: 0 }, "retryDelay is 0: "],
        [{ maxRetryDelay: Number.NaN }, "maxRetryDelay is NaN: "],
        [{ failureThreshold: 0 }, "failureThreshold is 0: "],
        [{ resetTimeout: -1 }, "resetTimeout is -1: "],
        [{ maxReplyBytes: 0 }, "maxReplyBytes is 0: expected a whole number, 1 or more"],
        [{ maxReplyBytes: Number.POSITIVE_INFINITY }, "maxReplyBytes is Infinity: "],
        [{ host: null, port: () => 1 }, "port is a function: "],
        [{ url: 6379 }, "url is no text: expected a string"],
        [{ username: ["hunter2"] }, "username is no text: expected a string"],
        [{ password: { hunter2: 1 } }, "password is no text: expected a string"],
        [{ cluster: [] }, 'cluster is empty: expected addresses, for example [{ host: "redis", port: 6379 }]'],
        [{ cluster: "a:1" }, "cluster is no list: expected addresses"],
        [{ cluster: [{ host: "a", port: 0 }] }, "cluster[0].port is 0: expected a whole number"],
        [{ cluster: [{ host: "a", port: 1 }, null] }, "cluster[1].host is missing: expected a host name"],
        [{ sentinels: [{ host: "a b", port: 1 }], sentinelMaster: "m" }, 'sentinels[0].host is "a b": '],
        [{ sentinels: [{ host: "a", port: 1 }], sentinelMaster: "" }, 'sentinelMaster is "": expected the name'],
        [{ natMap: [], cluster: [{ host: "a", port: 1 }] }, "natMap is empty: expected pairs of addresses"],
        [{ natMap: [{}], cluster: [{ host: "a", port: 1 }] }, "natMap[0].from.host is missing: "],
        [{ tls: "yes" }, "tls is neither true, false nor options of TLS"],
        [
          { tls: { caFile: "" } },
          'tls.caFile is "": expected the path of a file in PEM, for example /etc/redis-tls/ca.crt'
        ],
        [{ sentinelPassword: ["hunter2"] }, "sentinelPassword is no text: expected a string"],
        [{ url: "redis://localhost:0" }, "url names port 0"],
        [{ url: Redacted.make("redis://:hunter2@localhost:0") }, "url names port 0"]
      ]
      for (const [options, message] of bad) {
        const error = yield* Effect.flip(RedisConfig.make(options))
        assert.instanceOf(error, Config.ConfigError)
        assert.include(error.message, message)
        assert.notInclude(Captured.everyRendering(error), "hunter2")
        const built = yield* Effect.flip(Effect.scoped(Layer.build(Redis.layer(options))))
        assert.strictEqual(built.message, error.message)
      }
    })
  )

  it.effect("secrets are out of sight in what comes of it", () =>
    Effect.gen(function* () {
      const url = "redis://bob:hunter2@localhost"
      for (const options of [{ url }, { url: Redacted.make(url) }, { password: "hunter2" }]) {
        const config = yield* RedisConfig.make(options)
        assert.strictEqual(flat(config).password, "hunter2")
        assert.notInclude(Captured.everyRendering(config), "hunter2")
      }
    })
  )

  it.effect("a user name that is redacted is one, as what is said of others promises", () =>
    Effect.gen(function* () {
      // The types take a string alone, and JavaScript what the message names.
      const username = Redacted.make("alice") as never
      assert.strictEqual(flat(yield* RedisConfig.make({ username })).username, "alice")
    })
  )

  it.effect("TLS options stay, and rediss:// alone turns TLS on", () =>
    Effect.gen(function* () {
      const tls = { ca: "a certificate" }
      assert.strictEqual(loginOf((yield* RedisConfig.make({ url: "rediss://a", tls })).client).tls, tls)
      assert.strictEqual(loginOf((yield* RedisConfig.make({ tls })).client).tls, tls)
      assert.strictEqual(loginOf((yield* RedisConfig.make({ url: "rediss://a", tls: false })).client).tls, true)
    })
  )

  it.effect("a trip policy of the circuit breaker takes the place of the threshold", () =>
    Effect.gen(function* () {
      const tripPolicy = CircuitBreaker.rate({ threshold: 0.2 })
      const rate = yield* RedisConfig.make({ failureThreshold: 3, circuitBreaker: { tripPolicy } })
      assert.deepStrictEqual<unknown>(flat(rate).breaker, { tripPolicy, resetTimeout: 30_000 })
      assert.isFalse((yield* RedisConfig.make({ circuitBreaker: false })).client.circuitBreaker)
    })
  )

  it.effect("what needs no check is handed on as well", () =>
    Effect.gen(function* () {
      const given = { name: "shop", probeOnReady: false, requireReady: true, logOperations: true, traceCommands: true }
      assert.deepInclude((yield* RedisConfig.make(given)).client, given)
    })
  )
})
