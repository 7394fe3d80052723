import { assert, describe, it, type TestOptions } from "@effect/vitest"
import { Array as Arr, Effect, Exit, Layer, Schema, type Tracer } from "effect"
import { RedisClient, RedisHealth, RetryPolicy } from "effect-ioredis"
import { Cache, RefreshPolicy } from "effect-ioredis-cache"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { layerSimulated, type SimulatedOptions } from "../suites/cacheLayers.ts"
import * as Captured from "../support/Captured.ts"
import { inTime } from "../support/inTime.ts"

const texts = { name: "texts", version: 1, key: Schema.String, value: Schema.String } as const

/** What a span says of itself. */
const shown = ({ attributes, name, status }: Tracer.NativeSpan): Readonly<Record<string, unknown>> => ({
  name,
  ended: status._tag === "Ended" ? Exit.isSuccess(status.exit) : undefined,
  ...Object.fromEntries(
    Array.from(attributes).filter(([key]) => /^cache\.(result|source|outcome|keys|hits)$/.test(key))
  )
})

const eventsOf = ({ events }: Tracer.NativeSpan) =>
  events.map(([name, , attributes]) => [name, attributes?.["error.type"]])

const test = <E>(
  title: string,
  body: (captured: Captured.Captured) => Effect.Effect<void, E, Layer.Success<ReturnType<typeof layerSimulated>>>,
  options?: SimulatedOptions,
  testOptions?: TestOptions
) =>
  it.effect(
    title,
    () => {
      const captured = Captured.make()
      return Effect.provide(body(captured), layerSimulated({ logs: captured.layer, ...options }))
    },
    testOptions
  )

const together = { concurrency: "unbounded" } as const

describe("the span of an operation", () => {
  test("says its result and who answered, as the metrics do", ({ spans }) =>
    Effect.gen(function* () {
      const region = yield* Cache.region(texts)
      yield* TestClock.adjust("1 second")
      yield* inTime(region.getOrSet("a", Effect.succeed("1")))
      yield* inTime(region.getOrSet("a", Effect.succeed("1")))
      yield* inTime(region.get("a"))
      yield* inTime(region.get("b"))
      yield* inTime(region.getMany(["a", "b", "c"]))
      yield* inTime(region.set("b", "2"))
      yield* inTime(region.remove("b"))
      yield* inTime(Effect.exit(region.getOrSet("c", Effect.fail("no"))))
      assert.deepStrictEqual(spans.map(shown), [
        { name: "cache.getOrSet", ended: true, "cache.result": "miss", "cache.source": "lookup" },
        { name: "cache.getOrSet", ended: true, "cache.result": "hit", "cache.source": "redis" },
        { name: "cache.get", ended: true, "cache.result": "hit", "cache.source": "redis" },
        { name: "cache.get", ended: true, "cache.result": "miss", "cache.source": "redis" },
        { name: "cache.getMany", ended: true, "cache.source": "redis", "cache.keys": 3, "cache.hits": 1 },
        { name: "cache.set", ended: true, "cache.outcome": "applied" },
        { name: "cache.remove", ended: true, "cache.outcome": "applied" },
        { name: "cache.getOrSet", ended: false, "cache.result": "miss", "cache.source": "none" }
      ])
    }))

  test("says why a request was slow in an outage: what was waited for, what failed, and who answered", ({ spans }) =>
    Effect.gen(function* () {
      const region = yield* Cache.region({ ...texts, staleFor: "1 hour", timeToLive: "10 seconds" })
      const server = yield* SimulatedRedis.SimulatedRedis
      yield* TestClock.adjust("1 second")
      yield* inTime(region.set("a", "1"), "1 second")
      yield* server.inject(Fault.freeze)
      yield* inTime(region.get("a"))
      yield* inTime(region.get("a"))
      yield* TestClock.adjust("1 minute")
      yield* inTime(region.getOrSet("a", Effect.fail("no")))
      const [slow, refused, stale] = spans.filter(({ name }) => name !== "cache.set")
      if (slow === undefined || refused === undefined || stale === undefined) return assert.fail("three spans")
      assert.deepInclude(shown(slow), { "cache.result": "hit", "cache.source": "fallback" })
      assert.deepStrictEqual(eventsOf(slow), [["cache.fallback", "RedisTimeoutError"]])
      assert.deepInclude(shown(refused), { "cache.result": "hit", "cache.source": "fallback" })
      assert.deepStrictEqual(eventsOf(refused), [["cache.fallback", "RedisCircuitBreakerOpenError"]])
      assert.deepInclude(shown(stale), { "cache.result": "miss", "cache.source": "stale", ended: true })
      assert.deepStrictEqual(
        eventsOf(stale).map(([name]) => name),
        ["cache.fallback", "cache.stale"]
      )
    }))

  test("has an event for each retry of what was sent on its behalf, where gets were joined too", ({ spans }) =>
    Effect.gen(function* () {
      const region = yield* Cache.region(texts)
      const server = yield* SimulatedRedis.SimulatedRedis
      yield* TestClock.adjust("1 second")
      // From now on it is known that its values are short, so that their reads are joined.
      yield* inTime(region.set("a", "1"))
      yield* server.inject(Fault.error("TRYAGAIN"))
      yield* inTime(Effect.all([region.get("a"), region.get("b")], together))
      const retry = ["redis.retry", "RedisOperationError"]
      assert.deepStrictEqual(
        spans.slice(1).map(eventsOf),
        [0, 1].map(() => [retry, retry, retry, ["cache.fallback", "RedisOperationError"]])
      )
    }))
})

describe("spans of commands", () => {
  test("are opt-in for what a cache sends", ({ spans }) =>
    Effect.gen(function* () {
      const region = yield* Cache.region(texts)
      const redis = yield* RedisClient.RedisClient
      yield* TestClock.adjust("1 second")
      yield* inTime(region.set("a", "1"))
      yield* inTime(redis.get("a"))
      assert.deepStrictEqual(
        spans.map(({ name }) => name),
        ["cache.set", "GET"]
      )
    }))

  test(
    "are below the operation that they are sent for, and linked with those that have joined it",
    ({ spans }) =>
      Effect.gen(function* () {
        const region = yield* Cache.region(texts)
        yield* TestClock.adjust("1 second")
        yield* inTime(region.set("a", "1"))
        const set = spans.length
        yield* inTime(Effect.all([region.get("a"), region.get("b"), region.get("c")], together))
        const [first, second, third, command, ...more] = spans.slice(set)
        assert.lengthOf(more, 0)
        if (!first || !second || !third || !command) return assert.fail("four spans")
        assert.deepStrictEqual([command.name, command.kind, command.status._tag], ["MGET", "client", "Ended"])
        assert.strictEqual(command.traceId, first.traceId)
        assert.strictEqual(command.parent._tag === "Some" ? command.parent.value : undefined, first)
        assert.deepStrictEqual(
          command.links.map(({ span }) => span.spanId),
          [second.spanId, third.spanId]
        )
        for (const joined of [second, third]) {
          assert.deepStrictEqual(
            joined.links.map(({ span }) => span.spanId),
            [command.spanId]
          )
        }
        yield* inTime(region.getOrSet("d", Effect.succeed("1")))
        assert.includeMembers(
          spans.slice(set + 4).map(({ name }) => name),
          ["cache.getOrSet", "GET"]
        )
      }),
    { client: { traceCommands: true } }
  )

  test(
    "that the circuit refuses are an event, and no error span",
    ({ spans }) =>
      Effect.gen(function* () {
        const redis = yield* RedisClient.RedisClient
        yield* TestClock.adjust("1 second")
        yield* redis.breaker.isolate
        const exit = yield* Effect.exit(redis.get("a"))
        assert.isTrue(Exit.isFailure(exit))
        const [span, ...more] = spans
        if (span === undefined) return assert.fail("a span")
        assert.lengthOf(more, 0)
        assert.deepInclude(shown(span), { name: "GET", ended: true })
        assert.deepStrictEqual(eventsOf(span), [["redis.circuit.refused", "RedisCircuitBreakerOpenError"]])
      }),
    { client: { traceCommands: true } }
  )

  test("that fail are error spans", ({ spans }) =>
    Effect.gen(function* () {
      const redis = yield* RedisClient.RedisClient
      const server = yield* SimulatedRedis.SimulatedRedis
      yield* TestClock.adjust("1 second")
      yield* server.inject(Fault.error("OOM command not allowed"))
      yield* inTime(Effect.exit(redis.set("a", "1")))
      assert.deepStrictEqual(
        spans.map((span) => shown(span).ended),
        [false]
      )
    }))

  it.effect("are made of no health check while the circuit is open, and no error span at all", () => {
    const captured = Captured.make()
    return Effect.gen(function* () {
      const health = yield* RedisHealth.RedisHealth
      const server = yield* SimulatedRedis.SimulatedRedis
      yield* TestClock.adjust("1 second")
      yield* server.inject(Fault.refuse)
      yield* (yield* RedisClient.RedisClient).reconnect
      yield* TestClock.adjust("10 minutes")
      for (let n = 0; n < 5; n++) yield* inTime(Effect.withSpan(health.check, "probe"))
      assert.strictEqual((yield* health.status)._tag, "Down")
      assert.deepStrictEqual(
        captured.spans.filter(
          ({ name, status }) => name !== "probe" || (status._tag === "Ended" && Exit.isFailure(status.exit))
        ),
        []
      )
      assert.isEmpty(captured.spans.flatMap(eventsOf))
    }).pipe(
      Effect.provide(
        Layer.provideMerge(
          RedisHealth.layer(),
          layerSimulated({ client: { traceCommands: true, retry: RetryPolicy.none }, logs: captured.layer })
        )
      )
    )
  })
})

test(
  "no key and no value is in any of 10,000 spans",
  (captured) =>
    Effect.gen(function* () {
      const region = yield* Cache.region({ ...texts, staleFor: "1 minute", refresh: RefreshPolicy.fromAge("1 second") })
      const redis = yield* RedisClient.RedisClient
      const server = yield* SimulatedRedis.SimulatedRedis
      yield* TestClock.adjust("1 second")
      for (let round = 0; captured.spans.length < 10_000; round++) {
        if (round % 5 === 1) yield* server.inject(Fault.refuse)
        if (round % 5 === 2) yield* server.heal
        if (round % 5 === 3) yield* server.inject(Fault.error("TRYAGAIN"))
        if (round % 5 === 4) yield* server.inject(Fault.none)
        const calls = Arr.makeBy(100, (n): ReadonlyArray<Effect.Effect<unknown, unknown>> => {
          const key = `key-of-${n}`
          const value = `value-of-${n}`
          return [
            region.get(key),
            region.getOrSet(key, Effect.succeed(value)),
            region.getMany([key, `${key}-too`]),
            region.set(key, value),
            region.getOrSet(`${key}-missing`, Effect.fail("no")),
            region.remove(`${key}-too`),
            redis.set(key, value),
            redis.get(key)
          ]
        })
        yield* inTime(Effect.forEach(calls.flat(), Effect.exit, together), "10 seconds")
      }
      const text = captured.text()
      assert.notInclude(text, "key-of-")
      assert.notInclude(text, "value-of-")
    }),
  { client: { traceCommands: true } },
  { tags: ["long"] }
)
