import { Effect, Layer, Schema } from "effect"
import { RedisClient, RedisCommand, RedisHealth, RedisPubSub } from "effect-ioredis"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { Cache } from "effect-ioredis-cache"
import { TestClock } from "effect/testing"
import { layerSimulated } from "../suites/cacheLayers.ts"
import { inTime } from "./inTime.ts"

const region = {
  name: "users",
  version: 1,
  key: Schema.String,
  value: Schema.String,
  tags: true,
  lease: true,
  near: { maxStaleness: "1 second" },
  staleFor: "1 hour"
} as const

/** A cache with an outage behind it, which most metrics have something to say of, for as long as it is used. */
export const outage = <A, E, R>(use: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const redis = yield* RedisClient.RedisClient
    const server = yield* SimulatedRedis.SimulatedRedis
    const cache = yield* Cache.Cache
    const users = yield* cache.region(region)
    yield* TestClock.adjust("1 second")
    const inTenSeconds = <A, E, R>(effect: Effect.Effect<A, E, R>) => inTime(effect, "10 seconds")
    yield* inTenSeconds(
      Effect.forEach(["a", "b", "a"], (key) => users.getOrSet(key, Effect.succeed("1"), { tags: ["t"] }))
    )
    yield* inTenSeconds(redis.pipeline([RedisCommand.make("GET", ["x"]), RedisCommand.make("GET", ["y"])]))
    yield* inTenSeconds(redis.run(RedisCommand.make("GET", ["x"]), { readFrom: "replica" }))
    yield* inTenSeconds(cache.invalidateTag("t"))
    yield* server.inject(Fault.refuse)
    yield* inTenSeconds(Effect.exit(redis.get("x")))
    yield* inTenSeconds(users.set("a", "2"))
    yield* inTenSeconds(users.get("a"))
    yield* inTenSeconds(Effect.exit(users.getOrSet("c", Effect.fail("the database is down"))))
    yield* server.heal
    yield* TestClock.adjust("1 minute")
    return yield* use
  }).pipe(Effect.provide(Layer.provideMerge(RedisHealth.layer(), layerSimulated({ maxBytes: 1000 }))))

/** Keeps the module of subscriptions, whose metric has something to say only of lost messages. */
export const subscriptions = RedisPubSub.publish
