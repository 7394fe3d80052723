import { assert, describe, it } from "@effect/vitest"
import { Context, Deferred, Effect, Fiber, Layer, Option, Schema } from "effect"
import { Redis } from "effect-ioredis"
import { Cache } from "effect-ioredis-cache"
import { caches, layerRealProcess, layerServer, quiet, type RealOptions, Server } from "../../suites/cacheLayers.ts"
import * as RedisSentinels from "../../support/RedisSentinels.ts"
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

describe("A region with leases behind sentinels", () => {
  it.live(
    "looks up at most once for each client when the master is killed meanwhile, and once by the next one",
    () =>
      Effect.gen(function* () {
        const { name, nextMaster, sentinels, server } = yield* RedisSentinels.make()
        const addresses = sentinels.map(({ port }) => ({ host: "127.0.0.1", port }))
        const client = caches({ patience: "20 seconds" }).pipe(
          Layer.provide(Redis.layer({ sentinels: addresses, sentinelMaster: name })),
          Layer.provide(quiet)
        )
        const regions = yield* Effect.forEach([0, 1, 2, 3], () =>
          Effect.flatMap(Layer.build(Layer.fresh(client)), (context) =>
            Context.get(context, Cache.Cache).region(definition)
          )
        )
        const ask = (key: string, lookup: Effect.Effect<string>) =>
          Effect.forEach(regions, (region) =>
            Effect.forEach(Array.from({ length: 50 }), () => Effect.forkChild(region.getOrSet(key, lookup)))
          ).pipe(Effect.map((asked) => asked.flat()))

        const mayEnd = yield* Deferred.make<void>()
        let runs = 0
        const lookup = Effect.suspend(() => Effect.as(Deferred.await(mayEnd), `looked up ${++runs}`))
        const before = yield* ask("before", lookup)
        yield* Wait.until("one looks up", () => runs === 1)
        yield* server(0).kill
        const promoted = yield* nextMaster(server(0))
        yield* Deferred.succeed(mayEnd, undefined)
        const answers = new Set(yield* Fiber.joinAll(before))
        assert.isAtMost(runs, regions.length)
        assert.isAtMost(answers.size, runs)
        assert.isTrue(Array.from(answers).every((answer) => answer.startsWith("looked up ")))

        for (const region of regions) {
          const stored = Effect.map(region.set("canary", "sings"), (outcome) => outcome === "Applied")
          yield* Wait.until("the next master is used by all", stored)
        }
        let runsThen = 0
        const slowly = Effect.suspend(() => Effect.as(Effect.sleep("100 millis"), `looked up ${++runsThen} then`))
        assert.deepStrictEqual(Array.from(new Set(yield* Fiber.joinAll(yield* ask("after", slowly)))), [
          "looked up 1 then"
        ])
        yield* Wait.until(
          "no lease is left",
          Effect.map(promoted.cli("KEYS", "*!lease*"), (all) => Array.isArray(all) && all.length === 0)
        )
      }).pipe(Effect.scoped),
    { timeout: 60_000 }
  )
})
