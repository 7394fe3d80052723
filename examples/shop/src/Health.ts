import { Context, Effect, Layer, Schema } from "effect"
import { RedisHealth } from "effect-ioredis"
import { Database } from "./Database.ts"
import { Durable } from "./Durable.ts"
import { NotReady } from "./Problem.ts"

const RedisReport = Schema.Struct({ status: Schema.Literals(["Up", "Partial", "Down"]), since: Schema.DateTimeUtc })

/** What the shop has, and what it does without. */
export const Report = Schema.Struct({ cache: RedisReport, durable: RedisReport })

/**
 * Whether customers may be sent to this process. It needs its database for that, and no Redis: a
 * process that is taken away for one takes along what only it knows of the outage.
 */
export class Health extends Context.Service<Health, { readonly ready: Effect.Effect<typeof Report.Type, NotReady> }>()(
  "shop/Health"
) {
  static readonly layer = Layer.effect(
    Health,
    Effect.gen(function* () {
      const { query } = yield* Database
      const cache = yield* RedisHealth.RedisHealth
      const durable = yield* Durable

      const database = query(Schema.Unknown, "select 1").pipe(
        Effect.timeout("1 second"),
        Effect.catchTag("TimeoutError", () => Effect.fail(new NotReady())),
        Effect.catchDefect(() => Effect.fail(new NotReady()))
      )
      const redis = Effect.all({ cache: reportOf(cache), durable: reportOf(durable.health) })
      return Health.of({ ready: Effect.andThen(database, redis) })
    })
  )
}

// The reason of an outage names servers, and is in the log.
const reportOf = ({ status }: RedisHealth.RedisHealth) =>
  Effect.map(status, ({ _tag, since }) => ({ status: _tag, since }))
