import { NodeHttpClient, NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Layer, Scope } from "effect"
import * as Service from "../examples/job-matcher/src/demo/Service.ts"
import * as RedisServer from "./support/RedisServer.ts"

const services = Layer.mergeAll(NodeServices.layer, NodeHttpClient.layerNodeHttpOptions({ keepAlive: true }))

const path = "/match?candidate=ada&skills=effect,redis&location=Berlin"

const ask = (service: Service.Service) => Effect.flatMap(service.client.get(path), (response) => response.text)

describe("the job matcher as processes", { timeout: 60_000 }, () => {
  it.live("shares one Redis between two of them, and finds it warm after a restart", () =>
    Effect.gen(function* () {
      const { url } = yield* RedisServer.make()
      const one = yield* Service.start({ REDIS_URL: url })
      const answer = yield* ask(one)
      assert.strictEqual((yield* one.stats).lookups, 1)

      // The answer did not wait for the write.
      yield* Effect.sleep("100 millis")
      yield* Effect.scoped(
        Effect.gen(function* () {
          const two = yield* Service.start({ REDIS_URL: url })
          assert.strictEqual(yield* ask(two), answer)
          assert.deepInclude(yield* two.stats, { redisHits: 1, lookups: 0 })

          const removed = yield* two.client.del(path)
          assert.deepStrictEqual(yield* removed.json, { removed: "Applied" })
          assert.strictEqual(yield* ask(one), answer)
          assert.strictEqual((yield* one.stats).lookups, 2)
          yield* Effect.sleep("100 millis")
        })
      )

      const restarted = yield* Service.start({ REDIS_URL: url })
      assert.strictEqual(yield* ask(restarted), answer)
      assert.deepInclude(yield* restarted.stats, { redisHits: 1, lookups: 0 })
    }).pipe(Effect.provide(services))
  )

  it.live("stops in time when it is told to, with Redis up, dead or frozen", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make()
      for (const does of [Effect.void, redis.freeze, Effect.andThen(redis.thaw, redis.kill)]) {
        const running = yield* Scope.make()
        yield* Effect.flatMap(Service.start({ REDIS_URL: redis.url }), ask).pipe(Scope.provide(running))
        yield* does
        const [took] = yield* Effect.timed(Scope.close(running, Exit.void))
        assert.isBelow(Duration.toMillis(took), 3_000)
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
