import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import * as OwnCache from "../../support/OwnCache.ts"
import * as RedisServer from "../../support/RedisServer.ts"
import * as Wait from "../../support/Wait.ts"

const replays: ReadonlyArray<OwnCache.Replay> = ["ifUnchanged", "latest", "invalidate", "overwrite"]

/** A server that hangs up on whoever sends it more than a megabyte, as one does whose query buffer is bounded. */
describe("a value on which the server hangs up", () => {
  for (const replay of replays) {
    it.live(
      `${replay}: it does not keep the others from Redis`,
      () =>
        Effect.gen(function* () {
          const server = yield* RedisServer.make({ config: ["client-query-buffer-limit 1mb"] })
          const { cache } = yield* OwnCache.make({ redis: { url: server.url, resetTimeout: "200 millis" } })
          const region = yield* OwnCache.region(cache, { name: "texts", replay })
          assert.strictEqual(yield* region.set("small", "one"), "Applied")

          assert.strictEqual(yield* region.set("large", "x".repeat(2 ** 21)), "Deferred")
          yield* Wait.until("it is given up", Effect.map(region.get("large"), Option.isNone))

          assert.isBelow(yield* accepted(server), 20, "connections")
          assert.strictEqual(yield* region.set("small", "two"), "Applied")
        }),
      20_000
    )
  }
})

const accepted = (server: RedisServer.RedisServer) =>
  Effect.map(server.cli("INFO", "stats"), (info) => Number(/total_connections_received:(\d+)/.exec(String(info))?.[1]))
