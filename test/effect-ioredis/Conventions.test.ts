import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Metric } from "effect"
import { RedisClient, RedisCommand, RedisReservation } from "effect-ioredis"
import { definedMetrics } from "effect-ioredis/dispatch"
import { metricNameMapper } from "effect-ioredis/PrometheusNames"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import "effect-ioredis-cache"
import { withRedis } from "../support/VirtualRedis.ts"

/**
 * What OpenTelemetry's semantic conventions say of `db.client.operation.duration`, for Redis: database client metrics, and
 * Redis client operations. `other` attributes may be there or not.
 */
const convention = {
  id: "db.client.operation.duration",
  kind: "histogram",
  unit: "s",
  boundaries: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10],
  required: ["db.system.name", "db.operation.name"],
  ifFailed: ["error.type"],
  other: ["db.namespace", "db.response.status_code", "server.address", "server.port"]
} as const

const own = ["redis.client.name"]

const alone = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => Effect.provideService(effect, Metric.MetricRegistry, new Map()))

/** The operations that were recorded, by their attributes without `unit`, and how often and long. */
const operations = Effect.map(Metric.snapshot, (all) =>
  all.flatMap((metric) => {
    if (metric.id !== convention.id || metric.type !== "Histogram") return []
    const { unit, ...attributes } = metric.attributes ?? {}
    assert.strictEqual(unit, "s")
    return [{ attributes, count: metric.state.count, sum: metric.state.sum }]
  })
)

const ofServer = {
  "db.system.name": "redis",
  "db.namespace": "0",
  "server.address": "localhost",
  "server.port": "6379",
  "redis.client.name": "redis"
}

describe("db.client.operation.duration", () => {
  const definition = definedMetrics().find(({ id }) => id === convention.id)

  it("is what the convention says", () => {
    assert.strictEqual(definition?.kind, convention.kind)
    assert.strictEqual(definition?.unit, convention.unit)
    const boundaries = definition?.boundaries ?? []
    for (const boundary of convention.boundaries) assert.include(boundaries, boundary)
    assert.isAtLeast(boundaries.filter((boundary) => boundary < 0.001).length, 3)
    assert.sameMembers(
      [...(definition?.attributes ?? [])],
      [...convention.required, ...convention.ifFailed, ...convention.other, ...own]
    )
  })

  it.effect("has an error type where the operation failed, and only there", () =>
    withRedis()((redis) =>
      Effect.gen(function* () {
        yield* redis.set("text", "a")
        yield* Effect.flip(redis.incr("text"))
        yield* redis.breaker.trip
        yield* TestClock.adjust(1)
        yield* Effect.flip(redis.get("text"))
        assert.deepStrictEqual(
          (yield* operations).map(({ attributes }) => attributes),
          [
            { ...ofServer, "db.operation.name": "SET" },
            {
              ...ofServer,
              "db.operation.name": "INCRBY",
              "db.response.status_code": "ERR",
              "error.type": "ERR"
            },
            { ...ofServer, "db.operation.name": "GET", "error.type": "RedisCircuitBreakerOpenError" }
          ]
        )
      })
    ).pipe(alone)
  )

  it.effect("is of the operation with its attempts, which are counted beside it", () =>
    withRedis()((redis, server) =>
      Effect.gen(function* () {
        yield* server.inject(Fault.error("LOADING"))
        const call = yield* Effect.forkChild(redis.get("a"), { startImmediately: true })
        yield* TestClock.adjust(10)
        yield* server.heal
        yield* TestClock.adjust("5 seconds")
        yield* Fiber.join(call)
        const [operation] = yield* operations
        assert.deepStrictEqual(operation?.attributes, { ...ofServer, "db.operation.name": "GET" })
        assert.strictEqual(operation?.count, 1)
        const attempts = (yield* Metric.snapshot).flatMap((metric) =>
          metric.id === "redis.client.attempt.duration" && metric.type === "Histogram" ? [metric.state] : []
        )
        const total = attempts.reduce((sum, { count }) => sum + count, 0)
        assert.isAtLeast(total, 2)
        // The pauses between the attempts are a part of it.
        assert.isAbove(
          operation?.sum ?? 0,
          attempts.reduce((sum, state) => sum + state.sum, 0)
        )
      })
    ).pipe(alone)
  )

  it.effect("names what is sent together as the convention does, as one operation", () =>
    withRedis()((redis) =>
      Effect.gen(function* () {
        const get = RedisCommand.make("GET", ["a"])
        yield* redis.pipeline([get, get])
        yield* redis.pipeline([get, RedisCommand.make("SET", ["a", 1])])
        yield* redis.pipeline([get])
        const transaction = yield* Effect.forkChild(
          Effect.provideService(RedisReservation.transaction([get, get]), RedisClient.RedisClient, redis),
          {
            startImmediately: true
          }
        )
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(transaction)
        const recorded = yield* operations
        assert.deepStrictEqual(
          recorded.map(({ attributes, count }) => [attributes["db.operation.name"], count]),
          [
            ["PIPELINE GET", 1],
            ["PIPELINE", 1],
            ["GET", 1],
            ["MULTI GET", 1]
          ]
        )
      })
    ).pipe(alone)
  )

  it.effect("has the error type of the first command of a transaction that failed", () =>
    withRedis()((redis) =>
      Effect.gen(function* () {
        yield* redis.set("text", "a")
        const run = (...commands: ReadonlyArray<RedisCommand.RedisCommand>) =>
          Effect.gen(function* () {
            const transaction = Effect.provideService(
              RedisReservation.transaction(commands),
              RedisClient.RedisClient,
              redis
            )
            const call = yield* Effect.forkChild(transaction, { startImmediately: true })
            yield* TestClock.adjust("1 second")
            return yield* Fiber.join(call)
          })
        const [, failed] = yield* run(RedisCommand.make("GET", ["text"]), RedisCommand.make("INCR", ["text"]))
        assert.strictEqual(failed?._tag, "Failure")
        yield* run(RedisCommand.make("GET", ["text"]))
        assert.deepStrictEqual(
          (yield* operations).map(({ attributes }) => [
            attributes["db.operation.name"],
            attributes["error.type"],
            attributes["db.response.status_code"]
          ]),
          [
            ["SET", undefined, undefined],
            ["MULTI", "ERR", "ERR"],
            ["MULTI GET", undefined, undefined]
          ]
        )
        const { failures, operations: counted } = yield* redis.stats
        assert.deepStrictEqual([failures, counted], [{ ERR: 1 }, 3])
      })
    ).pipe(alone)
  )

  it.effect("counts the attempt beside it that its caller left", () =>
    withRedis()((redis, server) =>
      Effect.gen(function* () {
        yield* server.inject(Fault.freeze)
        const call = yield* Effect.forkChild(Effect.timeoutOption(redis.get("a"), 100), { startImmediately: true })
        yield* TestClock.adjust(100)
        yield* Fiber.join(call)
        // What comes of it later was counted already.
        yield* server.heal
        yield* TestClock.adjust("5 seconds")
        const attempts = (yield* Metric.snapshot).flatMap(({ attributes, id, state }) =>
          id === "redis.client.attempt.duration" && "buckets" in state
            ? [[attributes?.["db.operation.name"], attributes?.["redis.client.outcome"], state.count, state.sum]]
            : []
        )
        assert.deepStrictEqual(attempts, [["GET", "ignored", 1, 0.1]])
      })
    ).pipe(alone)
  )

  it.effect("says of a call that its caller left how long that had waited", () =>
    withRedis()((redis, server) =>
      Effect.gen(function* () {
        yield* server.inject(Fault.freeze)
        const call = yield* Effect.forkChild(Effect.timeoutOption(redis.get("a"), 100), { startImmediately: true })
        yield* TestClock.adjust(100)
        yield* Fiber.join(call)
        const [operation] = yield* operations
        assert.strictEqual(operation?.attributes["error.type"], "Interrupted")
        assert.closeTo(operation?.sum ?? 0, 0.1, 0.001)
      })
    ).pipe(alone)
  )
})

describe("every metric", () => {
  it("has a name that Prometheus expects", () => {
    for (const { id, kind, unit } of definedMetrics()) {
      const name = metricNameMapper(id)
      assert.match(name, /^[a-z]+(_[a-z]+)+$/)
      assert.strictEqual(name.endsWith("_total"), kind === "counter", name)
      assert.strictEqual(name.includes("_seconds"), unit === "s", name)
      assert.strictEqual(name.includes("_bytes"), unit === "By", name)
      assert.match(unit, /^(s|By|\{[a-z]+\})$/, id)
    }
    assert.strictEqual(metricNameMapper("db.client.operation.duration"), "db_client_operation_duration_seconds")
    assert.strictEqual(metricNameMapper("redis.client.retries"), "redis_client_retries_total")
    assert.strictEqual(metricNameMapper("cache.memory.size"), "cache_memory_size_bytes")
    assert.strictEqual(metricNameMapper("cache.memory.entries"), "cache_memory_entries")
    assert.strictEqual(metricNameMapper("somebody.elses"), "somebody.elses")
  })
})

describe("two clients of which one is dead", () => {
  const open = (name: string, connections: number) =>
    Layer.build(Layer.fresh(RedisClient.layer({ name, connections }).pipe(Layer.provideMerge(SimulatedRedis.layer()))))

  const changed = (before: ReadonlyArray<string>, after: ReadonlyArray<string>) =>
    after.filter((line) => !before.includes(line))

  // The event loop is everybody's.
  const lines = Effect.map(Metric.snapshot, (all) =>
    all.flatMap(({ attributes, id, state }) =>
      id === "redis.client.event_loop.delay" ? [] : [JSON.stringify({ id, attributes, state })]
    )
  )

  it.effect("change only the series of that one, and a pool of 4 says 4", () =>
    Effect.gen(function* () {
      const [live, dead] = [yield* open("live", 4), yield* open("dead", 1)]
      yield* TestClock.adjust("2 seconds")
      const clientOf = Context.get(RedisClient.RedisClient)
      assert.strictEqual((yield* clientOf(live).stats).connections, 4)
      const all = yield* Metric.snapshot
      const connections = all.flatMap(({ attributes, id, state }) =>
        id === "redis.client.connections" && "value" in state ? [[attributes?.["redis.client.name"], state.value]] : []
      )
      assert.deepStrictEqual(connections, [
        ["live", 4],
        ["dead", 1]
      ])
      const before = yield* lines
      yield* Context.get(dead, SimulatedRedis.SimulatedRedis).inject(Fault.refuse)
      const call = yield* Effect.forkChild(Effect.exit(clientOf(dead).get("a")), { startImmediately: true })
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(call)
      const after = changed(before, yield* lines)
      assert.isNotEmpty(after.filter((line) => line.includes('"redis.client.connection.reason":"Refused"')))
      assert.isEmpty(after.filter((line) => !line.includes('"redis.client.name":"dead"')))
    }).pipe(alone)
  )
})
