import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { type CacheProcess, startCacheProcess as start } from "../support/startCacheProcess.ts"
import { eventually } from "../suites/cacheLayers.ts"
import * as RedisServer from "../support/RedisServer.ts"

const Stats = Schema.Struct({ redisHits: Schema.Int, memoryHits: Schema.Int, lookups: Schema.Int })

const statsOf = (process: CacheProcess) => Effect.flatMap(process.ask("stats"), Schema.decodeUnknownEffect(Stats))

describe("two processes on one Redis", { timeout: 20_000 }, () => {
  it.live("what one computes the other hits, what one removes the other misses", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const [one, two] = yield* Effect.all([start({ REDIS_URL: server.url }), start({ REDIS_URL: server.url })], {
        concurrency: 2
      })
      assert.strictEqual(yield* one.ask("getOrSet a computed-by-one"), "computed-by-one")
      // The answer does not wait for the write.
      yield* eventually(Effect.map(server.cli("EXISTS", "cache:shared:v1:=a"), (count) => count === 1))
      assert.strictEqual(yield* two.ask("getOrSet a computed-by-two"), "computed-by-one")
      assert.deepStrictEqual(yield* statsOf(two), { redisHits: 1, memoryHits: 0, lookups: 0 })

      assert.strictEqual(yield* two.ask("remove a"), "Applied")
      assert.strictEqual(yield* one.ask("getOrSet a again-by-one"), "again-by-one")
      assert.strictEqual((yield* statsOf(one)).lookups, 2)

      assert.strictEqual(yield* two.ask("set b 1"), "Applied")
      assert.strictEqual(yield* one.ask("getOrSet b 2"), "1")
      assert.strictEqual(yield* one.ask("set b 3"), "Applied")
      assert.strictEqual(yield* two.ask("getOrSet b 4"), "3")
      assert.strictEqual(yield* one.ask("clear"), "Applied")
      assert.strictEqual(yield* two.ask("getOrSet b 5"), "5")
    })
  )

  it.live("a restarted process' first answer comes from Redis", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      const first = yield* start({ REDIS_URL: server.url, CACHE_PREFIX: "mine" })
      assert.strictEqual(yield* first.ask("set a 1"), "Applied")
      assert.strictEqual((yield* first.end).code, 0)
      const second = yield* start({ REDIS_URL: server.url, CACHE_PREFIX: "mine" })
      assert.strictEqual(yield* second.ask("getOrSet a 2"), "1")
      assert.deepStrictEqual(yield* statsOf(second), { redisHits: 1, memoryHits: 0, lookups: 0 })
    })
  )

  for (const [what, befall] of [
    ["up", () => Effect.void],
    ["dead", (server: RedisServer.RedisServer) => server.kill],
    ["frozen", (server: RedisServer.RedisServer) => server.freeze]
  ] as const) {
    it.live(`a process ends by itself and in time when its cache closes with Redis ${what}`, () =>
      Effect.gen(function* () {
        const server = yield* RedisServer.make()
        const one = yield* start({ REDIS_URL: server.url, CACHE_PATIENCE_MS: "500" })
        assert.strictEqual(yield* one.ask("set a 1"), "Applied")
        yield* befall(server)
        // A lookup's write, a read and a clear are still at it when everything closes.
        assert.strictEqual(yield* one.ask("getOrSet b 2"), "2")
        assert.strictEqual(yield* one.ask("clear"), what === "up" ? "Applied" : "Deferred")
        const { code, took } = yield* one.end
        assert.strictEqual(code, 0)
        // closeTimeout, and what Node needs to end.
        assert.isBelow(took, 2000 + 700)
      })
    )
  }

  it.live("a process that was started without Redis uses it as soon as it is there", () =>
    Effect.gen(function* () {
      const server = yield* RedisServer.make()
      yield* server.kill
      const one = yield* start({ REDIS_URL: server.url, CACHE_RESET_TIMEOUT: "0.05" })
      assert.strictEqual(yield* one.ask("getOrSet a 1"), "1")
      assert.strictEqual(yield* one.ask("set b 1"), "Deferred")
      yield* server.start
      yield* eventually(Effect.map(one.ask("set b 1"), (outcome) => outcome === "Applied"))
      assert.strictEqual(yield* server.cli("EXISTS", "cache:shared:v1:=b"), 1)
    })
  )
})
