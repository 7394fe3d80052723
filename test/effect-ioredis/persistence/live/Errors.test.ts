import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Result, Schema } from "effect"
import { KeyValueStore, PersistedQueue, Persistence, RateLimiter, Redis } from "effect/persistence"
import { Redis as OurRedis, RedisClient, RedisError } from "effect-ioredis"
import * as OnClient from "effect-ioredis/persistence"
import * as RedisServer from "../../../support/RedisServer.ts"
import * as Wait from "../../../support/Wait.ts"

const Modules = Layer.mergeAll(
  Persistence.layerBackingRedis,
  PersistedQueue.layer.pipe(Layer.provide(PersistedQueue.layerStoreRedis())),
  OnClient.layerRateLimiter({ whenUnavailable: "fail" }),
  OnClient.layerKeyValueStore({ prefix: "kv:" })
).pipe(Layer.provideMerge(OnClient.layer()))

const increment = Redis.script((key: string) => [key], {
  numberOfKeys: 1,
  lua: `return redis.call("INCR", KEYS[1])`
})

// What each module asks of Redis, by kind: reads, what may be sent twice, and what may not.
const asked = Effect.gen(function* () {
  const redis = yield* Redis.Redis
  const prices = yield* (yield* Persistence.BackingPersistence).make("prices")
  const jobs = yield* PersistedQueue.make({ name: "jobs", schema: Schema.Number })
  const { consume } = yield* RateLimiter.RateLimiter
  const store = yield* KeyValueStore.KeyValueStore
  const asked: Record<string, Effect.Effect<unknown, { readonly cause?: unknown }>> = {
    "a read": redis.send("GET", "a"),
    "a write": redis.send("SET", "a", "1"),
    "an increment": redis.send("INCR", "n"),
    "a script": redis.eval(increment)("n"),
    "a reserved connection": Effect.scoped(Effect.flatMap(redis.reserve, ({ send }) => send("INCR", "n"))),
    "a persisted value": prices.get("tea"),
    "persisted values": prices.setMany([["tea", { n: 1 }, undefined]]),
    "a persisted removal": prices.remove("tea"),
    "an offer with an id": Effect.suspend(() => jobs.offer(1, { id: "job" })),
    "an offer without one": Effect.suspend(() => jobs.offer(1)),
    "a limit": Effect.mapError(consume({ key: "alice", limit: 1000, window: "1 minute" }), ({ reason }) => reason),
    "an entry": store.get("a"),
    "a new entry": store.set("a", "1"),
    "a scan": store.size
  }
  return Object.entries(asked)
})

// Ours is the cause, or the cause of a cause that Effect's module made of it.
const oursIn = (error: { readonly cause?: unknown } | unknown): RedisError.RedisError | undefined => {
  if (RedisError.isRedisError(error)) return error
  return typeof error === "object" && error !== null && "cause" in error ? oursIn(error.cause) : undefined
}

const outages: ReadonlyArray<
  readonly [
    name: string,
    begin: (server: RedisServer.RedisServer) => Effect.Effect<void, RedisServer.RedisServerError>,
    end: (server: RedisServer.RedisServer) => Effect.Effect<void, RedisServer.RedisServerError>
  ]
> = [
  ["killed", ({ kill }) => kill, ({ start }) => start],
  ["frozen", ({ freeze }) => freeze, ({ thaw }) => thaw]
]

describe("Without waiting, what each of Effect's modules asks while Redis is away", () => {
  for (const [name, begin, end] of outages) {
    it.live(`is an error of the client within 2.1 seconds, then at once, and works again: ${name}`, () =>
      Effect.gen(function* () {
        const server = yield* RedisServer.make()
        const Client = OurRedis.layer({ url: server.url, requireReady: true })
        yield* Effect.gen(function* () {
          const { breaker } = yield* RedisClient.RedisClient
          const all = yield* asked
          const fails = (within: number) =>
            Effect.fnUntraced(function* ([what, ask]: (typeof all)[number]) {
              const { millis, value } = yield* Wait.timed(Effect.result(ask))
              if (Result.isSuccess(value)) return assert.fail(`${what} succeeds`)
              assert.isDefined(oursIn(value.failure), what)
              assert.isBelow(millis, within, what)
            })
          yield* Effect.forEach([...all, ...all], ([, ask]) => ask, { concurrency: "unbounded" })
          yield* begin(server)
          yield* Effect.forEach(all, fails(2100), { concurrency: "unbounded", discard: true })
          yield* breaker.trip
          yield* Effect.forEach(all, fails(100), { discard: true })
          yield* end(server)
          yield* Effect.forEach(all, ([what, ask]) =>
            Wait.until(`${what} works again`, Effect.map(Effect.result(ask), Result.isSuccess))
          )
        }).pipe(Effect.provide(Layer.provideMerge(Modules, Client)), Effect.scoped)
      })
    )
  }
})
