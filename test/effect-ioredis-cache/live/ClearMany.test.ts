import { assert, describe, it } from "@effect/vitest"
import { Console, Duration, Effect, Option, Schema } from "effect"
import { Cache } from "effect-ioredis-cache"
import { layerReal, Server } from "../../suites/cacheLayers.ts"
import * as Wait from "../../support/Wait.ts"

// The night run takes as many as a user may have.
const isNight = process.env.NIGHT !== undefined
const many = isNight ? 1_000_000 : 20_000

const define = (name: string) =>
  Cache.region({ name, version: 1, key: Schema.String, value: Schema.String, tags: true, timeToLive: "1 hour" })

const fill = (region: Cache.Region<string, string>, count: number) =>
  Effect.forEach(
    Array.from({ length: Math.ceil(count / 1000) }, (_, batch) => batch * 1000),
    (from) => {
      const keys = Array.from({ length: Math.min(1000, count - from) }, (_, n) => `k${from + n}`)
      return region.setMany(keys.map((key) => [key, "v"] as const))
    },
    { concurrency: 8, discard: true }
  )

const sizeOf = Effect.flatMap(Server, ({ cli }) => Effect.map(cli("DBSIZE"), Number))

describe("a clear of a region with tags on a real server", { timeout: 600_000 }, () => {
  it.live(`takes as long with ${many} keys as with ten, and unlinks them afterwards, slowly`, () =>
    Effect.gen(function* () {
      const few = yield* define("few")
      const all = yield* define("all")
      yield* fill(few, 10)
      yield* fill(all, many)
      assert.isAtLeast(yield* sizeOf, many)
      const [took10, outcome10] = yield* Effect.timed(few.clear)
      const [tookAll, outcome] = yield* Effect.timed(all.clear)
      if (isNight)
        yield* Console.log(`clear of 10: ${Duration.format(took10)}, of ${many}: ${Duration.format(tookAll)}`)
      assert.deepStrictEqual([outcome10, outcome], ["Applied", "Applied"])
      assert.isBelow(Duration.toMillis(tookAll), Duration.toMillis(took10) + 250)
      assert.isTrue((yield* all.getMany(["k0", "k1", `k${many - 1}`])).every(Option.isNone))
      yield* all.set("k0", "new")
      yield* Wait.until(
        "some of what is left is unlinked",
        Effect.map(sizeOf, (size) => size < many - 10_000)
      )
      assert.deepStrictEqual(yield* all.get("k0"), Option.some("new"))
    }).pipe(Effect.provide(layerReal({ patience: "30 seconds" })))
  )
})
