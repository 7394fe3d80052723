import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Metric, Schema, Scope } from "effect"
import { RedisClient } from "effect-ioredis"
import { beginGauge, showGauge, type Tally, tallyOf } from "effect-ioredis/dispatch"
import { Cache } from "effect-ioredis-cache"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { layerProcess } from "../suites/cacheLayers.ts"
import * as Captured from "../support/Captured.ts"

const registry: Metric.MetricRegistry = new Map()

const metricValue = (id: string, label?: string) =>
  Effect.map(Metric.snapshot, (all) => {
    const found = all.find(
      (metric) =>
        metric.id === id && (label === undefined || metric.attributes?.["redis.client.connection.event"] === label)
    )
    if (found?.type === "Gauge") return Number(found.state.value)
    return found?.type === "Counter" ? Number(found.state.count) : 0
  })

describe("metrics of several caches in one process", () => {
  it.effect("whoever counts the same in one registry has the same tally", () =>
    Effect.gen(function* () {
      const context = yield* Effect.context<never>()
      const counter = Metric.counter("calls", { incremental: true })
      const tallies: ReadonlyArray<Tally> = [tallyOf(counter, context), tallyOf(counter, context)]
      for (const tally of tallies) tally.count++
      assert.strictEqual(yield* metricValue("calls"), 2)
      const elsewhere = Context.add(context, Metric.MetricRegistry, new Map())
      assert.strictEqual(tallyOf(counter, elsewhere).count, 0)
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
  )

  it.effect("a series is one whatever attributes come first, and whether the metric or the context names them", () =>
    Effect.gen(function* () {
      const context = yield* Effect.context<never>()
      const within = (attributes: { readonly [name: string]: string }) =>
        Context.add(context, Metric.CurrentMetricAttributes, attributes)
      const counter = Metric.counter("calls", { attributes: { zone: "a" } })
      const gauge = Metric.gauge("waiting", { attributes: { zone: "a" } })
      for (const attributes of [
        { app: "x", zone: "b" },
        { zone: "b", app: "x" }
      ]) {
        tallyOf(counter, within(attributes)).count++
        yield* Effect.provideService(
          showGauge(gauge, () => 1),
          Metric.CurrentMetricAttributes,
          attributes
        )
      }
      tallyOf(Metric.counter("calls", { attributes: { app: "x" } }), within({ zone: "b" })).count++
      assert.strictEqual(yield* metricValue("calls"), 3)
      assert.strictEqual(yield* metricValue("waiting"), 2)
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
  )

  it.effect("two caches in one program are two in what they count, log and trace", () => {
    const captured = Captured.make()
    return Effect.gen(function* () {
      const open = (name: string) =>
        Layer.build(Layer.fresh(layerProcess({ client: { name, logOperations: true }, logs: captured.layer })))
      for (const name of ["sessions", "jobs"]) {
        const context = yield* open(name)
        const { breaker } = Context.get(context, RedisClient.RedisClient)
        const region = Cache.region({ name: "texts", version: 1, key: Schema.String, value: Schema.String })
        const texts = yield* Effect.provide(region, context)
        yield* breaker.isolate
        yield* Effect.provide(texts.set("a", "1"), captured.layer)
        if (name === "jobs") yield* Effect.provide(texts.get("b"), captured.layer)
      }
      const named = (id: string) =>
        Effect.map(Metric.snapshot, (all) =>
          all
            .filter((metric) => metric.id === id && (metric.type !== "Counter" || Number(metric.state.count) > 0))
            .map(({ attributes }) => attributes?.["cache.name"])
        )
      assert.deepStrictEqual(yield* named("cache.writes"), ["sessions", "jobs"])
      assert.deepStrictEqual(yield* named("cache.journal.entries"), ["sessions", "jobs"])
      assert.deepStrictEqual(yield* named("cache.requests"), ["jobs"])
      assert.deepStrictEqual(yield* named("cache.memory.entries"), ["memory"])
      const [missed, more] = captured.logs.filter((line) => line.includes("Cache miss"))
      assert.include(missed, "name=jobs")
      assert.isUndefined(more)
      const sets = captured.spans.filter(({ name }) => name === "cache.set")
      assert.deepStrictEqual(
        sets.map(({ attributes }) => attributes.get("cache.name")),
        ["sessions", "jobs"]
      )
    }).pipe(Effect.provide(SimulatedRedis.layerServer()), Effect.provideService(Metric.MetricRegistry, new Map()))
  })

  it.effect("the journal's gauge is their sum, and one that closes leaves the other's alone", () =>
    Effect.gen(function* () {
      const open = Effect.gen(function* () {
        const scope = yield* Scope.make()
        const context = yield* Layer.buildWithScope(Layer.fresh(layerProcess()), scope)
        const region = Cache.region({ name: "texts", version: 1, key: Schema.String, value: Schema.String })
        const texts = yield* Effect.provide(region, context)
        const { breaker } = yield* Effect.provide(RedisClient.RedisClient, context)
        yield* breaker.isolate
        return { texts, close: Scope.close(scope, Exit.void) }
      })
      const [one, other] = [yield* open, yield* open]
      yield* one.texts.removeMany(["a", "b", "c"])
      yield* other.texts.remove("d")
      assert.strictEqual(yield* metricValue("cache.journal.entries"), 4)
      yield* other.close
      assert.strictEqual(yield* metricValue("cache.journal.entries"), 3)
      yield* one.close
      assert.strictEqual(yield* metricValue("cache.journal.entries"), 0)
    }).pipe(Effect.provide(SimulatedRedis.layerServer()), Effect.provideService(Metric.MetricRegistry, registry))
  )

  it.effect("a stall that many calls meet is one event", () =>
    Effect.gen(function* () {
      const redis = yield* RedisClient.RedisClient
      const server = yield* SimulatedRedis.SimulatedRedis
      yield* server.inject(Fault.freeze)
      for (let call = 0; call < 50; call++) yield* Effect.forkChild(Effect.exit(redis.ping), { startImmediately: true })
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* metricValue("redis.client.connection.events", "stalled"), 1)
    }).pipe(
      Effect.provide(Layer.provideMerge(RedisClient.layer(), SimulatedRedis.layer())),
      Effect.provideService(Metric.MetricRegistry, new Map())
    )
  )

  it.effect("a library's own gauge is summed likewise, and ends with its scope", () =>
    Effect.gen(function* () {
      const waiting = Metric.gauge("waiting")
      const scope = yield* Scope.make()
      yield* Scope.provide(
        showGauge(waiting, () => 2),
        scope
      )
      yield* showGauge(waiting, () => 3)
      assert.strictEqual(yield* metricValue("waiting"), 5)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* metricValue("waiting"), 3)
      const end = beginGauge(waiting, () => 4, yield* Effect.context<never>())
      assert.strictEqual(yield* metricValue("waiting"), 7)
      end()
      assert.strictEqual(yield* metricValue("waiting"), 3)
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
  )
})
