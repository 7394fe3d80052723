import { NodeHttpClient, NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Schedule } from "effect"
import { HttpClientRequest } from "effect/http"
import * as Load from "../../examples/job-matcher/src/demo/Load.ts"
import * as Service from "../../examples/job-matcher/src/demo/Service.ts"
import * as Tally from "../../examples/job-matcher/src/demo/Tally.ts"
import { Jobs } from "../../examples/job-matcher/src/Jobs.ts"
import * as RedisServer from "../support/RedisServer.ts"
import * as Wait from "../support/Wait.ts"

const services = Layer.mergeAll(
  NodeServices.layer,
  NodeHttpClient.layerNodeHttpOptions({ keepAlive: true, scheduling: "fifo" }),
  Jobs.layer
)

/** Short by day. `.ci/night faults` takes a minute. */
const seconds = Number(process.env.FAULT_SECONDS ?? 6)

interface Ops {
  readonly freshness: unknown
  readonly memoryOnly: { readonly on: boolean }
  readonly faults: { readonly on: boolean; readonly injected: Readonly<Record<string, number>> }
}

const start = Effect.fnUntraced(function* (redis: RedisServer.RedisServer) {
  const service = yield* Service.start({ REDIS_URL: redis.url, CACHE_RESET_TIMEOUT: "1", OPS_TOKEN: "open sesame" })
  const ops = Effect.fnUntraced(function* (method: "GET" | "PUT", path: string, body?: unknown, token = "open sesame") {
    const request = HttpClientRequest.make(method)(path, {
      headers: { authorization: `Bearer ${token}`, connection: "close" }
    })
    const response = yield* service.client.execute(
      body === undefined ? request : HttpClientRequest.bodyJsonUnsafe(request, body)
    )
    // What the service says of itself is compared below.
    return { status: response.status, body: (yield* response.json) as unknown as Ops }
  })
  return { service, ops }
})

describe("the job matcher with faults", { timeout: 240_000 }, () => {
  it.live(`answers everyone for ${seconds} seconds in which 5 % of commands and logins fail`, () =>
    Effect.gen(function* () {
      const { ops, service } = yield* start(yield* RedisServer.make())
      const questions = yield* Load.makeQuestions(400)
      const tally = Tally.make()
      const stop = yield* Deferred.make<void>()
      const load = yield* Effect.forkScoped(
        Load.run({
          client: service.client,
          questions,
          rate: 100,
          tally: Effect.succeed(tally),
          stop: Deferred.await(stop)
        })
      )
      yield* Wait.until(
        "Redis is warm",
        Effect.map(service.stats, ({ redisHits }) => redisHits > 50)
      )
      const { status } = yield* ops("PUT", "/ops/faults", { on: true, rate: 0.05, duration: seconds * 1000 })
      assert.strictEqual(status, 200)
      // They turn themselves off.
      yield* ops("GET", "/ops").pipe(
        Effect.repeat({ schedule: Schedule.spaced("100 millis"), until: ({ body }) => !body.faults.on }),
        Effect.timeout(`${seconds + 20} seconds`)
      )
      const { injected } = (yield* ops("GET", "/ops")).body.faults
      const { redisHits } = yield* service.stats
      yield* Wait.until(
        "Redis is in use again",
        Effect.map(service.stats, (stats) => stats.breaker.at(-1) === "Closed" && stats.redisHits > redisHits + 20)
      )
      yield* Deferred.succeed(stop, undefined)
      yield* Fiber.join(load)
      console.log(`${seconds} seconds of faults at 5 %:`, {
        requests: tally.requests,
        answered: tally.answered,
        errors: tally.errors.length,
        p50Ms: Math.round(Tally.percentile(tally, 0.5)),
        p99Ms: Math.round(Tally.percentile(tally, 0.99)),
        injected
      })
      assert.deepStrictEqual(tally.errors, [])
      assert.strictEqual(tally.answered, tally.requests)
      // What an open circuit turns away meets no fault.
      assert.isAtLeast(
        Object.values(injected).reduce((sum, n) => sum + n, 0),
        3
      )
    }).pipe(Effect.provide(services))
  )

  it.live("lets those who know the token change flags and faults, and nobody else", () =>
    Effect.gen(function* () {
      const { ops, service } = yield* start(yield* RedisServer.make())
      const wrong: ReadonlyArray<readonly ["GET" | "PUT", string]> = [
        ["GET", "/ops"],
        ["PUT", "/ops/faults"],
        ["PUT", "/ops/freshness"],
        ["PUT", "/ops/memory-only"]
      ]
      for (const [method, path] of wrong) {
        const body = method === "PUT" ? { on: true } : undefined
        assert.strictEqual((yield* ops(method, path, body, "open says me")).status, 401, path)
      }
      const first = yield* ops("GET", "/ops")
      assert.deepNestedInclude(first.body, { "faults.on": false, "memoryOnly.on": false })
      assert.deepStrictEqual(first.body.freshness, { short: 1, long: 0 })

      const changed = yield* ops("PUT", "/ops/freshness", { short: 9, long: 1 })
      assert.deepStrictEqual(changed.body.freshness, { short: 9, long: 1 })
      const refused = yield* ops("PUT", "/ops/freshness", { short: 0, long: -1 })
      assert.strictEqual(refused.status, 400)
      assert.deepNestedInclude(refused.body, { detail: "weights.long is -1. Make it a number, 0 or more" })
      assert.strictEqual((yield* ops("PUT", "/ops/faults", { on: true, rate: 2 })).status, 400)

      assert.isTrue((yield* ops("PUT", "/ops/memory-only", { on: true })).body.memoryOnly.on)
      yield* Wait.until(
        "Redis is left alone",
        Effect.map(service.stats, ({ breaker }) => breaker.at(-1) === "Open")
      )
      yield* ops("PUT", "/ops/memory-only", { on: false })
      yield* Wait.until(
        "Redis is in use again",
        Effect.map(service.stats, ({ breaker }) => breaker.at(-1) === "Closed")
      )
    }).pipe(Effect.provide(services))
  )

  it.live("has no such routes without a token", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      const service = yield* Service.start({ REDIS_URL: redis.url })
      assert.strictEqual((yield* service.client.get("/ops", { headers: { connection: "close" } })).status, 404)
    }).pipe(Effect.provide(services))
  )
})
