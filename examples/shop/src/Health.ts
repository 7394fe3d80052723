import { Effect, Schema } from "effect"
import { RedisHealth } from "effect-ioredis"
import * as Health from "effect-ioredis/Health"
import * as CacheHealth from "effect-ioredis-cache/CacheHealth"
import { Database } from "./Database.ts"
import { Durable } from "./Durable.ts"

const database = Effect.flatMap(Database, ({ query }) =>
  Health.part({ name: "database", critical: true, timeout: "500 millis", check: query(Schema.Unknown, "select 1") })
)

const durable = Effect.flatMap(Durable, ({ health }) =>
  Effect.provideService(Health.redis({ name: "durable" }), RedisHealth.RedisHealth, health)
)

/**
 * Whether customers may be sent to this process. It needs its database for that, and no Redis: a
 * process that is taken away for one takes along what only it knows of the outage.
 */
export const layer = Health.layer([
  database,
  durable,
  Health.redis({ name: "cache" }),
  Health.subscriptions(),
  CacheHealth.journal()
])
