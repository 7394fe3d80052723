import { assert, describe, it } from "@effect/vitest"
import { Context, type Duration, Effect, Fiber, Latch, Layer, Queue, Result, Schema, type Scope } from "effect"
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

// Locks live longer than an outage, so that no job is done twice for that.
const Queues = (use: OnClient.UseOptions) =>
  PersistedQueue.layer.pipe(
    Layer.provide(
      PersistedQueue.layerStoreRedis({
        pollInterval: "50 millis",
        lockRefreshInterval: "100 millis",
        lockExpiration: "4 seconds"
      })
    ),
    Layer.provide(OnClient.layer(use))
  )

const lasting = (length: Duration.Input, away: (server: RedisServer.RedisServer) => Ending) => ({
  // Redis is away for as long.
  begin: (server: RedisServer.RedisServer, onAway: Effect.Effect<unknown> = Effect.void) =>
    Effect.all([away(server).begin, onAway, Effect.sleep(length)], { discard: true }),
  end: (server: RedisServer.RedisServer) => away(server).end
})

interface Ending {
  readonly begin: Effect.Effect<void, RedisServer.RedisServerError>
  readonly end: Effect.Effect<void, RedisServer.RedisServerError>
}

const killed = ({ kill, start }: RedisServer.RedisServer): Ending => ({ begin: kill, end: start })

const frozen = ({ freeze, thaw }: RedisServer.RedisServer): Ending => ({ begin: freeze, end: thaw })

const outages = [
  { name: "killed for 1.5 seconds", ...lasting("1.5 seconds", killed) },
  { name: "frozen for 1.5 seconds", ...lasting("1.5 seconds", frozen) },
  { name: "frozen for 3 seconds", ...lasting("3 seconds", frozen) }
]

describe("While Redis is away, and back", () => {
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

  for (const { begin, end, name } of outages) {
    it.live(`PersistedQueue refuses none of 100 jobs, also those that are on their way, and does all: ${name}`, () =>
      broken(
        (server) =>
          Effect.gen(function* () {
            const queue = yield* PersistedQueue.make({ name: "jobs", schema: Schema.Number })
            const done = new Set<number>()
            let accepted = 0
            const work = queue.take((n) => Effect.sync(() => done.add(n)))
            for (let worker = 0; worker < 3; worker++) yield* Effect.forkScoped(Effect.forever(work))
            const isAway = yield* Latch.make()
            const offer = (n: number) =>
              // The last of them come when Redis is away, however fast it was.
              (n < 80 ? Effect.void : isAway.await).pipe(
                Effect.andThen(queue.offer(n, { id: `job-${n}` })),
                Effect.tap(() => Effect.sync(() => accepted++))
              )
            const offering = yield* Effect.forkChild(Effect.forEach(numbers(0, 100), offer, { concurrency: 20 }))
            yield* Wait.until("some are accepted", () => accepted >= 30)
            yield* begin(server, isAway.open)
            assert.isBelow(accepted, 100)
            yield* end(server)
            assert.lengthOf(yield* Fiber.join(offering), 100)
            yield* Wait.until(
              "all are done",
              Effect.map(server.cli("HLEN", "effectq:jobs:pending"), (count) => count === 0 && done.size === 100)
            )
            const kept = [yield* server.cli("LLEN", "effectq:jobs"), yield* server.cli("ZCARD", "effectq:jobs:ids")]
            assert.deepStrictEqual(kept, [0, 100])
          }).pipe(Effect.provide(Queues({ waitToSend: "5 seconds" }))),
        durable
      )
    )

    it.live(`PersistedQueue still gives back the jobs of lost workers, without waiting: ${name}`, () =>
      broken(
        (server) =>
          Effect.gen(function* () {
            const queue = yield* PersistedQueue.make({ name: "lost", schema: Schema.Number })
            const taken = yield* Effect.forkScoped(queue.take((n) => Effect.succeed(n)))
            yield* Wait.until(
              "it has begun to give back",
              Effect.map(server.cli("INFO", "commandstats"), hasRunScripts)
            )
            yield* begin(server)
            yield* end(server)
            yield* isBack
            const job = JSON.stringify({ id: "job", element: 7 })
            yield* server.cli("HSET", "effectq:lost:pending", "job", job)
            yield* server.cli("HSET", "effectq:lost:attempts", "job", "1")
            assert.strictEqual(yield* Fiber.join(taken), 7)
          }).pipe(Effect.provide(Queues({}))),
        durable
      )
    )
  }

  it.live("PersistedQueue takes an offer with an id once, however often it is sent, and one without as often", () =>
    broken(
      (server) =>
        Effect.gen(function* () {
          const redis = yield* Redis.Redis
          const twice = { ...redis, eval: evalTwice(redis), send: sendTwice(redis) }
          const store = yield* PersistedQueue.makeStoreRedis().pipe(Effect.provideService(Redis.Redis, twice))
          const job = { name: "jobs", element: 7 }
          yield* store.offer({ ...job, id: "one", isCustomId: true })
          assert.strictEqual(yield* server.cli("LLEN", "effectq:jobs"), 1)
          yield* store.offer({ ...job, id: "two", isCustomId: false })
          assert.strictEqual(yield* server.cli("LLEN", "effectq:jobs"), 3)
        }).pipe(Effect.provide(OnClient.layer())),
      durable
    )
  )
})

const hasRunScripts = (info: unknown): boolean => /cmdstat_evalsha:calls=(?:[2-9]|\d\d)/.test(String(info))

// As it is when a reply is lost.
const evalTwice =
  ({ eval: run }: Redis.Redis["Service"]): Redis.Redis["Service"]["eval"] =>
  (script) =>
  (...params) =>
    Effect.andThen(run(script)(...params), run(script)(...params))

const sendTwice =
  ({ send }: Redis.Redis["Service"]): Redis.Redis["Service"]["send"] =>
  <A>(command: string, ...args: ReadonlyArray<string>) =>
    Effect.andThen(send<A>(command, ...args), send<A>(command, ...args))

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index)
