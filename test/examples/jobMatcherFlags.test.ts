import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Clock, Effect, Fiber, Layer, Metric, Random } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { RedisClient } from "effect-ioredis"
import * as FaultInjection from "effect-ioredis/FaultInjection"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
import { scripts } from "effect-ioredis-cache/testing"
import { TestClock } from "effect/testing"
import * as Api from "../../examples/job-matcher/src/Api.ts"
import * as Flags from "../../examples/job-matcher/src/Flags.ts"
import { Jobs, make as makeJobs } from "../../examples/job-matcher/src/Jobs.ts"
import { Matcher } from "../../examples/job-matcher/src/Matcher.ts"
import { Status } from "../../examples/job-matcher/src/Status.ts"

// The service without its sockets, on a simulated Redis in virtual time: two runs of one load, with a flag and without.

const Service = Layer.merge(Status.layer, Flags.MemoryOnly.layerFollowed).pipe(
  Layer.provideMerge(HybridCache.layer()),
  Layer.provideMerge([RedisCache.layer(), MemoryCache.layer()]),
  Layer.provideMerge(RedisClient.layer()),
  Layer.provideMerge([FaultInjection.layer(), Flags.layer, Matcher.layer]),
  Layer.provideMerge(SimulatedRedis.layer({ scripts })),
  // Fewer than in the example: what is compared is not how they are ranked.
  Layer.provide(Layer.effect(Jobs, makeJobs({ seed: "few", count: 20 })))
)

/** A service of its own, with metrics of its own. */
const withService = <A, E, R>(use: Effect.Effect<A, E, R>) =>
  use.pipe(
    Effect.provide(Layer.fresh(Service)),
    Effect.provideService(Metric.MetricRegistry, new Map()),
    Random.withSeed("job-matcher")
  )

const pathOf = (candidate: number) => `/match?candidate=candidate-${candidate}&skills=effect,redis&location=Berlin`

/** Asks the router, and gives the status and the virtual milliseconds that the answer took. */
const makeAsk = Effect.map(
  HttpRouter.toHttpEffect(Api.layer),
  (app) =>
    (path: string, method: "GET" | "DELETE" = "GET") => {
      const request = HttpServerRequest.fromWeb(new Request(`http://localhost${path}`, { method }))
      return Effect.gen(function* () {
        const startedAt = yield* Clock.currentTimeMillis
        const response = HttpServerResponse.toWeb(yield* app)
        return { status: response.status, response, millis: (yield* Clock.currentTimeMillis) - startedAt }
      }).pipe(Effect.provideService(HttpServerRequest.HttpServerRequest, request), Effect.scoped)
    }
)

/** Time goes by until it is done. */
const passing = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("10 millis")
    return yield* Fiber.join(fiber)
  })

const percentile = (sorted: ReadonlyArray<number>, share: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN

/** What `cache.requests` says of a region, as Prometheus is told it. */
const requestsOf = Effect.fnUntraced(function* (region: string) {
  const counts = { hit: 0, miss: 0 }
  for (const { attributes = {}, id, state } of yield* Metric.snapshot) {
    if (id !== "cache.requests" || attributes["cache.region"] !== region) continue
    counts[attributes["cache.result"] as "hit" | "miss"] += (state as { readonly count: number }).count
  }
  return counts
})

const ratio = (counts: { readonly hit: number; readonly miss: number }) => counts.hit / (counts.hit + counts.miss)

describe("a variant of the job matcher", () => {
  const candidates = 30

  /** Redis is away from the fifth minute to the thirty-fifth. Every candidate asks once a minute. */
  const outage = (weights: { readonly short: number; readonly long: number }) =>
    withService(
      Effect.gen(function* () {
        const ask = yield* makeAsk
        const server = yield* SimulatedRedis.SimulatedRedis
        const matcher = yield* Matcher
        yield* (yield* Flags.Freshness).set({ weights })
        const minute = Effect.gen(function* () {
          for (const answer of yield* passing(
            Effect.all(
              Arr.range(1, candidates).map((candidate) => ask(pathOf(candidate))),
              { concurrency: "unbounded" }
            )
          )) {
            assert.strictEqual(answer.status, 200)
          }
          yield* TestClock.adjust("1 minute")
        })
        const count = Effect.all({
          short: requestsOf("matches"),
          long: requestsOf("matches-long"),
          lookups: matcher.runs
        })
        for (let n = 0; n < 5; n++) yield* minute
        const before = yield* count
        yield* server.inject(Fault.refuse)
        for (let n = 0; n < 30; n++) yield* minute
        const after = yield* count
        yield* server.heal
        const since = (of: "short" | "long") => ({
          hit: after[of].hit - before[of].hit,
          miss: after[of].miss - before[of].miss
        })
        const [short, long] = [since("short"), since("long")]
        return {
          short,
          long,
          both: { hit: short.hit + long.hit, miss: short.miss + long.miss },
          lookups: after.lookups - before.lookups
        }
      })
    )

  it.effect("does not find again what was removed while the candidate had the other one", () =>
    withService(
      Effect.gen(function* () {
        const ask = yield* makeAsk
        const matcher = yield* Matcher
        const { set } = yield* Flags.Freshness
        const [short, long] = [{ weights: { short: 1, long: 0 } }, { weights: { short: 0, long: 1 } }]
        for (const [one, other] of [
          [short, long],
          [long, short]
        ] as const) {
          yield* set(one)
          yield* passing(ask(pathOf(1)))
          const before = yield* matcher.runs
          yield* set(other)
          yield* passing(ask(pathOf(1), "DELETE"))
          yield* set(one)
          yield* passing(ask(pathOf(1)))
          assert.strictEqual(yield* matcher.runs, before + 1)
        }
      })
    )
  )

  it.effect("with a longer time to live has more hits in an outage, which its own label shows", () =>
    Effect.gen(function* () {
      const without = yield* outage({ short: 1, long: 0 })
      const half = yield* outage({ short: 1, long: 1 })
      console.log(`30 minutes without Redis, ${candidates} candidates, one question a minute each:`)
      console.table({
        "without the variant": { "hit ratio": ratio(without.both).toFixed(3), lookups: without.lookups },
        "with it for a half": { "hit ratio": ratio(half.both).toFixed(3), lookups: half.lookups },
        "… cache.region=matches": { "hit ratio": ratio(half.short).toFixed(3) },
        "… cache.region=matches-long": { "hit ratio": ratio(half.long).toFixed(3) }
      })
      // Both were asked in the one run, and each hit ratio stands by itself.
      assert.isAbove(half.short.hit + half.short.miss, 30 * candidates * 0.35)
      assert.isAbove(half.long.hit + half.long.miss, 30 * candidates * 0.35)
      assert.isAbove(ratio(half.long), ratio(half.short) + 0.1)
      assert.isAbove(ratio(half.both), ratio(without.both) + 0.05)
      assert.isBelow(half.lookups, without.lookups * 0.7)
      assert.deepStrictEqual(without.long, { hit: 0, miss: 0 })
    })
  )
})

describe("a switch of the job matcher", () => {
  /** Redis is 400 milliseconds slower for a minute, and dead at no time. The switch comes after five seconds, or never. */
  const slowRedis = (switches: boolean) =>
    withService(
      Effect.gen(function* () {
        const ask = yield* makeAsk
        const faults = yield* FaultInjection.FaultInjection
        const memoryOnly = yield* Flags.MemoryOnly
        const { breaker } = yield* RedisClient.RedisClient
        for (const candidate of Arr.range(1, 20)) yield* passing(ask(pathOf(candidate)))

        const answers: Array<Fiber.Fiber<{ readonly status: number; readonly millis: number }, unknown>> = []
        yield* faults.turnOn({ rate: 1, kinds: ["Delay"], delay: "400 millis", duration: "1 minute" })
        for (let tick = 0; tick < 600; tick++) {
          if (switches && tick === 50) yield* memoryOnly.turnOn
          answers.push(yield* Effect.forkChild(ask(pathOf((tick % 20) + 1)), { startImmediately: true }))
          yield* TestClock.adjust("100 millis")
        }
        assert.isFalse(yield* faults.isOn)
        yield* memoryOnly.turnOff
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual((yield* breaker.state)._tag, "Closed")
        const done = yield* Effect.forEach(answers, Fiber.join)
        for (const { status } of done) assert.strictEqual(status, 200)
        const millis = done.map((answer) => answer.millis).sort((one, other) => one - other)
        return { p50: percentile(millis, 0.5), p90: percentile(millis, 0.9), max: percentile(millis, 1) }
      })
    )

  it.effect("leaves a Redis alone that is slow but not dead, and answers from memory at once", () =>
    Effect.gen(function* () {
      const without = yield* slowRedis(false)
      const withSwitch = yield* slowRedis(true)
      console.log("A minute in which Redis is 400 ms slower, 10 requests a second, milliseconds to the answer:")
      console.table({ "without the switch": without, "with it after 5 seconds": withSwitch })
      assert.isAtLeast(without.p50, 400)
      assert.isAtMost(withSwitch.p90, 10)
    })
  )

  it.effect("tells Redis afterwards what was removed while it was on", () =>
    withService(
      Effect.gen(function* () {
        const ask = yield* makeAsk
        const memoryOnly = yield* Flags.MemoryOnly
        const matcher = yield* Matcher
        yield* passing(ask(pathOf(1)))
        yield* memoryOnly.turnOn
        yield* TestClock.adjust("10 millis")
        const removed = yield* passing(ask(pathOf(1), "DELETE"))
        assert.deepStrictEqual(yield* Effect.promise(() => removed.response.json()), { removed: "Deferred" })
        yield* memoryOnly.turnOff
        yield* TestClock.adjust("5 seconds")
        const server = yield* SimulatedRedis.SimulatedRedis
        const entries = yield* server.entries
        assert.deepStrictEqual(Object.keys(entries), [])
        yield* passing(ask(pathOf(1)))
        assert.strictEqual(yield* matcher.runs, 2)
      })
    )
  )
})
