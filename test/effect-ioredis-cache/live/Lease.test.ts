import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Fiber, Layer, Option, Schema } from "effect"
import { Cache } from "effect-ioredis-cache"
import { layerRealProcess, layerServer, type RealOptions, Server } from "../../suites/cacheLayers.ts"
import * as Wait from "../../support/Wait.ts"

const definition = { name: "texts", version: 1, key: Schema.String, value: Schema.String, lease: true } as const

/** A client of its own, as another process has. */
const start = (options?: RealOptions) =>
  Effect.flatMap(Layer.build(Layer.fresh(layerRealProcess({ patience: "20 seconds", ...options }))), (context) =>
    Context.get(context, Cache.Cache).region(definition)
  )

const leases = Effect.flatMap(Server, ({ cli }) => cli("KEYS", "*!lease*"))

for (const [servers, redis] of [
  ["over one connection each", {}],
  ["over several connections each", { maxConnections: 4 }]
] as const) {
  describe(`A region with leases on a real server, ${servers}`, () => {
    it.live("4 clients look a key up once, and give the lease back", () =>
      Effect.gen(function* () {
        const regions = yield* Effect.forEach([0, 1, 2, 3], () => start({ redis }))
        for (const name of ["a", "b", "c"]) {
          const mayEnd = yield* Deferred.make<void>()
          let runs = 0
          const lookup = Effect.suspend(() => Effect.as(Deferred.await(mayEnd), `looked up ${++runs}`))
          const asked = yield* Effect.forEach(regions, (region) =>
            Effect.forEach(Array.from({ length: 50 }), () => Effect.forkChild(region.getOrSet(name, lookup)))
          )
          yield* Wait.until(
            "one has the lease",
            Effect.map(leases, (all) => Array.isArray(all) && all.length === 1)
          )
          yield* Deferred.succeed(mayEnd, undefined)
          const answers = yield* Fiber.joinAll(asked.flat())
          assert.deepStrictEqual(Array.from(new Set(answers)), ["looked up 1"])
          assert.strictEqual(runs, 1)
          yield* Wait.until(
            "the lease is given back",
            Effect.map(leases, (all) => Array.isArray(all) && all.length === 0)
          )
        }
      }).pipe(Effect.scoped, Effect.provide(layerServer))
    )

    it.live("what was looked up before another's remove is not stored after it", () =>
      Effect.gen(function* () {
        const [one, other] = [yield* start({ redis }), yield* start({ redis })]
        for (let n = 0; n < 20; n++) {
          const [hasBegun, mayEnd] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
          const lookup = Effect.andThen(Deferred.succeed(hasBegun, undefined), Effect.as(Deferred.await(mayEnd), "old"))
          const asked = yield* Effect.forkChild(one.getOrSet(`k${n}`, lookup))
          yield* Deferred.await(hasBegun)
          assert.strictEqual(yield* other.remove(`k${n}`), "Applied")
          yield* Deferred.succeed(mayEnd, undefined)
          assert.strictEqual(yield* Fiber.join(asked), "old")
          assert.strictEqual(yield* other.getOrSet(`k${n}`, Effect.succeed("new")), "new")
          yield* Wait.until(
            "the newer value is there",
            Effect.map(one.get(`k${n}`), (found) => Option.contains(found, "new"))
          )
        }
        assert.deepStrictEqual(yield* leases, [])
      }).pipe(Effect.scoped, Effect.provide(layerServer))
    )
  })
}
