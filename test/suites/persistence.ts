import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Exit, Fiber, Layer, Queue, Schema, type Scope } from "effect"
import { Persistable, PersistedCache, PersistedQueue, Persistence, RateLimiter, Redis } from "effect/persistence"
import { RedisScript } from "effect-ioredis"
import { SimulatedScript } from "effect-ioredis/testing"
import { type Inspection, persistedQueueCases } from "./persistedQueue.ts"

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

const send = <A>(command: string, ...args: ReadonlyArray<string>) =>
  Effect.flatMap(Redis.Redis, (redis) => redis.send<A>(command, ...args))

/** What Effect's own store keeps in Redis. */
const effectsOwn: Inspection<Redis.Redis> = {
  waiting: (name) =>
    Effect.orDie(
      Effect.zipWith(
        send<number>("LLEN", `{jobs}:${name}`),
        send<number>("ZCARD", `{jobs}:${name}:delayed`),
        (ready, delayed) => ready + delayed
      )
    ),
  running: (name) => Effect.orDie(send<number>("HLEN", `{jobs}:${name}:pending`)),
  remembered: (name) => Effect.orDie(send<number>("ZCARD", `{jobs}:${name}:ids`)),
  failed: (name) =>
    Effect.map(Effect.orDie(send<ReadonlyArray<string>>("LRANGE", `{jobs}:${name}:failed`, "0", "-1")), (all) =>
      all.flatMap((text) => {
        if (!text.startsWith("{")) return []
        const { attempts, element, id } = JSON.parse(text)
        return [{ attempts, element, id }]
      })
    ),
  lose: (name, { attempts, element, id }) =>
    Effect.gen(function* () {
      yield* send("HSET", `{jobs}:${name}:pending`, id, JSON.stringify({ id, element }))
      yield* send("HSET", `{jobs}:${name}:attempts`, id, String(attempts))
      yield* send("ZADD", `{jobs}:${name}:ids`, "+inf", id)
    }).pipe(Effect.orDie),
  spoil: (name) => Effect.orDie(Effect.asVoid(send("RPUSH", `{jobs}:${name}:failed`, "broken"))),
  left: (name) => Effect.orDie(send<number>("EXISTS", `{jobs}:${name}:ids`, `{jobs}:${name}:failed`))
}

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

      persistedQueueCases(test, { inspection: effectsOwn, lease: 500 })

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
