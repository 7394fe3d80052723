import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Schema } from "effect"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { Cache } from "effect-ioredis-cache"
import { TestClock } from "effect/testing"
import { layerSimulated } from "../suites/cacheLayers.ts"

/** What JSON makes of a value and back. */
const throughJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

const client = {
  name: "sessions",
  login: { password: Redacted.make("a-secret") },
  circuitBreaker: { resetTimeout: "1 minute" }
} as const

describe("the stats of an outage", () => {
  it.effect("are these, as JSON too, and Redis is not asked for them", () =>
    Effect.gen(function* () {
      const cache = yield* Cache.Cache
      const redis = yield* SimulatedRedis.SimulatedRedis
      const users = yield* cache.region({ name: "users", version: 1, key: Schema.String, value: Schema.String })
      yield* TestClock.adjust("1 second")
      yield* users.set("ada", "1")
      yield* users.get("ada")
      yield* users.getOrSet("bob", Effect.succeed("2"))
      yield* TestClock.adjust("1 second")
      yield* redis.inject(Fault.freeze)
      const read = yield* Effect.forkChild(users.get("ada"), { startImmediately: true })
      yield* TestClock.adjust("3 seconds")
      yield* redis.inject(Fault.refuse)
      yield* TestClock.adjust("10 seconds")
      assert.isDefined(read.pollUnsafe())
      // The circuit is open by now.
      yield* users.set("ada", "3")
      yield* users.get("ada")
      yield* users.get("bob")
      yield* Effect.exit(users.getOrSet("cyd", Effect.fail("the database is down")))
      const before = yield* redis.received
      const stats = yield* cache.stats
      assert.lengthOf(yield* redis.received, before.length)
      assert.deepStrictEqual(throughJson(stats), stats)
      assert.notInclude(JSON.stringify(stats), "a-secret")
      assert.deepStrictEqual(throughJson(stats), fixture)
    }).pipe(
      Effect.provide(
        layerSimulated({ client, server: { password: "a-secret" }, maxEntries: 100, patience: "500 millis" })
      )
    )
  )
})

const refused = {
  _tag: "RedisConnectionError",
  command: "CONNECT",
  sent: "never",
  reason: "Refused",
  message:
    "No connection to Redis: the server refused the connection. Check that Redis runs and that the host and port are right"
}

const breaker = { _tag: "Open", failures: 1, openMillis: 11_000, isolated: false, retryAfterMillis: 49_000 }

const fixture = {
  name: "sessions",
  since: "1970-01-01T00:00:00.000Z",
  hits: { redis: 1, memory: 0, near: 0, journal: 1, fallback: 2 },
  redisHits: 1,
  memoryHits: 3,
  misses: 2,
  fallbacks: 3,
  corrupt: 0,
  stale: 0,
  lookups: 2,
  failedLookups: 1,
  lookupsInFlight: 0,
  sharedLookups: 0,
  writes: { applied: 2, deferred: 1, rejected: 0 },
  memory: { entries: 2, limit: 100, bytes: 6, evictions: 0 },
  journal: {
    entries: 1,
    deferred: 1,
    limit: 10_000,
    bytes: 3,
    maxBytes: 16_777_216,
    overflows: 0,
    lost: 0,
    replays: { confirmed: 0, refused: 0, failed: 0, superseded: 0 }
  },
  near: { wanted: 0, heard: 0 },
  redis: {
    name: "sessions",
    since: "1970-01-01T00:00:00.000Z",
    connection: "Reconnecting",
    connections: 0,
    inFlight: 0,
    breaker,
    nodes: [
      { node: "sessions", connection: "Reconnecting", connections: 0, inFlight: 0, breaker, connectError: refused }
    ],
    operations: 5,
    failures: { RedisTimeoutError: 1 },
    retries: 0,
    reservations: { inUse: 0, limit: 10 },
    connectError: refused,
    settings: {
      topology: "Server",
      addresses: ["localhost:6379"],
      login: { database: 0, tls: false, password: true },
      connections: 1,
      maxInFlight: 10_000,
      maxReserved: 10,
      retryBudget: { capacity: 10, perAttempt: 0.2 },
      circuitBreaker: {
        tripPolicy: { _tag: "Consecutive", failures: 5 },
        resetTimeout: "1m",
        successThreshold: 1,
        maxProbes: 1,
        probeTimeout: "5s"
      },
      probeOnReady: true,
      commandTimeout: "2s",
      operationTimeout: "5s",
      connectTimeout: "2s",
      closeTimeout: "0",
      historyInterval: "1s",
      requireReady: false,
      logOperations: false,
      traceCommands: false
    }
  },
  settings: { prefix: "cache:", timeToLive: "5m", patience: "500ms" }
}
