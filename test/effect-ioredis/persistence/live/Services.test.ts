import * as NodeRedis from "@effect/platform-node/NodeRedis"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Exit, Fiber, Latch, Layer, Queue, Schedule, Schema } from "effect"
import { Persistable, PersistedCache, PersistedQueue, Persistence, RateLimiter, Redis } from "effect/persistence"
import { Redis as OurRedis } from "effect-ioredis"
import * as OnClient from "effect-ioredis/persistence"
import * as RedisServer from "../../../support/RedisServer.ts"
import * as Wait from "../../../support/Wait.ts"

// What Effect's modules promise, over our layer and over the official one.
const layers: ReadonlyArray<readonly [name: string, on: (port: number) => Layer.Layer<Redis.Redis, unknown>]> = [
  [
    "effect-ioredis",
    (port) => OnClient.layer().pipe(Layer.provide(OurRedis.layer({ url: `redis://127.0.0.1:${port}` })))
  ],
  ["NodeRedis", (port) => NodeRedis.layer({ socket: { host: "127.0.0.1", port } })]
]

class Price extends Persistable.Class<{ payload: { readonly of: string } }>()("Price", {
  primaryKey: ({ of }) => of,
  success: Schema.Number,
  error: Schema.String
}) {}

const Job = Schema.Struct({ n: Schema.Number })

const pricesOf = (storeId: string, lookup: (price: Price) => Effect.Effect<number, string>) =>
  PersistedCache.make(lookup, { storeId, timeToLive: (exit) => (Exit.isSuccess(exit) ? "1 minute" : "5 minutes") })

const increment = Redis.script((key: string, by: number) => [key, by], {
  numberOfKeys: 1,
  lua: `return redis.call("INCRBY", KEYS[1], ARGV[1])`
}).withReturnType<number>()

const immediately = Schedule.spaced("1 millis")

const hasOneBlocked = (info: string): boolean => /blocked_clients:1/.test(info)

const store = { pollInterval: "50 millis", lockRefreshInterval: "100 millis", lockExpiration: "500 millis" } as const

for (const [name, on] of layers) {
  const OnServer = Layer.unwrap(Effect.map(RedisServer.make(), ({ port }) => on(port)))
  const Modules = Layer.mergeAll(
    Persistence.layerRedis,
    Persistence.layerBackingRedis,
    RateLimiter.layer.pipe(Layer.provideMerge(RateLimiter.layerStoreRedis())),
    PersistedQueue.layer.pipe(Layer.provideMerge(PersistedQueue.layerStoreRedis(store)))
  ).pipe(Layer.provideMerge(OnServer))

  describe(`Over ${name}`, () => {
    it.layer(Modules, { excludeTestServices: true, timeout: "30 seconds" })((it) => {
      const send = <A>(command: string, ...args: ReadonlyArray<string>) =>
        Effect.flatMap(Redis.Redis, (redis) => redis.send<A>(command, ...args))

      describe("Redis", () => {
        it.effect("answers as Redis does", () =>
          Effect.gen(function* () {
            assert.strictEqual(yield* send("SET", "text", "a"), "OK")
            assert.strictEqual(yield* send("GET", "text"), "a")
            assert.isNull(yield* send("GET", "nothing"))
            assert.strictEqual(yield* send("INCR", "number"), 1)
            yield* send("RPUSH", "list", "a", "b")
            assert.deepStrictEqual(yield* send("LRANGE", "list", "0", "-1"), ["a", "b"])
          })
        )

        it.effect("fails with Effect's error, which tells what Redis said", () =>
          Effect.gen(function* () {
            yield* send("SET", "word", "a")
            const error = yield* Effect.flip(send("INCR", "word"))
            assert.instanceOf(error, Redis.RedisError)
            assert.include(String(error.cause), "value is not an integer")
            // Effect's own modules find it so.
            const unknown = yield* Effect.flip(send("EVALSHA", "0".repeat(40), "0"))
            assert.include(String(unknown.cause), "NOSCRIPT")
          })
        )

        it.effect("runs scripts, also when the server has forgotten them", () =>
          Effect.gen(function* () {
            const redis = yield* Redis.Redis
            assert.strictEqual(yield* redis.eval(increment)("counter", 2), 2)
            yield* send("SCRIPT", "FLUSH")
            assert.strictEqual(yield* redis.eval(increment)("counter", 3), 5)
          })
        )

        it.effect("lets Effect's own constructor find that a script is forgotten", () =>
          Effect.gen(function* () {
            const { send } = yield* Redis.Redis
            const unused = Effect.die("unused")
            const made = yield* Redis.make({ send, subscribe: () => unused, connect: unused })
            assert.strictEqual(yield* made.eval(increment)("made", 2), 2)
            yield* send("SCRIPT", "FLUSH")
            assert.strictEqual(yield* made.eval(increment)("made", 3), 5)
          }).pipe(Effect.scoped)
        )

        it.effect("reserves a connection that waits while others are answered", () =>
          Effect.gen(function* () {
            const redis = yield* Redis.Redis
            yield* Effect.gen(function* () {
              const connection = yield* redis.reserve
              const popped = yield* Effect.forkChild(connection.send("BLPOP", "jobs", "0"))
              assert.strictEqual(yield* send("PING"), "PONG")
              assert.isUndefined(popped.pollUnsafe())
              yield* send("RPUSH", "jobs", "one")
              assert.deepStrictEqual(yield* Fiber.join(popped), ["jobs", "one"])
              assert.strictEqual(yield* connection.eval(increment)("reserved", 2), 2)
            }).pipe(Effect.scoped)
          })
        )

        it.effect("gives a reserved connection back, but none on which something still waits", () =>
          Effect.gen(function* () {
            const redis = yield* Redis.Redis
            const id = Effect.scoped(Effect.flatMap(redis.reserve, ({ send }) => send<number>("CLIENT", "ID")))
            const first = yield* id
            assert.strictEqual(yield* id, first)
            yield* Effect.gen(function* () {
              const connection = yield* redis.reserve
              assert.strictEqual(yield* connection.send("CLIENT", "ID"), first)
              const waiting = yield* Effect.forkChild(connection.send("BLPOP", "nothing", "30"))
              yield* Wait.until("it waits", Effect.map(send<string>("INFO", "clients"), hasOneBlocked))
              yield* Fiber.interrupt(waiting)
            }).pipe(Effect.scoped)
            assert.notStrictEqual(yield* id, first)
          })
        )

        it.effect("hears what is published once it has subscribed, until its scope closes", () =>
          Effect.gen(function* () {
            const redis = yield* Redis.Redis
            yield* Effect.gen(function* () {
              const [first, second] = [yield* redis.subscribe("first"), yield* redis.subscribe("second")]
              yield* send("PUBLISH", "second", "b")
              yield* send("PUBLISH", "first", "a")
              assert.deepStrictEqual(yield* Queue.take(first), { channel: "first", message: "a" })
              assert.deepStrictEqual(yield* Queue.take(second), { channel: "second", message: "b" })
            }).pipe(Effect.scoped)
            yield* Wait.until(
              "nobody listens",
              Effect.map(send<ReadonlyArray<unknown>>("PUBSUB", "NUMSUB", "first"), ([, count]) => Number(count) === 0)
            )
          })
        )
      })

      describe("PersistedCache", () => {
        it.effect("looks up once, also for a cache that knows nothing yet", () =>
          Effect.gen(function* () {
            let lookups = 0
            const lookup = () => Effect.sync(() => ++lookups)
            const before = yield* pricesOf("prices", lookup)
            assert.strictEqual(yield* before.get(new Price({ of: "tea" })), 1)
            assert.strictEqual(yield* before.get(new Price({ of: "tea" })), 1)
            const after = yield* pricesOf("prices", lookup)
            assert.strictEqual(yield* after.get(new Price({ of: "tea" })), 1)
            assert.strictEqual(yield* after.get(new Price({ of: "milk" })), 2)
            const life = yield* send<number>("PTTL", "prices:tea")
            assert.isTrue(life > 0 && life <= 60_000, String(life))
          }).pipe(Effect.scoped)
        )

        it.effect("keeps failures too, for as long as they are to live", () =>
          Effect.gen(function* () {
            let lookups = 0
            const lookup = () => Effect.suspend(() => Effect.fail(`no price ${++lookups}`))
            for (const cache of [yield* pricesOf("failures", lookup), yield* pricesOf("failures", lookup)]) {
              assert.strictEqual(yield* Effect.flip(cache.get(new Price({ of: "tea" }))), "no price 1")
            }
            assert.isAbove(yield* send<number>("PTTL", "failures:tea"), 60_000)
          }).pipe(Effect.scoped)
        )

        it.effect("looks up again what was invalidated", () =>
          Effect.gen(function* () {
            let lookups = 0
            const cache = yield* pricesOf("invalidated", () => Effect.sync(() => ++lookups))
            yield* cache.get(new Price({ of: "tea" }))
            yield* cache.invalidate(new Price({ of: "tea" }))
            assert.isNull(yield* send("GET", "invalidated:tea"))
            assert.strictEqual(yield* cache.get(new Price({ of: "tea" })), 2)
          }).pipe(Effect.scoped)
        )

        it.effect("stores many at once, and clears its own alone", () =>
          Effect.gen(function* () {
            const backing = yield* Persistence.BackingPersistence
            const [first, second] = [yield* backing.make("many[*]"), yield* backing.make("many")]
            yield* first.setMany([
              ["a", { n: 1 }, undefined],
              ["b", { n: 2 }, Duration.minutes(1)]
            ])
            yield* second.set("a", { n: 3 }, undefined)
            assert.deepStrictEqual(yield* first.getMany(["a", "c", "b"]), [{ n: 1 }, undefined, { n: 2 }])
            yield* first.clear
            assert.deepStrictEqual(yield* first.getMany(["a", "b"]), [undefined, undefined])
            assert.deepStrictEqual(yield* second.get("a"), { n: 3 })
            yield* send("SET", "many:broken", "{")
            assert.instanceOf(yield* Effect.flip(second.get("broken")), Persistence.PersistenceError)
          }).pipe(Effect.scoped)
        )
      })

      describe("PersistedQueue", () => {
        const queueOf = (name: string, maxAttempts = 10) =>
          PersistedQueue.make({ name, schema: Job, maxAttempts, retrySchedule: immediately })

        it.effect("hands each job out once, in their order", () =>
          Effect.gen(function* () {
            const queue = yield* queueOf("order")
            for (const n of [1, 2, 3]) yield* queue.offer({ n })
            const taken = yield* Effect.replicateEffect(
              queue.take(({ n }) => Effect.succeed(n)),
              3
            )
            assert.deepStrictEqual(taken, [1, 2, 3])
          })
        )

        it.effect("takes an id once, also when its job is done", () =>
          Effect.gen(function* () {
            const queue = yield* queueOf("ids")
            for (const n of [1, 2]) yield* queue.offer({ n }, { id: "same" })
            assert.strictEqual(yield* queue.take(({ n }) => Effect.succeed(n)), 1)
            yield* queue.offer({ n: 3 }, { id: "same" })
            assert.strictEqual(yield* send("LLEN", "effectq:ids"), 0)
          })
        )

        it.effect("hands a job out again that failed, and keeps it where it fails too often", () =>
          Effect.gen(function* () {
            const queue = yield* queueOf("failing", 2)
            yield* queue.offer({ n: 1 }, { id: "job" })
            const attempt = Effect.flip(queue.take((_, { attempts }) => Effect.fail(attempts)))
            assert.deepStrictEqual([yield* attempt, yield* attempt], [1, 2])
            const [failed = ""] = yield* send<ReadonlyArray<string>>("LRANGE", "effectq:failing:failed", "0", "-1")
            const { attempts, element, id } = JSON.parse(failed)
            assert.deepStrictEqual({ attempts, element, id }, { attempts: 2, element: { n: 1 }, id: "job" })
            assert.strictEqual(yield* send("HLEN", "effectq:failing:pending"), 0)
          })
        )

        it.effect("does not count an attempt that was interrupted", () =>
          Effect.gen(function* () {
            const queue = yield* queueOf("interrupted")
            yield* queue.offer({ n: 1 })
            const isTaken = Latch.makeUnsafe()
            const working = yield* Effect.forkChild(queue.take(() => Effect.andThen(isTaken.open, Effect.never)))
            yield* isTaken.await
            yield* Fiber.interrupt(working)
            assert.strictEqual(yield* queue.take((_, { attempts }) => Effect.succeed(attempts)), 1)
          })
        )

        it.effect("hands nothing out before its delay is over", () =>
          Effect.gen(function* () {
            const queue = yield* queueOf("delayed")
            const began = yield* Clock.currentTimeMillis
            yield* queue.offer({ n: 1 }, { delay: "300 millis" })
            yield* queue.offer({ n: 2 })
            const take = queue.take(({ n }) => Effect.succeed(n))
            assert.deepStrictEqual([yield* take, yield* take], [2, 1])
            assert.isAtLeast((yield* Clock.currentTimeMillis) - began, 300)
          })
        )

        it.effect("gives back the jobs of a lost worker", () =>
          Effect.gen(function* () {
            const queue = yield* queueOf("lost")
            yield* send("HSET", "effectq:lost:pending", "job", JSON.stringify({ id: "job", element: { n: 7 } }))
            yield* send("HSET", "effectq:lost:attempts", "job", "1")
            const taken = yield* queue.take(({ n }, { attempts }) => Effect.succeed([n, attempts]))
            assert.deepStrictEqual(taken, [7, 2])
          })
        )

        it.effect("puts aside what it cannot read", () =>
          Effect.gen(function* () {
            const queue = yield* queueOf("unreadable")
            yield* send("RPUSH", "effectq:unreadable", JSON.stringify({ id: "job", element: { n: "seven" } }))
            yield* queue.offer({ n: 8 })
            assert.strictEqual(yield* queue.take(({ n }) => Effect.succeed(n)), 8)
            assert.strictEqual(yield* send("LLEN", "effectq:unreadable:failed"), 1)
          })
        )
      })

      describe("RateLimiter", () => {
        it.effect("lets no more pass than the limit, from as many fibers as there are", () =>
          Effect.gen(function* () {
            const { consume } = yield* RateLimiter.RateLimiter
            for (const algorithm of ["fixed-window", "token-bucket"] as const) {
              const one = consume({ algorithm, key: `many-${algorithm}`, limit: 10, window: "1 minute" })
              const exits = yield* Effect.all(
                Array.from({ length: 50 }, () => Effect.exit(one)),
                { concurrency: "unbounded" }
              )
              assert.strictEqual(exits.filter(Exit.isSuccess).length, 10, algorithm)
              const { reason } = yield* Effect.flip(one)
              assert.strictEqual(reason._tag, "RateLimitExceeded")
            }
          })
        )

        it.effect("says how long to wait where it does not fail", () =>
          Effect.gen(function* () {
            const { consume } = yield* RateLimiter.RateLimiter
            for (const algorithm of ["fixed-window", "token-bucket"] as const) {
              const key = `delay-${algorithm}`
              const one = consume({ algorithm, key, limit: 2, onExceeded: "delay", window: "1 minute" })
              const [first, second, third] = [yield* one, yield* one, yield* one]
              assert.deepStrictEqual([first.remaining, second.remaining, third.remaining], [1, 0, -1])
              assert.isTrue(Duration.isZero(first.delay) && Duration.isZero(second.delay), algorithm)
              assert.isAbove(Duration.toMillis(third.delay), 20_000, algorithm)
            }
          })
        )

        it.effect("learns from what a server says of its own limit", () =>
          Effect.gen(function* () {
            const limiter = yield* RateLimiter.RateLimiter
            const consume = limiter.adaptiveConsume({
              key: "adaptive",
              tokens: 1,
              fallbackLimit: 10,
              fallbackWindow: Duration.seconds(1)
            })
            const before = yield* consume
            assert.strictEqual(before.phase, "inactive")
            yield* limiter.adaptiveFeedback({
              key: "adaptive",
              epoch: before.epoch,
              tokens: 1,
              status: 429,
              retryAfter: Duration.seconds(5)
            })
            const after = yield* consume
            assert.strictEqual(after.phase, "cooldown")
            assert.isAbove(Duration.toMillis(after.delay), 4000)
          })
        )
      })
    })
  })
}
