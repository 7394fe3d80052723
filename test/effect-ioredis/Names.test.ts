import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Metric, Scope } from "effect"
import { CircuitBreaker, RedisClient, RedisCommand, RedisHealth, RedisScript } from "effect-ioredis"
import { SimulatedRedis, SimulatedScript } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import * as MemoryStore from "../../packages/effect-ioredis-cache/src/internal/MemoryStore.ts"
import * as Captured from "../support/Captured.ts"

/** A client on a Redis of its own, with its health. */
const open = (name: string | undefined) =>
  Layer.build(
    Layer.fresh(
      RedisHealth.layer().pipe(
        Layer.provideMerge(RedisClient.layer({ name })),
        Layer.provideMerge(SimulatedRedis.layer())
      )
    )
  )

const clientOf = Context.get(RedisClient.RedisClient)

/** The values of a metric, each under the labels that are asked for. */
const values = (id: string, ...labels: ReadonlyArray<string>) =>
  Effect.map(Metric.snapshot, (all) => {
    const found: Record<string, number> = {}
    for (const metric of all) {
      if (metric.id !== id) continue
      const key = labels.map((label) => metric.attributes?.[label] ?? "?").join(" ")
      const value = metric.type === "Gauge" ? metric.state.value : metric.type === "Counter" ? metric.state.count : 1
      found[key] = (found[key] ?? 0) + Number(value)
    }
    return found
  })

/** Counts in a registry of its own. */
const alone = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => Effect.provideService(effect, Metric.MetricRegistry, new Map()))

describe("two clients in one program", () => {
  it.effect("are two in every metric, whoever changed last", () =>
    Effect.gen(function* () {
      const [sessions, jobs] = [yield* open("sessions"), yield* open("jobs")]
      yield* clientOf(sessions).breaker.isolate
      yield* clientOf(jobs).set("a", "1")
      yield* Effect.flip(clientOf(sessions).ping)
      assert.deepStrictEqual(
        yield* values("redis.client.circuit.state", "redis.client.name", "redis.client.circuit.state"),
        {
          "sessions Closed": 0,
          "sessions Open": 1,
          "sessions HalfOpen": 0,
          "jobs Closed": 1,
          "jobs Open": 0,
          "jobs HalfOpen": 0
        }
      )
      assert.deepStrictEqual(yield* values("redis.client.circuit.transitions", "redis.client.name"), {
        sessions: 1,
        jobs: 0
      })
      assert.deepStrictEqual(yield* values("redis.client.circuit.rejections", "redis.client.name"), {
        sessions: 1,
        jobs: 0
      })
      assert.deepStrictEqual(yield* values("redis.client.nodes.ready", "redis.client.name"), { sessions: 1, jobs: 1 })
      assert.deepStrictEqual(yield* values("db.client.operation.duration", "redis.client.name", "db.operation.name"), {
        "jobs SET": 1,
        "sessions PING": 1
      })
    }).pipe(alone)
  )

  it.effect("are counted together where they have one name, and no longer than they live", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const one = yield* Scope.provide(open(undefined), scope)
      yield* open(undefined)
      yield* clientOf(one).breaker.isolate
      const states = values("redis.client.circuit.state", "redis.client.name", "redis.client.circuit.state")
      assert.deepStrictEqual(yield* states, { "redis Closed": 1, "redis Open": 1, "redis HalfOpen": 0 })
      assert.deepStrictEqual(yield* values("redis.client.connections", "redis.client.name"), { redis: 2 })
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* states, { "redis Closed": 1, "redis Open": 0, "redis HalfOpen": 0 })
      assert.deepStrictEqual(yield* values("redis.client.connections", "redis.client.name"), { redis: 1 })
    }).pipe(alone)
  )

  it.effect("are two in spans, log lines, health and errors", () => {
    const captured = Captured.make()
    return Effect.gen(function* () {
      const sessions = yield* open("sessions")
      yield* clientOf(sessions).ping
      yield* clientOf(sessions).breaker.trip
      yield* TestClock.adjust(1)
      const refused = yield* Effect.flip(clientOf(sessions).ping)
      assert.include(refused.message, '"sessions"')
      assert.strictEqual(Context.get(sessions, RedisHealth.RedisHealth).name, "sessions")
      assert.strictEqual(captured.spans[0]?.attributes.get("db.client.name"), "sessions")
      const outage = captured.logs.find((line) => line.includes("Redis does not answer"))
      assert.include(outage ?? "", "name=sessions")
    }).pipe(Effect.provide(captured.layer), alone)
  })
})

describe("errors", () => {
  const script = RedisScript.make({ lua: "return 1" })

  it.effect("are not counted where the source of a script follows its SHA-1", () =>
    Effect.gen(function* () {
      const redis = yield* RedisClient.RedisClient
      assert.strictEqual(yield* redis.eval(script)(), 1)
      assert.deepStrictEqual(yield* values("redis.client.errors", "error.type"), {})
      yield* redis.set("text", "a")
      yield* Effect.flip(redis.incr("text"))
      assert.deepStrictEqual(yield* values("redis.client.errors", "error.type"), { ERR: 1 })
    }).pipe(
      Effect.provide(
        RedisClient.layer().pipe(
          Layer.provide(SimulatedRedis.layer({ scripts: [SimulatedScript.make(script, () => 1)] }))
        )
      ),
      alone
    )
  )
})

describe("labels", () => {
  it.effect("do not grow with the commands that a program makes up", () =>
    Effect.gen(function* () {
      const redis = clientOf(yield* open("inventive"))
      for (let n = 0; n < 500; n++) yield* Effect.exit(redis.run(RedisCommand.make(`COMMAND${n}`)))
      const operations = yield* values("db.client.operation.duration", "db.operation.name")
      assert.strictEqual(Object.keys(operations).length, 301)
      assert.property(operations, "other")
    }).pipe(alone)
  )

  it.effect("do not grow with the circuits that a program names", () =>
    Effect.gen(function* () {
      for (let n = 0; n < 300; n++)
        yield* CircuitBreaker.make({ name: `circuit ${n}`, metrics: CircuitBreaker.metrics })
      const names = yield* values("redis.client.circuit.state", "redis.client.name")
      assert.isAtMost(Object.keys(names).length, 101)
      assert.isAtLeast(names.other ?? 0, 200)
    }).pipe(alone)
  )
})

describe("two memories in one program", () => {
  it.effect("are counted together", () =>
    Effect.gen(function* () {
      const [one, other] = [yield* MemoryStore.make(), yield* MemoryStore.make()]
      for (const key of ["a", "b", "c"]) one.set(key, { value: key, expiresAt: 1, bytes: 1 })
      other.set("d", { value: "d", expiresAt: 1, bytes: 1 })
      assert.deepStrictEqual(yield* values("cache.memory.entries"), { "": 4 })
    }).pipe(alone)
  )
})
