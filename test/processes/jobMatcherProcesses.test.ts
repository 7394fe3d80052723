import { NodeHttpClient, NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Layer, Schedule, Schema, Scope } from "effect"
import { HttpClientResponse } from "effect/http"
import * as Service from "../../examples/job-matcher/src/demo/Service.ts"
import * as RedisServer from "../support/RedisServer.ts"
import * as Wait from "../support/Wait.ts"

const services = Layer.mergeAll(NodeServices.layer, NodeHttpClient.layerNodeHttpOptions({ keepAlive: true }))

const path = "/match?candidate=ada&skills=effect,redis&location=Berlin"

// Each on a connection of its own: Node's server would wait five seconds for one that is kept alive.
const ask = (service: Service.Service) =>
  Effect.flatMap(service.client.get(path, { headers: { connection: "close" } }), (response) => response.text)

const Check = Schema.Struct({ status: Schema.String, cause: Schema.optional(Schema.String) })
const HealthBody = Schema.Struct({ status: Schema.String, checks: Schema.Record(Schema.String, Schema.Array(Check)) })

describe("the job matcher as processes", { timeout: 240_000 }, () => {
  it.live("shares one Redis between two of them, and finds it warm after a restart", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      const { url } = redis
      // An answer does not wait for the write of what it looked up.
      const stored = Wait.until(
        "the answer is in Redis",
        Effect.map(redis.cli("DBSIZE"), (keys) => Number(keys) > 0)
      )
      const one = yield* Service.start({ REDIS_URL: url })
      const answer = yield* ask(one)
      assert.strictEqual((yield* one.stats).lookups, 1)

      yield* stored
      yield* Effect.scoped(
        Effect.gen(function* () {
          const two = yield* Service.start({ REDIS_URL: url })
          assert.strictEqual(yield* ask(two), answer)
          assert.deepInclude(yield* two.stats, { redisHits: 1, lookups: 0 })

          const removed = yield* two.client.del(path)
          assert.deepStrictEqual(yield* removed.json, { removed: "Applied" })
          assert.strictEqual(yield* ask(one), answer)
          assert.strictEqual((yield* one.stats).lookups, 2)
          yield* stored
        })
      )

      const restarted = yield* Service.start({ REDIS_URL: url })
      assert.strictEqual(yield* ask(restarted), answer)
      assert.deepInclude(yield* restarted.stats, { redisHits: 1, lookups: 0 })
    }).pipe(Effect.provide(services))
  )

  it.live("goes on while Redis is dead, says so, and is back on it when it returns", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      const service = yield* Service.start({ REDIS_URL: redis.url, CACHE_RESET_TIMEOUT: "1" })
      const health = service.client
        .get("/health")
        .pipe(
          Effect.flatMap(HttpClientResponse.filterStatusOk),
          Effect.flatMap(HttpClientResponse.schemaBodyJson(HealthBody))
        )
      const answer = yield* ask(service)
      assert.deepNestedInclude(yield* health, { status: "pass", "checks.redis[0].status": "pass" })

      yield* redis.kill
      yield* Wait.until(
        "the service has noticed",
        Effect.map(health, ({ checks }) => checks.redis?.[0]?.cause === "Refused")
      )
      assert.strictEqual(yield* ask(service), answer)
      assert.deepInclude(yield* service.stats, { memoryHits: 1, lookups: 1 })
      assert.deepNestedInclude(yield* health, { status: "warn", "checks.redis[0].status": "warn" })
      for (const path of ["/live", "/ready"]) assert.strictEqual((yield* service.client.get(path)).status, 200)
      const removed = yield* service.client.del(path)
      assert.deepStrictEqual(yield* removed.json, { removed: "Deferred" })
      assert.strictEqual(yield* ask(service), answer)
      assert.strictEqual((yield* service.stats).lookups, 2)

      yield* redis.start
      const healthy = yield* health.pipe(
        Effect.repeat({ schedule: Schedule.spaced("20 millis"), until: ({ status }) => status === "pass" }),
        Effect.timeout("2 seconds")
      )
      assert.deepNestedInclude(healthy, { "checks.redis[0].status": "pass" })
      const { breaker } = yield* service.stats
      assert.deepStrictEqual([breaker[0], breaker[1], ...breaker.slice(-2)], ["Closed", "Open", "HalfOpen", "Closed"])
    }).pipe(Effect.provide(services))
  )

  it.live("ends in time when it is told to, with Redis up, dead or frozen, and answers what it was asked before", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      for (const does of [Effect.void, redis.freeze, Effect.andThen(redis.thaw, redis.kill)]) {
        const running = yield* Scope.make()
        const service = yield* Service.start({ REDIS_URL: redis.url }).pipe(Scope.provide(running))
        const answer = yield* ask(service)
        yield* does
        const asked = yield* Effect.forkChild(ask(service))
        // Node accepts connections in their order, so the question has come when a later one has its answer.
        yield* service.stats
        const [took] = yield* Effect.timed(Scope.close(running, Exit.void))
        assert.isBelow(Duration.toMillis(took), 3_000)
        assert.strictEqual(yield* Fiber.join(asked), answer)
      }
    }).pipe(Effect.provide(services))
  )

  it.live("refuses a setting it cannot use in one line that names it", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Service.start({ REDIS_URL: "redis://127.0.0.1:1", CACHE_RESET_TIMEOUT: "soon" }))
      assert.include(error.message, "CACHE_RESET_TIMEOUT")
    }).pipe(Effect.provide(services))
  )
})
