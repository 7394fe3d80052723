import { assert, describe, it } from "@effect/vitest"
import {
  Cause,
  Clock,
  Context,
  Data,
  Deferred,
  Effect,
  Exit,
  Fiber,
  Layer,
  Option,
  References,
  Schema,
  Scope
} from "effect"
import { RedisClient, RedisCommand } from "effect-ioredis"
import { Cache, MemoryCache } from "effect-ioredis-cache"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { eventually, layerSimulated, testSimulated, quiet } from "../suites/cacheLayers.ts"

class LookupError extends Data.TaggedError("LookupError")<{ readonly attempt: number }> {}

const texts = { name: "texts", version: 1, key: Schema.String, value: Schema.String }

const region = Cache.region(texts)

/** A lookup that counts its runs and how they ended, and waits for a gate. */
const makeLookup = <A, E>(result: Effect.Effect<A, E>) =>
  Effect.map(Deferred.make<void>(), (gate) => {
    const counts = { started: 0, interrupted: 0 }
    const lookup = Effect.suspend(() => {
      counts.started++
      return Effect.andThen(Deferred.await(gate), result)
    }).pipe(
      Effect.onInterrupt(() =>
        Effect.sync(() => {
          counts.interrupted++
        })
      )
    )
    return { lookup, counts, open: Deferred.succeed(gate, undefined), started: isEqual(() => counts.started, 1) }
  })

const isEqual = (get: () => number, expected: number) => eventually(Effect.sync(() => get() === expected))

const fork = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

const layers = [
  ["memory", Layer.merge(MemoryCache.layerCache, quiet)],
  ["Redis and memory", layerSimulated()]
] as const

for (const [name, layer] of layers) {
  describe(`getOrSet on ${name}`, () => {
    const test = (title: string, body: () => Effect.Effect<void, unknown, Cache.Cache>) =>
      it.effect(title, () => Effect.provide(body(), layer))

    test("who looks up is given what a later read has, without undeclared fields", () =>
      Effect.gen(function* () {
        const users = yield* Cache.region({ ...texts, name: "users", value: Schema.Struct({ name: Schema.String }) })
        const row = { name: "Ada", passwordHash: "secret" }
        assert.deepStrictEqual(yield* users.getOrSet("a", Effect.succeed(row)), { name: "Ada" })
        // Overtaken, it is not stored, and is nobody's to see either.
        const lookup = Effect.andThen(users.set("b", { name: "Bob" }), Effect.succeed(row))
        assert.deepStrictEqual(yield* users.getOrSet("b", lookup), { name: "Ada" })
      }))

    test("50 waiters on one failing lookup run it once and all get its failure, which is not kept", () =>
      Effect.gen(function* () {
        const cache = yield* region
        let attempts = 0
        const lookup = Effect.suspend(() => Effect.fail(new LookupError({ attempt: ++attempts }))).pipe(
          Effect.delay("10 millis")
        )
        const waiters = yield* Effect.forEach(Array.from({ length: 50 }), () =>
          fork(Effect.flip(cache.getOrSet("a", lookup)))
        )
        yield* settle
        yield* TestClock.adjust("10 millis")
        const failures = yield* Effect.forEach(waiters, Fiber.join)
        assert.strictEqual(new Set(failures).size, 1)
        assert.strictEqual(failures[0]?.attempt, 1)
        assert.strictEqual(attempts, 1)
        assert.isFalse(yield* cache.has("a"))

        const next = yield* fork(Effect.flip(cache.getOrSet("a", lookup)))
        yield* settle
        yield* TestClock.adjust("10 millis")
        assert.strictEqual((yield* Fiber.join(next)).attempt, 2)
        assert.strictEqual(yield* cache.getOrSet("a", Effect.succeed("1")), "1")
      }))

    test("50 waiters share one value", () =>
      Effect.gen(function* () {
        const cache = yield* region
        const { counts, lookup, open, started } = yield* makeLookup(Effect.succeed("1"))
        const waiters = yield* Effect.forEach(Array.from({ length: 50 }), () => fork(cache.getOrSet("a", lookup)))
        yield* started
        yield* settle
        yield* open
        assert.deepStrictEqual(new Set(yield* Effect.forEach(waiters, Fiber.join)), new Set(["1"]))
        assert.strictEqual(counts.started, 1)
        assert.strictEqual((yield* (yield* Cache.Cache).stats).lookups, 1)
      }))

    test("a lookup's defect reaches every waiter, and the next call works", () =>
      Effect.gen(function* () {
        const cache = yield* region
        const defect = new Error("a bug")
        const { lookup, open, started } = yield* makeLookup(Effect.die(defect))
        const waiters = yield* Effect.forEach([1, 2, 3], () => fork(cache.getOrSet("a", lookup)))
        yield* started
        yield* open
        for (const waiter of waiters) {
          const exit = yield* Fiber.await(waiter)
          assert.strictEqual(Exit.isFailure(exit) && Cause.squash(exit.cause), defect)
        }
        assert.strictEqual(yield* cache.getOrSet("a", Effect.succeed("1")), "1")
      }))

    test("a lookup that throws where it is made is a defect of its caller's", () =>
      Effect.gen(function* () {
        const cache = yield* region
        const thrown = new Error("thrown")
        const exit = yield* Effect.exit(
          cache.getOrSet(
            "a",
            Effect.sync(() => {
              throw thrown
            })
          )
        )
        assert.strictEqual(Exit.isFailure(exit) && Cause.squash(exit.cause), thrown)
        assert.strictEqual(yield* cache.getOrSet("a", Effect.succeed("1")), "1")
      }))

    test("a lookup that interrupts itself ends every waiter, and the next call works", () =>
      Effect.gen(function* () {
        const cache = yield* region
        const { lookup, open, started } = yield* makeLookup(Effect.interrupt)
        const waiters = yield* Effect.forEach([1, 2], () => fork(cache.getOrSet("a", lookup)))
        yield* started
        yield* open
        for (const waiter of waiters) {
          const exit = yield* Fiber.await(waiter)
          assert.isTrue(Exit.isFailure(exit) && Cause.hasInterrupts(exit.cause))
        }
        assert.strictEqual(yield* cache.getOrSet("a", Effect.succeed("1")), "1")
      }))

    test("a waiter that leaves does not end the lookup while others wait, the first of them included", () =>
      Effect.gen(function* () {
        const cache = yield* region
        const { counts, lookup, open, started } = yield* makeLookup(Effect.succeed("1"))
        const [first, second, third] = yield* Effect.all([1, 2, 3].map(() => fork(cache.getOrSet("a", lookup))))
        yield* started
        yield* settle
        yield* Fiber.interrupt(first ?? assert.fail())
        yield* Fiber.interrupt(third ?? assert.fail())
        yield* open
        assert.strictEqual(yield* Fiber.join(second ?? assert.fail()), "1")
        assert.deepStrictEqual(counts, { started: 1, interrupted: 0 })
        yield* eventually(cache.has("a"))
      }))

    test("the last waiter to leave interrupts the lookup, and the next call starts another", () =>
      Effect.gen(function* () {
        const cache = yield* region
        const { counts, lookup, open, started } = yield* makeLookup(Effect.succeed("1"))
        const waiters = yield* Effect.forEach([1, 2], () => fork(cache.getOrSet("a", lookup)))
        yield* started
        yield* settle
        for (const waiter of waiters) yield* Fiber.interrupt(waiter)
        assert.deepStrictEqual(counts, { started: 1, interrupted: 1 })
        assert.isFalse(yield* cache.has("a"))
        yield* open
        assert.strictEqual(yield* cache.getOrSet("a", lookup), "1")
        assert.strictEqual(counts.started, 2)
      }))

    test("a caller may leave at any moment, and no lookup goes on without one", () =>
      Effect.gen(function* () {
        const cache = yield* region
        const never = yield* makeLookup(Effect.never)
        for (let steps = 0; steps < 60; steps++) {
          const caller = yield* fork(cache.getOrSet("a", never.lookup))
          for (let i = 0; i < steps; i++) yield* Effect.yieldNow
          yield* Fiber.interrupt(caller)
          yield* isEqual(() => never.counts.started - never.counts.interrupted, 0)
        }
        assert.isAbove(never.counts.started, 0)
      }))

    for (const [what, supersede, stored] of [
      ["remove", (cache: Texts) => cache.remove("a"), undefined],
      ["removeMany", (cache: Texts) => cache.removeMany(["b", "a"]), undefined],
      ["set", (cache: Texts) => cache.set("a", "new"), "new"],
      ["setMany", (cache: Texts) => cache.setMany([["a", "new"]]), "new"],
      ["a refused set", (cache: Texts) => cache.set("a", "new", { timeToLive: -1 }), undefined],
      ["clear", (cache: Texts) => cache.clear, undefined]
    ] as const) {
      test(`an older lookup that ends after ${what} brings nothing back`, () =>
        Effect.gen(function* () {
          const cache = yield* region
          const { lookup, open, started } = yield* makeLookup(Effect.succeed("old"))
          const caller = yield* fork(cache.getOrSet("a", lookup))
          yield* started
          yield* supersede(cache)
          yield* open
          assert.strictEqual(yield* Fiber.join(caller), "old")
          yield* settle
          assert.strictEqual(Option.getOrUndefined(yield* cache.get("a")), stored)
        }))

      test(`${what} that was made before the lookup and runs after it counts from when it runs`, () =>
        Effect.gen(function* () {
          const cache = yield* region
          const later = supersede(cache)
          const { lookup, open, started } = yield* makeLookup(Effect.succeed("old"))
          const caller = yield* fork(cache.getOrSet("a", lookup))
          yield* started
          yield* later
          yield* open
          yield* Fiber.join(caller)
          yield* settle
          assert.strictEqual(Option.getOrUndefined(yield* cache.get("a")), stored)
        }))

      test(`a lookup that was asked for before ${what} and begins after it is older too`, () =>
        Effect.gen(function* () {
          const cache = yield* region
          const { lookup, open, started } = yield* makeLookup(Effect.succeed("old"))
          // Both are answered in one tick, so that this one goes on before the lookup's fiber begins.
          const caller = yield* fork(cache.getOrSet("a", lookup))
          const other = yield* fork(
            Effect.andThen(cache.get("a"), Effect.asVoid<unknown, never, never>(supersede(cache)))
          )
          yield* started
          yield* Fiber.join(other)
          yield* open
          assert.strictEqual(yield* Fiber.join(caller), "old")
          yield* settle
          assert.strictEqual(Option.getOrUndefined(yield* cache.get("a")), stored)
        }))

      if (stored === undefined) {
        test(`a caller that comes after ${what} does not join the older lookup, and its own value stays`, () =>
          Effect.gen(function* () {
            const cache = yield* region
            const older = yield* makeLookup(Effect.succeed("old"))
            const first = yield* fork(cache.getOrSet("a", older.lookup))
            yield* older.started
            yield* supersede(cache)
            assert.strictEqual(yield* cache.getOrSet("a", Effect.succeed("new")), "new")
            yield* older.open
            assert.strictEqual(yield* Fiber.join(first), "old")
            yield* settle
            assert.strictEqual(yield* cache.getOrSet("a", Effect.succeed("newer")), "new")
          }))
      }
    }

    test("the end of an older lookup leaves the newer one, and those who come later join that", () =>
      Effect.gen(function* () {
        const cache = yield* region
        const older = yield* makeLookup(Effect.succeed("old"))
        const newer = yield* makeLookup(Effect.succeed("new"))
        const first = yield* fork(cache.getOrSet("a", older.lookup))
        yield* older.started
        yield* cache.remove("a")
        const second = yield* fork(cache.getOrSet("a", newer.lookup))
        yield* newer.started
        yield* older.open
        assert.strictEqual(yield* Fiber.join(first), "old")
        const third = yield* fork(cache.getOrSet("a", newer.lookup))
        yield* settle
        yield* newer.open
        assert.strictEqual(yield* Fiber.join(second), "new")
        assert.strictEqual(yield* Fiber.join(third), "new")
        assert.strictEqual(newer.counts.started, 1)
      }))

    test("a write to another key leaves a lookup alone", () =>
      Effect.gen(function* () {
        const cache = yield* region
        const { counts, lookup, open, started } = yield* makeLookup(Effect.succeed("1"))
        const first = yield* fork(cache.getOrSet("a", lookup))
        yield* started
        yield* cache.remove("b")
        yield* cache.set("c", "1")
        const second = yield* fork(cache.getOrSet("a", lookup))
        yield* settle
        yield* open
        yield* Fiber.join(first)
        yield* Fiber.join(second)
        assert.strictEqual(counts.started, 1)
        yield* eventually(cache.has("a"))
      }))

    test("a lookup may ask for another key", () =>
      Effect.gen(function* () {
        const cache = yield* region
        const inner = cache.getOrSet("inner", Effect.succeed("1"))
        assert.strictEqual(
          yield* cache.getOrSet(
            "outer",
            Effect.map(inner, (value) => `${value}2`)
          ),
          "12"
        )
      }))

    test("a lookup that asks for its own key is a defect that says so, and the next call works", () =>
      Effect.gen(function* () {
        const cache = yield* region
        const exit = yield* Effect.exit(cache.getOrSet("a", cache.getOrSet("a", Effect.succeed("1"))))
        assert.instanceOf(Exit.isFailure(exit) && Cause.squash(exit.cause), Cache.LookupCycleError)
        assert.strictEqual(yield* cache.getOrSet("a", Effect.succeed("1")), "1")
      }))

    test("lookups that come to wait for each other are a defect that says so", () =>
      Effect.gen(function* () {
        const cache = yield* region
        const gate = yield* Deferred.make<void>()
        const lookup = (other: string) =>
          Effect.andThen(
            Deferred.await(gate),
            Effect.suspend(() => cache.getOrSet(other, Effect.succeed("1")))
          )
        const one = yield* fork(Effect.exit(cache.getOrSet("a", lookup("b"))))
        const other = yield* fork(Effect.exit(cache.getOrSet("b", lookup("a"))))
        yield* TestClock.adjust(1)
        yield* Deferred.succeed(gate, undefined)
        const exits = [yield* Fiber.join(one), yield* Fiber.join(other)]
        for (const exit of exits) {
          assert.instanceOf(Exit.isFailure(exit) && Cause.squash(exit.cause), Cache.LookupCycleError)
        }
      }))

    test("a lookup may wait for one that has given up waiting for it", () =>
      Effect.gen(function* () {
        const cache = yield* region
        const slow = Effect.andThen(
          Effect.sleep("2 seconds"),
          Effect.suspend(() => cache.getOrSet("a", Effect.die("no")))
        )
        const b = yield* fork(cache.getOrSet("b", slow))
        const a = yield* fork(
          cache.getOrSet(
            "a",
            cache
              .getOrSet("b", slow)
              .pipe(Effect.timeoutOption("1 second"), Effect.delay(0), (waited) =>
                Effect.andThen(waited, Effect.as(Effect.sleep("5 seconds"), "1"))
              )
          )
        )
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual(yield* Fiber.join(a), "1")
        assert.strictEqual(yield* Fiber.join(b), "1")
      }))

    test("an expired value is served when its lookup fails, for as long as the region says", () =>
      Effect.gen(function* () {
        const cache = yield* Cache.region({ ...texts, name: "stale", timeToLive: "10 seconds", staleFor: "1 minute" })
        const failing = Effect.fail(new LookupError({ attempt: 1 }))
        yield* cache.set("a", "1")
        yield* TestClock.adjust("69 seconds")
        assert.deepStrictEqual(yield* cache.get("a"), Option.none())
        assert.strictEqual(yield* cache.getOrSet("a", failing), "1")
        assert.strictEqual((yield* (yield* Cache.Cache).stats).stale, 1)
        yield* TestClock.adjust("1 second")
        assert.instanceOf(yield* Effect.flip(cache.getOrSet("a", failing)), LookupError)
      }))

    test("no expired value is served after a remove, nor where the region does not say so", () =>
      Effect.gen(function* () {
        const stale = yield* Cache.region({ ...texts, name: "stale", timeToLive: "10 seconds", staleFor: "1 minute" })
        const fresh = yield* Cache.region({ ...texts, name: "fresh", timeToLive: "10 seconds" })
        yield* stale.set("a", "1")
        yield* fresh.set("a", "1")
        yield* stale.remove("a")
        yield* TestClock.adjust("11 seconds")
        for (const cache of [stale, fresh]) {
          const failing = Effect.fail(new LookupError({ attempt: 1 }))
          assert.instanceOf(yield* Effect.flip(cache.getOrSet("a", failing)), LookupError)
        }
      }))

    // A fiber yields after some thousand operations: somewhere in the call, for some number of steps before it.
    test("an interruption at any forced yield leaves nothing held: the key can be filled again", () =>
      Effect.gen(function* () {
        const cache = yield* region
        let yielded = 0
        for (let steps = 1900; steps < 2100; steps++) {
          const key = `key-${steps}`
          const busy = Effect.forEach(Array.from({ length: steps }), () => Effect.void, { discard: true })
          for (const call of [cache.set(key, "1"), cache.clear, cache.getOrSet(key, Effect.never)]) {
            const fiber = yield* fork(Effect.andThen(busy, call))
            if (fiber.pollUnsafe() === undefined) yielded++
            yield* Fiber.interrupt(fiber)
          }
          let lookups = 0
          const lookup = Effect.sync(() => `${++lookups}`)
          yield* cache.remove(key)
          yield* cache.getOrSet(key, lookup)
          yield* TestClock.adjust(0)
          assert.strictEqual(yield* cache.getOrSet(key, lookup), "1", `after ${steps} steps`)
        }
        assert.isAbove(yielded, 100)
      }))

    test("services, log annotations and spans of the caller reach the lookup", () =>
      Effect.gen(function* () {
        const cache = yield* region
        const lookup = Effect.gen(function* () {
          const { name } = yield* User
          const annotations = yield* References.CurrentLogAnnotations
          const span = yield* Effect.currentParentSpan
          return [name, annotations.request, span._tag === "Span" ? span.name : ""].join()
        })
        const found = yield* cache
          .getOrSet("a", lookup)
          .pipe(
            Effect.annotateLogs("request", "r-1"),
            Effect.withSpan("outer"),
            Effect.provideService(User, { name: "ada" })
          )
        assert.strictEqual(found, "ada,r-1,outer")
      }))

    test("lookups in progress end with the cache", () =>
      Effect.gen(function* () {
        const running = yield* makeLookup(Effect.succeed("1"))
        const caller = yield* Effect.gen(function* () {
          const cache = yield* region
          const caller = yield* Effect.forkDetach(cache.getOrSet("a", running.lookup))
          yield* running.started
          return caller
        }).pipe(Effect.provide(Layer.fresh(layer)))
        const exit = yield* Fiber.await(caller)
        assert.isTrue(Exit.isFailure(exit) && Cause.hasInterrupts(exit.cause))
        assert.strictEqual(running.counts.interrupted, 1)
      }))
  })
}

describe("getOrSet and closing", () => {
  it.effect("a lookup that has not begun when the cache closes leaves nobody waiting", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(MemoryCache.layerCache, scope)
      const cache = yield* Effect.provide(region, context)
      const waiting = yield* fork(cache.getOrSet("a", Effect.succeed("1")))
      yield* Scope.close(scope, Exit.void)
      assert.isTrue(Exit.isFailure(yield* Fiber.await(waiting)))
    })
  )
})

describe("getOrSet and Redis", () => {
  testSimulated("the answer does not wait for the write: Redis frozen after the miss", () =>
    Effect.gen(function* () {
      const cache = yield* region
      const server = yield* SimulatedRedis.SimulatedRedis
      const startedAt = yield* Clock.currentTimeMillis
      assert.strictEqual(yield* cache.getOrSet("a", Effect.as(server.inject(Fault.freeze), "1")), "1")
      assert.strictEqual(yield* Clock.currentTimeMillis, startedAt)
      // Memory answers, in the place of a Redis that is given its patience: a lookup's value is no intent.
      const reading = yield* Effect.forkChild(cache.get("a"), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(reading), Option.some("1"))
    })
  )

  testSimulated("what was looked up is in Redis, for its timeToLive", () =>
    Effect.gen(function* () {
      const cache = yield* region
      const redis = yield* RedisClient.RedisClient
      yield* cache.getOrSet("a", Effect.succeed("1"), { timeToLive: 1234 })
      yield* eventually(Effect.map(redis.exists("cache:texts:v1:=a"), (count) => count === 1))
      assert.strictEqual(yield* redis.run(pttl), 1234)
    })
  )
})

class User extends Context.Service<User, { readonly name: string }>()("test/User") {}

type Texts = Cache.Region<string, string>

const pttl = RedisCommand.make("PTTL", ["cache:texts:v1:=a"])

/** Lets everything that can run, run. */
const settle = Effect.forEach(Array.from({ length: 50 }), () => Effect.yieldNow, { discard: true })
