import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Latch, Layer, Queue, Result, Schema, type Scope } from "effect"
import { Persistable, PersistedCache, PersistedQueue, Persistence, RateLimiter, Redis } from "effect/persistence"
import { Redis as OurRedis, RedisClient, RedisError } from "effect-ioredis"
import * as OnClient from "effect-ioredis/persistence"
import * as RedisServer from "../../../support/RedisServer.ts"
import * as Wait from "../../../support/Wait.ts"

// One server and one client for a test, which it breaks and mends.
const broken = <A, E>(
  test: (server: RedisServer.RedisServer) => Effect.Effect<A, E, RedisClient.RedisClient | Scope.Scope>,
  options?: RedisServer.Options
) =>
  Effect.gen(function* () {
    const server = yield* RedisServer.make(options)
    const Client = OurRedis.layer({ url: server.url, requireReady: true })
    yield* Effect.provide(Effect.scoped(test(server)), Client)
  }).pipe(Effect.scoped)

const isBack = Effect.gen(function* () {
  const { ping } = yield* RedisClient.RedisClient
  yield* Wait.until("Redis is back", Effect.map(Effect.result(ping), Result.isSuccess))
})

const durable: RedisServer.Options = { config: ["appendonly yes", "appendfsync always"] }

class Price extends Persistable.Class<{ payload: { readonly of: string } }>()("Price", {
  primaryKey: ({ of }) => of,
  success: Schema.Number
}) {}

describe("While Redis is killed, and back", () => {
  it.live("Redis fails with the whole error of the client, and goes on", () =>
    broken((server) =>
      Effect.gen(function* () {
        const redis = yield* Effect.service(Redis.Redis).pipe(Effect.provide(OnClient.layer()))
        yield* redis.send("SET", "a", "1")
        yield* server.kill
        const { cause } = yield* Effect.flip(redis.send("INCR", "a"))
        assert.isTrue(RedisError.isRedisError(cause), String(cause))
        yield* server.start
        yield* isBack
        assert.isNull(yield* redis.send("GET", "a"))
      })
    )
  )

  it.live("a command that has not left waits as long as its layer says, beside one that does not", () =>
    broken((server) =>
      Effect.gen(function* () {
        const patient = yield* Effect.service(Redis.Redis).pipe(
          Effect.provide(OnClient.layer({ waitToSend: "5 seconds" }))
        )
        const hasty = yield* Effect.service(Redis.Redis).pipe(Effect.provide(OnClient.layer()))
        yield* server.kill
        yield* Wait.until("it is noticed", Effect.map(Effect.result(hasty.send("PING")), Result.isFailure))
        const waiting = yield* Effect.forkChild(patient.send("INCR", "n"))
        const reserving = yield* Effect.forkChild(
          Effect.scoped(Effect.flatMap(patient.reserve, ({ send }) => send("PING")))
        )
        const refused = yield* Wait.timed(Effect.flip(hasty.send("INCR", "n")))
        assert.isBelow(refused.millis, 1500)
        assert.instanceOf(yield* Effect.flip(Effect.scoped(hasty.reserve)), Redis.RedisError)
        assert.isUndefined(waiting.pollUnsafe())
        yield* server.start
        assert.strictEqual(yield* Fiber.join(waiting), 1)
        assert.strictEqual(yield* Fiber.join(reserving), "PONG")
      })
    )
  )

  it.live("what waits on a reserved connection fails, and the next one is made anew", () =>
    broken((server) =>
      Effect.gen(function* () {
        const redis = yield* Effect.service(Redis.Redis).pipe(Effect.provide(OnClient.layer()))
        const connection = yield* redis.reserve
        const waiting = yield* Effect.forkChild(Effect.flip(connection.send("BLPOP", "jobs", "30")))
        yield* Wait.until(
          "it waits",
          Effect.map(server.cli("INFO", "clients"), (info) => /blocked_clients:1/.test(String(info)))
        )
        yield* server.kill
        const { cause } = yield* Fiber.join(waiting)
        assert.isTrue(
          RedisError.isRedisError(cause) && cause._tag === "RedisConnectionError" && cause.sent === "unknown"
        )
        assert.instanceOf(yield* Effect.flip(connection.send("PING")), Redis.RedisError)
        yield* server.start
        yield* isBack
        assert.strictEqual(yield* Effect.scoped(Effect.flatMap(redis.reserve, ({ send }) => send("PING"))), "PONG")
      })
    )
  )

  it.live("a subscription goes on by itself, and one that is made meanwhile begins when Redis is back", () =>
    broken((server) =>
      Effect.gen(function* () {
        const redis = yield* Effect.service(Redis.Redis).pipe(Effect.provide(OnClient.layer()))
        const before = yield* redis.subscribe("news")
        yield* server.kill
        const meanwhile = yield* redis.subscribe("news")
        yield* server.start
        yield* isBack
        yield* Wait.until(
          "both have subscribed",
          Effect.map(redis.send<ReadonlyArray<unknown>>("PUBSUB", "NUMSUB", "news"), ([, count]) => count === 2)
        )
        yield* redis.send("PUBLISH", "news", "hello")
        const message = { channel: "news", message: "hello" }
        assert.deepStrictEqual([yield* Queue.take(before), yield* Queue.take(meanwhile)], [message, message])
      })
    )
  )

  it.live("a subscription that Redis refuses fails", () =>
    broken(
      () =>
        Effect.gen(function* () {
          const redis = yield* Effect.service(Redis.Redis).pipe(Effect.provide(OnClient.layer()))
          const error = yield* Effect.flip(Queue.take(yield* redis.subscribe("news")))
          assert.include(String(error.cause), "NOPERM")
        }),
      { config: ["user default on nopass ~* resetchannels +@all"] }
    )
  )

  it.live("PersistedCache fails while Redis is away, and answers from its memory and afterwards", () =>
    broken((server) =>
      Effect.gen(function* () {
        let lookups = 0
        const cache = yield* PersistedCache.make((_: Price) => Effect.sync(() => ++lookups), {
          storeId: "prices",
          timeToLive: () => "1 minute"
        })
        assert.strictEqual(yield* cache.get(new Price({ of: "tea" })), 1)
        yield* server.kill
        assert.strictEqual(yield* cache.get(new Price({ of: "tea" })), 1)
        const error = yield* Effect.flip(cache.get(new Price({ of: "milk" })))
        assert.isTrue(error._tag === "PersistenceError" && RedisError.isRedisError(error.cause))
        yield* server.start
        yield* isBack
        assert.strictEqual(yield* cache.get(new Price({ of: "sugar" })), 2)
      }).pipe(Effect.provide(Persistence.layerRedis.pipe(Layer.provide(OnClient.layer()))))
    )
  )

  it.live("RateLimiter lets calls pass or fail by choice, and limits them again", () =>
    broken(
      (server) =>
        Effect.gen(function* () {
          const limiterThat = (whenUnavailable: "allow" | "fail") =>
            Effect.map(
              Layer.build(OnClient.layerRateLimiter({ whenUnavailable, prefix: `${whenUnavailable}:` })),
              Context.get(RateLimiter.RateLimiter)
            )
          const [open, closed] = [yield* limiterThat("allow"), yield* limiterThat("fail")]
          const call = { key: "alice", limit: 1, window: "1 hour" } as const
          for (const { consume } of [open, closed]) {
            yield* consume(call)
            assert.strictEqual((yield* Effect.flip(consume(call))).reason._tag, "RateLimitExceeded")
          }
          yield* server.kill
          assert.strictEqual((yield* open.consume(call)).remaining, 1)
          assert.strictEqual((yield* Effect.flip(closed.consume(call))).reason._tag, "RateLimitStoreError")
          yield* server.start
          yield* isBack
          for (const { consume } of [open, closed]) {
            assert.strictEqual((yield* Effect.flip(consume(call))).reason._tag, "RateLimitExceeded")
          }
        }),
      durable
    )
  )

  it.live("PersistedQueue refuses none of 100 jobs that are offered over an outage of 1.5 seconds, and does all", () =>
    broken(
      (server) =>
        Effect.gen(function* () {
          const queue = yield* PersistedQueue.make({ name: "jobs", schema: Schema.Number })
          const { stats } = yield* RedisClient.RedisClient
          const done: Array<number> = []
          const isKilled = Latch.makeUnsafe()
          const work = queue.take((n) =>
            Effect.andThen(
              isKilled.await,
              Effect.sync(() => done.push(n))
            )
          )
          const offer = (n: number) => queue.offer(n, { id: `job-${n}` })
          yield* Effect.forEach(numbers(0, 30), offer, { discard: true })
          for (let worker = 0; worker < 3; worker++) yield* Effect.forkScoped(Effect.forever(work))
          yield* Wait.until(
            "three are being done",
            Effect.map(server.cli("HLEN", "effectq:jobs:pending"), (count) => count === 3)
          )
          yield* server.kill
          // What is on its way at that moment fails, for nobody knows whether it is done.
          yield* Wait.until(
            "it is noticed",
            Effect.map(stats, ({ connection }) => connection !== "Ready")
          )
          yield* isKilled.open
          const late = yield* Effect.forkChild(Effect.forEach(numbers(30, 100), offer, { concurrency: 70 }))
          // Redis is away for as long.
          yield* Effect.sleep("1500 millis")
          yield* server.start
          assert.lengthOf(yield* Fiber.join(late), 70)
          yield* Wait.until(
            "all are done",
            Effect.map(server.cli("HLEN", "effectq:jobs:pending"), (count) => count === 0 && done.length >= 100)
          )
          assert.deepStrictEqual(
            done.toSorted((a, b) => a - b),
            numbers(0, 100)
          )
        }).pipe(
          Effect.provide(
            PersistedQueue.layer.pipe(
              Layer.provide(PersistedQueue.layerStoreRedis({ pollInterval: "50 millis" })),
              Layer.provide(OnClient.layer({ waitToSend: "5 seconds" }))
            )
          )
        ),
      durable
    )
  )

  it.live("PersistedQueue still gives back the jobs of lost workers after an outage that it waited for", () =>
    broken((server) =>
      Effect.gen(function* () {
        let [begun, ended] = [0, 0]
        const Counting = Layer.effect(
          Redis.Redis,
          Effect.map(Redis.Redis, (redis): Redis.Redis["Service"] => ({
            ...redis,
            eval:
              (script) =>
              (...params) => {
                if (!script.lua.includes("recovery revokes ownership")) return redis.eval(script)(...params)
                begun++
                return Effect.tap(redis.eval(script)(...params), () => Effect.sync(() => ended++))
              }
          }))
        ).pipe(Layer.provide(OnClient.layer({ waitToSend: "5 seconds" })))
        const { stats } = yield* RedisClient.RedisClient
        const store = yield* PersistedQueue.makeStoreRedis({
          pollInterval: "50 millis",
          lockRefreshInterval: "1 second"
        }).pipe(Effect.provide(Counting))
        const factory = yield* PersistedQueue.makeFactory.pipe(
          Effect.provideService(PersistedQueue.PersistedQueueStore, store)
        )
        const queue = yield* factory.make({ name: "lost", schema: Schema.Number })
        const taken = yield* Effect.forkScoped(queue.take((n) => Effect.succeed(n)))
        yield* Wait.until("it has given back once", () => ended === 1)
        yield* server.kill
        yield* Wait.until(
          "it is noticed",
          Effect.map(stats, ({ connection }) => connection !== "Ready")
        )
        yield* Wait.until("it wants to give back", () => begun === 2)
        yield* server.start
        const job = JSON.stringify({ id: "job", element: 7 })
        yield* server.cli("HSET", "effectq:lost:pending", "job", job)
        yield* server.cli("HSET", "effectq:lost:attempts", "job", "1")
        assert.strictEqual(yield* Fiber.join(taken), 7)
      })
    )
  )
})

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index)
