import { NodeServices } from "@effect/platform-node"
import { assert, it } from "@effect/vitest"
import { Clock, Effect, Fiber, FileSystem, Layer, Option, Schema } from "effect"
import { Redis, RuntimeSettings } from "effect-ioredis"
import { Cache } from "effect-ioredis-cache"
import { caches, quiet } from "../../suites/cacheLayers.ts"
import * as RedisServer from "../../support/RedisServer.ts"
import * as Wait from "../../support/Wait.ts"

it.live("the patience of one region changes by a file within a second, under traffic, and nobody else notices", () =>
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    const server = yield* RedisServer.make()
    const path = `${yield* files.makeTempDirectoryScoped()}/redis.json`
    yield* files.writeFileString(path, "{}")
    const layer = caches().pipe(
      Layer.provide(Redis.layer({ url: server.url, requireReady: false })),
      Layer.provide(RuntimeSettings.layerFile({ path })),
      Layer.provideMerge(quiet)
    )
    yield* Effect.gen(function* () {
      const cache = yield* Cache.Cache
      const users = yield* cache.region({ name: "users", version: 1, key: Schema.Int, value: Schema.String })
      yield* users.set(0, "0")
      const clients = Effect.map(server.cli("CLIENT", "LIST"), (list) =>
        String(list)
          .split("\n")
          .filter((line) => !line.includes("cmd=client"))
          .map((line) => /^id=(\d+)/.exec(line)?.[1])
      )
      const connections = yield* clients
      let calls = 0
      let running = true
      const one = Effect.gen(function* () {
        const key = calls++
        assert.strictEqual(yield* users.set(key, String(key)), "Applied")
        assert.deepStrictEqual(yield* users.get(key), Option.some(String(key)))
      })
      const traffic = yield* Effect.forkChild(
        Effect.whileLoop({ while: () => running, body: () => one, step: () => {} })
      )
      const patience = Effect.map(cache.stats, ({ settings }) => settings.regions?.users?.patience)
      assert.isUndefined(yield* patience)
      yield* files.writeFileString(path, '{"regions": {"users": {"patience": "2 seconds"}}}')
      const changedAt = yield* Clock.currentTimeMillis
      yield* Wait.until(
        "the patience is seen",
        Effect.map(patience, (found) => found === "2s")
      )
      assert.isBelow((yield* Clock.currentTimeMillis) - changedAt, 1000)
      const then = calls
      yield* Wait.until("the traffic goes on", () => calls > then + 100)
      running = false
      yield* Fiber.join(traffic)
      const { hits, redis, settings, writes } = yield* cache.stats
      assert.deepStrictEqual([writes.deferred, writes.rejected, hits.fallback], [0, 0, 0])
      assert.deepStrictEqual([redis?.failures, redis?.connection, yield* clients], [{}, "Ready", connections])
      assert.deepStrictEqual(settings, {
        prefix: "cache:",
        timeToLive: "5m",
        patience: "1s",
        regions: { users: { patience: "2s", writePatience: "2s" } }
      })
    }).pipe(Effect.provide(layer))
  }).pipe(Effect.provide(NodeServices.layer))
)
