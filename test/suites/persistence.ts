import { assert, describe, it } from "@effect/vitest"
import {
  Clock,
  Context,
  Duration,
  Effect,
  Exit,
  Fiber,
  Latch,
  Layer,
  Queue,
  Schedule,
  Schema,
  type Scope
} from "effect"
import { Persistable, PersistedCache, PersistedQueue, Persistence, RateLimiter, Redis } from "effect/persistence"
import { RedisScript } from "effect-ioredis"
import { SimulatedScript } from "effect-ioredis/testing"

/** What a test of Effect's modules asks of a server that their `Redis` does not give, whatever kind of server it is. */
export interface Harness {
  /** Runs a test while time goes by. */
  readonly play: <A, E, R>(test: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R | Scope.Scope>
  /** Lets time go by until this holds. */
  readonly waitFor: <E, R>(condition: Effect.Effect<boolean, E, R>) => Effect.Effect<void, E, R>
  /** Tells whether a command waits for a key. */
  readonly isAwaited: (key: string) => Effect.Effect<boolean>
  /** Tells how many listen to a channel. */
  readonly listeners: (channel: string) => Effect.Effect<number>
  /** Lets the servers forget what scripts they know. */
  readonly forgetScripts: Effect.Effect<void>
}

export const Harness: Context.Service<Harness, Harness> = Context.Service<Harness>("test/PersistenceHarness")

class Price extends Persistable.Class<{ payload: { readonly of: string } }>()("Price", {
  primaryKey: ({ of }) => of,
  success: Schema.Number,
  error: Schema.String
}) {}

const Job = Schema.Struct({ n: Schema.Number })

const pricesOf = (storeId: string, lookup: (price: Price) => Effect.Effect<number, string>) =>
  PersistedCache.make(lookup, { storeId, timeToLive: (exit) => (Exit.isSuccess(exit) ? "1 minute" : "5 minutes") })

const lua = `return redis.call("INCRBY", KEYS[1], ARGV[1])`

const increment = Redis.script((key: string, by: number) => [key, by], {
  numberOfKeys: 1,
  lua
}).withReturnType<number>()

/** The script of the suite's own, for a simulated server. */
export const scripts: ReadonlyArray<SimulatedScript.SimulatedScript> = [
  SimulatedScript.make(RedisScript.make({ lua }), ([key = ""], [by = ""], call) => call("INCRBY", key, by))
]

// A command without a key goes to the server of slot 0 on a cluster, and so does what waits for this.
const nothing = "06S"

const immediately = Schedule.spaced("1 millis")

// Related keys share a slot by the hash tag of their prefix.
const store = {
  prefix: "{jobs}:",
  pollInterval: "50 millis",
  lockRefreshInterval: "100 millis",
  lockExpiration: "500 millis"
} as const

const Modules = Layer.mergeAll(
  Persistence.layerRedis,
  Persistence.layerBackingRedis,
  RateLimiter.layer.pipe(Layer.provideMerge(RateLimiter.layerStoreRedis({ prefix: "{limits}:" }))),
  PersistedQueue.layer.pipe(Layer.provideMerge(PersistedQueue.layerStoreRedis(store)))
)

type Services = Layer.Success<typeof Modules> | Redis.Redis | Harness

/**
 * What Effect's modules promise, over one `Redis` and one kind of server. In virtual time the services of a test are
 * kept, among them its clock.
 */
export const persistenceSuite = <E>(
  name: string,
  layer: Layer.Layer<Redis.Redis | Harness, E>,
  options: { readonly time: "real" | "virtual" }
): void => {
  describe(`Effect's modules over ${name}`, () => {
    const shared = { excludeTestServices: options.time === "real", timeout: "60 seconds" } as const
    it.layer(
      Layer.provideMerge(Modules, layer),
      shared
    )((it) => {
      const test = <E2>(title: string, body: (harness: Harness) => Effect.Effect<void, E2, Services | Scope.Scope>) =>
        it.effect(title, () => Effect.flatMap(Harness, (harness) => Effect.scoped(harness.play(body(harness)))))

      const send = <A>(command: string, ...args: ReadonlyArray<string>) =>
        Effect.flatMap(Redis.Redis, (redis) => redis.send<A>(command, ...args))

      describe("Redis", () => {
        test("answers as Redis does", () =>
          Effect.gen(function* () {
            assert.strictEqual(yield* send("SET", "text", "a"), "OK")
            assert.strictEqual(yield* send("GET", "text"), "a")
            assert.isNull(yield* send("GET", "nothing"))
            assert.strictEqual(yield* send("INCR", "number"), 1)
            yield* send("RPUSH", "list", "a", "b")
            assert.deepStrictEqual(yield* send("LRANGE", "list", "0", "-1"), ["a", "b"])
          }))

        test("fails with Effect's error, which tells what Redis said", () =>
          Effect.gen(function* () {
            yield* send("SET", "word", "a")
            const error = yield* Effect.flip(send("INCR", "word"))
            assert.instanceOf(error, Redis.RedisError)
            assert.include(String(error.cause), "value is not an integer")
            // Effect's own modules find it so.
            const unknown = yield* Effect.flip(send("EVALSHA", "0".repeat(40), "0"))
            assert.include(String(unknown.cause), "NOSCRIPT")
          }))

        test("runs scripts, also when the server has forgotten them", (harness) =>
          Effect.gen(function* () {
            const redis = yield* Redis.Redis
            assert.strictEqual(yield* redis.eval(increment)("counter", 2), 2)
            yield* harness.forgetScripts
            assert.strictEqual(yield* redis.eval(increment)("counter", 3), 5)
          }))

        test("lets Effect's own constructor find that a script is forgotten", (harness) =>
          Effect.gen(function* () {
            const { send } = yield* Redis.Redis
            const unused = Effect.die("unused")
            const made = yield* Redis.make({ send, subscribe: () => unused, connect: unused })
            assert.strictEqual(yield* made.eval(increment)("made", 2), 2)
            yield* harness.forgetScripts
            assert.strictEqual(yield* made.eval(increment)("made", 3), 5)
          }).pipe(Effect.scoped))

        test("reserves a connection that waits while others are answered", () =>
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
          }))

        test("gives a reserved connection back, but none on which something still waits", (harness) =>
          Effect.gen(function* () {
            const redis = yield* Redis.Redis
            const id = Effect.scoped(Effect.flatMap(redis.reserve, ({ send }) => send<number>("CLIENT", "ID")))
            const first = yield* id
            assert.strictEqual(yield* id, first)
            yield* Effect.gen(function* () {
              const connection = yield* redis.reserve
              assert.strictEqual(yield* connection.send("CLIENT", "ID"), first)
              const waiting = yield* Effect.forkChild(connection.send("BLPOP", nothing, "30"))
              yield* harness.waitFor(harness.isAwaited(nothing))
              yield* Fiber.interrupt(waiting)
            }).pipe(Effect.scoped)
            assert.notStrictEqual(yield* id, first)
          }))

        test("hears what is published once it has subscribed, until its scope closes", (harness) =>
          Effect.gen(function* () {
            const redis = yield* Redis.Redis
            yield* Effect.gen(function* () {
              const [first, second] = [yield* redis.subscribe("first"), yield* redis.subscribe("second")]
              yield* send("PUBLISH", "second", "b")
              yield* send("PUBLISH", "first", "a")
              assert.deepStrictEqual(yield* Queue.take(first), { channel: "first", message: "a" })
              assert.deepStrictEqual(yield* Queue.take(second), { channel: "second", message: "b" })
            }).pipe(Effect.scoped)
            yield* harness.waitFor(Effect.map(harness.listeners("first"), (count) => count === 0))
          }))
      })

      describe("PersistedCache", () => {
        test("looks up once, also for a cache that knows nothing yet", () =>
          Effect.gen(function* () {
            let lookups = 0
            const lookup = () => Effect.sync(() => ++lookups)
            const before = yield* pricesOf("{prices}", lookup)
            assert.strictEqual(yield* before.get(new Price({ of: "tea" })), 1)
            assert.strictEqual(yield* before.get(new Price({ of: "tea" })), 1)
            const after = yield* pricesOf("{prices}", lookup)
            assert.strictEqual(yield* after.get(new Price({ of: "tea" })), 1)
            assert.strictEqual(yield* after.get(new Price({ of: "milk" })), 2)
            const life = yield* send<number>("PTTL", "{prices}:tea")
            assert.isTrue(life > 0 && life <= 60_000, String(life))
          }).pipe(Effect.scoped))

        test("keeps failures too, for as long as they are to live", () =>
          Effect.gen(function* () {
            let lookups = 0
            const lookup = () => Effect.suspend(() => Effect.fail(`no price ${++lookups}`))
            for (const cache of [yield* pricesOf("{failures}", lookup), yield* pricesOf("{failures}", lookup)]) {
              assert.strictEqual(yield* Effect.flip(cache.get(new Price({ of: "tea" }))), "no price 1")
            }
            assert.isAbove(yield* send<number>("PTTL", "{failures}:tea"), 60_000)
          }).pipe(Effect.scoped))

        test("looks up again what was invalidated", () =>
          Effect.gen(function* () {
            let lookups = 0
            const cache = yield* pricesOf("{invalidated}", () => Effect.sync(() => ++lookups))
            yield* cache.get(new Price({ of: "tea" }))
            yield* cache.invalidate(new Price({ of: "tea" }))
            assert.isNull(yield* send("GET", "{invalidated}:tea"))
            assert.strictEqual(yield* cache.get(new Price({ of: "tea" })), 2)
          }).pipe(Effect.scoped))

        test("stores many at once, and clears its own alone", () =>
          Effect.gen(function* () {
            const backing = yield* Persistence.BackingPersistence
            const [first, second] = [yield* backing.make("{many}[*]"), yield* backing.make("{many}")]
            yield* first.setMany([
              ["a", { n: 1 }, undefined],
              ["b", { n: 2 }, Duration.minutes(1)]
            ])
            yield* second.set("a", { n: 3 }, undefined)
            assert.deepStrictEqual(yield* first.getMany(["a", "c", "b"]), [{ n: 1 }, undefined, { n: 2 }])
            yield* first.clear
            assert.deepStrictEqual(yield* first.getMany(["a", "b"]), [undefined, undefined])
            assert.deepStrictEqual(yield* second.get("a"), { n: 3 })
            yield* send("SET", "{many}:broken", "{")
            assert.instanceOf(yield* Effect.flip(second.get("broken")), Persistence.PersistenceError)
          }).pipe(Effect.scoped))
      })

      describe("PersistedQueue", () => {
        const queueOf = (name: string, maxAttempts = 10) =>
          PersistedQueue.make({ name, schema: Job, maxAttempts, retrySchedule: immediately })

        test("hands each job out once, in their order", () =>
          Effect.gen(function* () {
            const queue = yield* queueOf("order")
            for (const n of [1, 2, 3]) yield* queue.offer({ n })
            const taken = yield* Effect.replicateEffect(
              queue.take(({ n }) => Effect.succeed(n)),
              3
            )
            assert.deepStrictEqual(taken, [1, 2, 3])
          }))

        test("takes an id once, also when its job is done", () =>
          Effect.gen(function* () {
            const queue = yield* queueOf("ids")
            for (const n of [1, 2]) yield* queue.offer({ n }, { id: "same" })
            assert.strictEqual(yield* queue.take(({ n }) => Effect.succeed(n)), 1)
            yield* queue.offer({ n: 3 }, { id: "same" })
            assert.strictEqual(yield* send("LLEN", "{jobs}:ids"), 0)
          }))

        test("hands a job out again that failed, and keeps it where it fails too often", () =>
          Effect.gen(function* () {
            const queue = yield* queueOf("failing", 2)
            yield* queue.offer({ n: 1 }, { id: "job" })
            const attempt = Effect.flip(queue.take((_, { attempts }) => Effect.fail(attempts)))
            assert.deepStrictEqual([yield* attempt, yield* attempt], [1, 2])
            const [failed = ""] = yield* send<ReadonlyArray<string>>("LRANGE", "{jobs}:failing:failed", "0", "-1")
            const { attempts, element, id } = JSON.parse(failed)
            assert.deepStrictEqual({ attempts, element, id }, { attempts: 2, element: { n: 1 }, id: "job" })
            assert.strictEqual(yield* send("HLEN", "{jobs}:failing:pending"), 0)
          }))

        test("does not count an attempt that was interrupted", () =>
          Effect.gen(function* () {
            const queue = yield* queueOf("interrupted")
            yield* queue.offer({ n: 1 })
            const isTaken = Latch.makeUnsafe()
            const working = yield* Effect.forkChild(queue.take(() => Effect.andThen(isTaken.open, Effect.never)))
            yield* isTaken.await
            yield* Fiber.interrupt(working)
            assert.strictEqual(yield* queue.take((_, { attempts }) => Effect.succeed(attempts)), 1)
          }))

        test("hands nothing out before its delay is over", () =>
          Effect.gen(function* () {
            const queue = yield* queueOf("delayed")
            const began = yield* Clock.currentTimeMillis
            yield* queue.offer({ n: 1 }, { delay: "300 millis" })
            yield* queue.offer({ n: 2 })
            const take = queue.take(({ n }) => Effect.succeed(n))
            assert.deepStrictEqual([yield* take, yield* take], [2, 1])
            assert.isAtLeast((yield* Clock.currentTimeMillis) - began, 300)
          }))

        test("gives back the jobs of a lost worker", () =>
          Effect.gen(function* () {
            const queue = yield* queueOf("lost")
            yield* send("HSET", "{jobs}:lost:pending", "job", JSON.stringify({ id: "job", element: { n: 7 } }))
            yield* send("HSET", "{jobs}:lost:attempts", "job", "1")
            const taken = yield* queue.take(({ n }, { attempts }) => Effect.succeed([n, attempts]))
            assert.deepStrictEqual(taken, [7, 2])
          }))

        test("takes an id once for a job that is delayed, whatever the id is", () =>
          Effect.gen(function* () {
            const queue = yield* queueOf("texts")
            for (const id of ['"q\\u"', "ä€😀", "\ud800", "new\nline"]) {
              yield* queue.offer({ n: 1 }, { id, delay: "10 millis" })
              yield* queue.offer({ n: 2 }, { id, delay: "10 millis" })
              const taken = yield* queue.take(({ n }, given) => Effect.succeed([n, given.id]))
              assert.deepStrictEqual(taken, [1, id.replace("\ud800", "\ufffd")])
            }
            assert.strictEqual(yield* send("EXISTS", "{jobs}:texts", "{jobs}:texts:delayed"), 0)
          }))

        test("keeps a job that takes longer than its lock lives", () =>
          Effect.gen(function* () {
            const queue = yield* queueOf("long")
            yield* queue.offer({ n: 1 })
            const other = yield* Effect.forkChild(queue.take(Effect.succeed))
            yield* Fiber.interrupt(other)
            const attempts = yield* queue.take((_, { attempts }) => Effect.as(Effect.sleep("1 second"), attempts))
            assert.strictEqual(attempts, 1)
            assert.strictEqual(yield* send("EXISTS", "{jobs}:long", "{jobs}:long:pending"), 0)
          }))

        test("gives a lost worker's job up that was tried often enough, and removes what is old", (harness) =>
          Effect.gen(function* () {
            const { cleanup } = yield* PersistedQueue.PersistedQueueStore
            const queue = yield* queueOf("old", 1)
            yield* queue.offer({ n: 1 }, { id: "done" })
            yield* queue.take(Effect.succeed)
            yield* send("HSET", "{jobs}:old:pending", "ä", JSON.stringify({ id: "ä", element: { n: 7 } }))
            yield* send("HSET", "{jobs}:old:attempts", "ä", "1")
            yield* send("ZADD", "{jobs}:old:ids", "+inf", "ä")
            yield* harness.waitFor(Effect.map(send("LLEN", "{jobs}:old:failed"), (count) => count === 1))
            yield* send("RPUSH", "{jobs}:old:failed", "broken")
            assert.strictEqual(yield* send("ZCARD", "{jobs}:old:ids"), 2)
            const now = Duration.millis(0)
            yield* Effect.sleep("2 millis")
            yield* cleanup({ timeToLive: Duration.hours(1), failedTimeToLive: Duration.hours(1) })
            assert.strictEqual(yield* send("ZCARD", "{jobs}:old:ids"), 2)
            yield* cleanup({ timeToLive: now, failedTimeToLive: now })
            assert.strictEqual(yield* send("EXISTS", "{jobs}:old:ids", "{jobs}:old:failed"), 0)
          }))

        test("puts aside what it cannot read", () =>
          Effect.gen(function* () {
            const queue = yield* queueOf("unreadable")
            yield* send("RPUSH", "{jobs}:unreadable", JSON.stringify({ id: "job", element: { n: "seven" } }))
            yield* queue.offer({ n: 8 })
            assert.strictEqual(yield* queue.take(({ n }) => Effect.succeed(n)), 8)
            assert.strictEqual(yield* send("LLEN", "{jobs}:unreadable:failed"), 1)
          }))
      })

      describe("RateLimiter", () => {
        test("lets no more pass than the limit, from as many fibers as there are", () =>
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
          }))

        test("says how long to wait where it does not fail", () =>
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
          }))

        test("learns from what a server says of its own limit", () =>
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
          }))

        test("learns a limit once the server has recovered", () =>
          Effect.gen(function* () {
            const limiter = yield* RateLimiter.RateLimiter
            const options = { key: "learned", tokens: 1, fallbackLimit: 10, fallbackWindow: Duration.seconds(1) }
            const consume = limiter.adaptiveConsume(options)
            const refuse = (epoch: number, retryAfter: Duration.Duration) =>
              limiter.adaptiveFeedback({ key: "learned", epoch, tokens: 1, status: 429, retryAfter })
            yield* refuse(0, Duration.millis(50))
            yield* refuse(0, Duration.millis(60))
            yield* Effect.sleep("80 millis")
            const learning = yield* consume
            assert.deepStrictEqual([learning.phase, learning.epoch], ["learning", 1])
            for (let n = 0; n < 3; n++) yield* consume
            yield* refuse(7, Duration.seconds(1))
            yield* refuse(1, Duration.seconds(30))
            const learned = yield* consume
            assert.deepStrictEqual([learned.phase, learned.epoch], ["learned", 2])
            assert.isAbove(Duration.toMillis(learned.delay), 25_000)
            yield* refuse(2, Duration.seconds(1))
            assert.strictEqual((yield* consume).phase, "cooldown")
          }))

        test("counts fractions, and gives tokens back with time", () =>
          Effect.gen(function* () {
            const { consume } = yield* RateLimiter.RateLimiter
            for (const algorithm of ["fixed-window", "token-bucket"] as const) {
              const one = consume({ algorithm, key: `part-${algorithm}`, limit: 1, tokens: 0.3, window: "300 millis" })
              const taken = [yield* one, yield* one, yield* one].map(({ remaining }) => remaining.toFixed(2))
              assert.deepStrictEqual(taken, ["0.70", "0.40", "0.10"], algorithm)
              assert.strictEqual((yield* Effect.flip(one)).reason._tag, "RateLimitExceeded")
              yield* Effect.sleep("400 millis")
              assert.strictEqual((yield* one).remaining.toFixed(2), "0.70", algorithm)
            }
          }))
      })
    })
  })
}
