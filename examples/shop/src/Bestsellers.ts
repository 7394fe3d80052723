import { Context, Effect, Layer, Result, Schema, Stream } from "effect"
import { RedisClient, RedisHealth } from "effect-ioredis"
import { SortedSets } from "effect-ioredis/commands"
import { Database } from "./Database.ts"

/** How often a product was sold. */
const Sold = Schema.Struct({ product: Schema.String, sold: Schema.Int })

/** The best first, and who said so. */
export const Ranking = Schema.Struct({
  from: Schema.Literals(["redis", "database"]),
  best: Schema.Array(Sold)
})

/** The leaderboard: a sorted set, which every process of the shop reads and writes. */
export class Bestsellers extends Context.Service<
  Bestsellers,
  {
    readonly top: Effect.Effect<typeof Ranking.Type>
    /** Says that something was sold. Nobody waits for the leaderboard. */
    readonly changed: Effect.Effect<void>
  }
>()("shop/Bestsellers") {
  static readonly layer = Layer.effect(
    Bestsellers,
    Effect.gen(function* () {
      const { query } = yield* Database
      const redis = yield* RedisClient.RedisClient
      const health = yield* RedisHealth.RedisHealth
      const scope = yield* Effect.scope

      const count = query(
        Sold,
        "select product, sum(quantity)::int as sold from orders group by product order by sold desc, product limit 10"
      )
      // Totals rather than increments: they may be sent twice, and one of them makes up for all that
      // Redis missed. They only grow, so that an older one never replaces a newer one.
      const write = Effect.gen(function* () {
        const totals = (yield* count).map(({ product, sold }) => [product, sold] as const)
        if (totals.length > 0) yield* redis.run(SortedSets.zadd(key, totals, { scores: "ifHigher" }))
      }).pipe(Effect.ignore)
      const changed = Effect.asVoid(Effect.forkIn(write, scope))

      // What was sold while Redis was away is there as soon as Redis is.
      yield* health.changes.pipe(
        Stream.filter(({ _tag }) => _tag === "Up"),
        Stream.runForEach(() => write),
        Effect.forkScoped
      )

      const read = redis.run(SortedSets.zrangeWithScores(key, { ranks: { to: 9 }, reversed: true }), {
        operationTimeout: "500 millis"
      })
      const top = Effect.gen(function* () {
        const ranked = yield* Effect.result(read)
        if (Result.isSuccess(ranked) && ranked.success.length > 0) {
          const best = ranked.success.map(({ member, score }) => ({ product: member, sold: score }))
          return { from: "redis" as const, best }
        }
        // A Redis that is there and has nothing may have forgotten it.
        if (Result.isSuccess(ranked)) yield* changed
        return { from: "database" as const, best: yield* count }
      })
      return Bestsellers.of({ top, changed })
    })
  )
}

const key = "bestsellers"
