import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Config, Effect, Exit, Fiber, Layer, Logger } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { RedisClient, RedisHealth } from "effect-ioredis"
import * as Health from "effect-ioredis/Health"
import * as HealthHttp from "effect-ioredis/HealthHttp"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"

const Redis = RedisHealth.layer().pipe(
  Layer.provideMerge(RedisClient.layer({ closeTimeout: 0 })),
  Layer.provideMerge(SimulatedRedis.layer()),
  Layer.provideMerge(Logger.layer([]))
)

const secret = "postgres://ada:secret@10.0.0.1/shop"

/** The routes over parts, asked without a socket. */
const asking = Effect.fnUntraced(function* <
  const Parts extends ReadonlyArray<Effect.Effect<Health.Part, never, RedisHealth.RedisHealth>>
>(parts: Parts, options?: HealthHttp.Options) {
  const context = yield* Layer.build(
    HealthHttp.layer(options).pipe(
      Layer.provideMerge(HttpRouter.layer),
      Layer.provide(Layer.effect(Health.Health, Health.make(parts)))
    )
  )
  const app = HttpRouter.HttpRouter.pipe(
    Effect.provideContext(context),
    Effect.map((router) => router.asHttpEffect())
  )
  const handler = yield* app
  return Effect.fnUntraced(function* (path: string, method = "GET") {
    const request = HttpServerRequest.fromWeb(new Request(`http://localhost${path}`, { method }))
    const response = yield* handler.pipe(
      Effect.provideService(HttpServerRequest.HttpServerRequest, request),
      Effect.scoped,
      Effect.orDie
    )
    const web = HttpServerResponse.toWeb(response, { withoutBody: method === "HEAD" })
    const text = yield* Effect.promise(() => web.text())
    return {
      status: response.status,
      type: web.headers.get("content-type"),
      cache: web.headers.get("cache-control"),
      text,
      body: text === "" ? undefined : JSON.parse(text)
    }
  })
})

const settled = TestClock.adjust("1 second")

describe("HealthHttp", () => {
  for (const [name, critical, isUp, word, ready] of [
    ["an optional part that is down", false, false, "warn", 200],
    ["a critical part that is down", true, false, "fail", 503],
    ["a critical part that is up", true, true, "pass", 200]
  ] as const) {
    it.effect(`answers ${ready} of ${name}, and always that it lives`, () =>
      Effect.gen(function* () {
        const check = isUp ? Effect.void : Effect.fail({ message: `no connection to ${secret}` })
        const ask = yield* asking([Health.part({ name: "database", critical, check })])
        yield* settled
        const all = yield* ask("/health")
        assert.deepStrictEqual([all.status, all.body.status], [ready, word])
        const readiness = yield* ask("/ready")
        assert.deepStrictEqual([readiness.status, readiness.body], [ready, { status: word }])
        const live = yield* ask("/live")
        assert.deepStrictEqual([live.status, live.body], [200, { status: "pass" }])
        for (const { cache, text, type } of [all, readiness, live]) {
          assert.deepStrictEqual([cache, type], ["no-store", "application/health+json"])
          assert.notInclude(text, "secret")
          assert.notInclude(text, "10.0.0.1")
        }
        for (const path of ["/health", "/ready"]) {
          const { status, text } = yield* ask(path, "HEAD")
          assert.deepStrictEqual([status, text], [ready, ""])
        }
        assert.strictEqual((yield* ask("/live", "HEAD")).status, 200)
      }).pipe(Effect.scoped, Effect.provide(Redis))
    )
  }

  it.effect("tells the draft's fields, and reasons and addresses where it is asked for them", () =>
    Effect.gen(function* () {
      const trouble = { cause: "Refused", reason: `no connection to ${secret}` }
      const components = [{ name: "redis 10.0.0.1:6379", ...trouble, slots: [[0, 5460]] as const }]
      const condition = Health.degraded({ ...trouble, components })
      const part = Effect.succeed<Health.Part>({
        name: "redis",
        kind: "datastore",
        critical: true,
        check: Effect.succeed(condition)
      })
      const found = { componentType: "datastore", status: "warn", time: "1970-01-01T00:00:01.000Z", cause: "Refused" }
      const since = "1970-01-01T00:00:00.000Z"
      const about = { serviceId: "shop", version: "1", releaseId: "abc" }
      const short = yield* asking([part], { maxAge: 1 })
      const long = yield* asking([part], { maxAge: 1, details: true, paths: { all: "/internal/health" }, about })
      yield* settled
      assert.deepStrictEqual((yield* short("/health")).body, {
        status: "warn",
        checks: {
          redis: [
            { ...found, since, critical: true, output: "Refused" },
            { ...found, output: "Refused", slots: [[0, 5460]] }
          ]
        }
      })
      const { checks, ...rest } = (yield* long("/internal/health")).body
      assert.deepStrictEqual(rest, { status: "warn", ...about })
      assert.deepStrictEqual(checks.redis, [
        { ...found, since, critical: true, output: trouble.reason },
        { ...found, componentId: "redis 10.0.0.1:6379", output: trouble.reason, slots: [[0, 5460]] }
      ])
    }).pipe(Effect.scoped, Effect.provide(Redis))
  )

  it.effect("answers in its own time where Redis hangs, and the next one is told what was found", () =>
    Effect.gen(function* () {
      const ask = yield* asking([Health.redis({ critical: true })], { timeout: "500 millis" })
      const server = yield* SimulatedRedis.SimulatedRedis
      yield* settled
      assert.strictEqual((yield* ask("/ready")).status, 200)
      yield* server.inject(Fault.freeze)
      yield* settled
      const first = yield* Effect.forkChild(ask("/ready"), { startImmediately: true })
      yield* TestClock.adjust("499 millis")
      assert.isUndefined(first.pollUnsafe())
      assert.strictEqual((yield* ask("/live")).status, 200)
      yield* TestClock.adjust(1)
      assert.strictEqual((yield* Fiber.join(first)).status, 200)
      yield* TestClock.adjust("1500 millis")
      assert.strictEqual((yield* ask("/ready")).status, 503)
      assert.strictEqual((yield* ask("/health")).body.checks.redis[0].cause, "NoReply")
      assert.strictEqual((yield* ask("/live")).status, 200)
    }).pipe(Effect.scoped, Effect.provide(Redis))
  )

  it.effect("refuses times that make no sense, naming each", () =>
    Effect.gen(function* () {
      const part = Health.part({ name: "database", critical: true, check: Effect.void })
      const exit = yield* Effect.exit(asking([part], { timeout: 0, maxAge: -1 }))
      const defect = Exit.isFailure(exit) && Cause.hasDies(exit.cause) ? Cause.squash(exit.cause) : undefined
      assert.instanceOf(defect, Config.ConfigError)
      assert.include(defect.message, "timeout is 0: expected a duration above zero")
      assert.include(defect.message, "maxAge is -1: expected a duration, zero for none")
      yield* asking([part], { maxAge: 0 })
    }).pipe(Effect.scoped, Effect.provide(Redis))
  )

  it.effect("asks anew where the wall clock was set back", () =>
    Effect.gen(function* () {
      let runs = 0
      const check = Effect.sync(() => {
        runs++
      })
      yield* TestClock.setTime(3_600_000)
      const ask = yield* asking([Health.part({ name: "database", critical: true, check })])
      yield* TestClock.adjust(0)
      assert.strictEqual(runs, 1)
      const clock = yield* Clock.Clock
      const back = { ...clock, currentTimeMillisUnsafe: () => 0, currentTimeMillis: Effect.succeed(0) }
      yield* Effect.provideService(ask("/ready"), Clock.Clock, back)
      assert.strictEqual(runs, 2)
    }).pipe(Effect.scoped, Effect.provide(Redis))
  )

  it.effect("asks nobody for what was found a moment ago", () =>
    Effect.gen(function* () {
      let runs = 0
      const check = Effect.sync(() => {
        runs++
      })
      const ask = yield* asking([Health.part({ name: "database", critical: true, check })])
      yield* TestClock.adjust(0)
      for (let round = 0; round < 100; round++) yield* ask("/ready")
      assert.strictEqual(runs, 1)
      yield* settled
      yield* ask("/ready")
      yield* ask("/health")
      assert.strictEqual(runs, 2)
    }).pipe(Effect.scoped, Effect.provide(Redis))
  )
})
