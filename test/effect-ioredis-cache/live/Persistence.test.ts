import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Persistence } from "effect/persistence"
import { Redis } from "effect-ioredis"
import { HybridCache, MemoryCache, RedisCache } from "effect-ioredis-cache"
import * as OnCache from "effect-ioredis-cache/persistence"
import { persistedSuite } from "../../suites/persisted.ts"
import * as RedisServer from "../../support/RedisServer.ts"
import * as Wait from "../../support/Wait.ts"

const on = (server: RedisServer.RedisServer) =>
  OnCache.layer().pipe(
    Layer.provide(HybridCache.layer()),
    Layer.provide([RedisCache.layer(), MemoryCache.layer()]),
    Layer.provide(Redis.layer({ url: server.url, requireReady: true }))
  )

persistedSuite("a cache on a real server", Layer.unwrap(Effect.map(RedisServer.make(), on)), { time: "real" })

describe("Effect's Persistence on a cache of a real server", () => {
  it.live("answers and takes writes while Redis is killed, and another process sees them afterwards", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make({ config: ["appendonly yes", "appendfsync always"] })
      const process = Effect.gen(function* () {
        const context = yield* Layer.build(Layer.fresh(on(server)))
        return yield* Effect.flatMap(Persistence.BackingPersistence, ({ make }) => make("prices")).pipe(
          Effect.provide(context)
        )
      })
      const [one, other] = [yield* process, yield* process]
      yield* one.set("tea", { n: 1 }, undefined)
      yield* one.set("milk", { n: 2 }, undefined)
      yield* server.kill
      const { millis } = yield* Wait.timed(one.get("tea"))
      assert.isBelow(millis, 1100)
      yield* one.set("tea", { n: 3 }, undefined)
      yield* one.remove("milk")
      assert.deepStrictEqual(yield* one.getMany(["tea", "milk"]), [{ n: 3 }, undefined])
      yield* server.start
      const seen = Effect.map(other.getMany(["tea", "milk"]), (found) => JSON.stringify(found) === '[{"n":3},null]')
      yield* Wait.until("the other process sees both", seen)
    }).pipe(Effect.scoped)
  )
})
