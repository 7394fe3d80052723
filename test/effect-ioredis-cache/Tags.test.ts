import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option, Schema } from "effect"
import { RedisClient, RedisCommand } from "effect-ioredis"
import { Cache, MemoryCache, RefreshPolicy } from "effect-ioredis-cache"
import { Fault, SimulatedRedis } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"
import { layerProcess, layerSimulated, layerStrict, testSimulated } from "../suites/cacheLayers.ts"

const plain = { name: "texts", version: 1, key: Schema.String, value: Schema.String } as const
const tagged = { ...plain, name: "grouped", tags: true } as const

const otherProcess = <A, E, R>(use: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Layer.build(Layer.fresh(layerProcess())), (context) => Effect.provideContext(use, context))

/** From here on Redis is not asked, and no time passes in finding that out. */
const isolate = Effect.flatMap(RedisClient.RedisClient, ({ breaker }) => breaker.isolate)
const reset = Effect.flatMap(RedisClient.RedisClient, ({ breaker }) => breaker.reset)

const some = Option.some
const none = Option.none()

const lookup = (value: string) => Effect.succeed(value)

const everyCache = {
  memory: MemoryCache.layerCacheWith(),
  "Redis and memory": layerSimulated(),
  "Redis alone": layerStrict.pipe(Layer.provide(layerSimulated()))
}

for (const [name, layer] of Object.entries(everyCache)) {
  describe(`tags on ${name}`, () => {
    const test = <E>(title: string, body: Effect.Effect<void, E, Cache.Cache>) =>
      it.effect(title, () => Effect.provide(body, Layer.fresh(layer)))

    test(
      "make values misses, whichever region they are in",
      Effect.gen(function* () {
        const [texts, others] = [yield* Cache.region(plain), yield* Cache.region({ ...plain, name: "others" })]
        yield* texts.set("a", "1", { tags: ["user:1", "all"] })
        yield* texts.setMany(
          [
            ["b", "2"],
            ["c", "3"]
          ],
          { tags: ["user:2"] }
        )
        yield* texts.set("d", "4")
        yield* others.set("a", "5", { tags: ["user:1"] })
        assert.deepStrictEqual(yield* texts.getMany(["a", "b", "c", "d"]), [some("1"), some("2"), some("3"), some("4")])
        assert.deepStrictEqual(yield* others.get("a"), some("5"))
        assert.strictEqual(yield* Cache.invalidateTag("user:1"), "Applied")
        assert.deepStrictEqual(yield* texts.getMany(["a", "b", "c", "d"]), [none, some("2"), some("3"), some("4")])
        assert.deepStrictEqual(yield* others.get("a"), none)
        assert.strictEqual(yield* Cache.invalidateTag("user:2"), "Applied")
        assert.deepStrictEqual(yield* texts.getMany(["b", "d"]), [none, some("4")])
        assert.deepStrictEqual(yield* texts.get("c"), none)
      })
    )

    test(
      "are given to the last value of a key that is set twice at once",
      Effect.gen(function* () {
        const texts = yield* Cache.region(plain)
        const entries = [
          ["a", "1"],
          ["a", "2"],
          ["b", "3"]
        ] as const
        assert.deepStrictEqual(yield* texts.setMany(entries, { tags: ["x"] }), ["Applied", "Applied", "Applied"])
        assert.deepStrictEqual(yield* texts.getMany(["a", "b"]), [some("2"), some("3")])
      })
    )

    test(
      "have one token, however many values are given a new tag at once",
      Effect.gen(function* () {
        const texts = yield* Cache.region(plain)
        const sets = ["a", "b", "c"].map((key) => texts.set(key, key, { tags: ["x"] }))
        yield* Effect.all(sets, { concurrency: "unbounded" })
        assert.deepStrictEqual(yield* texts.getMany(["a", "b", "c"]), [some("a"), some("b"), some("c")])
      })
    )

    test(
      "are what a lookup's value is given, and a value that was invalidated is looked up anew",
      Effect.gen(function* () {
        const texts = yield* Cache.region(plain)
        const get = (value: string) => texts.getOrSet("a", lookup(value), { tags: ["x"] })
        assert.strictEqual(yield* get("1"), "1")
        assert.strictEqual(yield* get("2"), "1")
        yield* Cache.invalidateTag("x")
        assert.strictEqual(yield* get("3"), "3")
        assert.strictEqual(yield* get("4"), "3", "it took the place of the one that was invalidated")
      })
    )

    test(
      "are what a lookup of several keys gives its values",
      Effect.gen(function* () {
        const texts = yield* Cache.region(plain)
        const get = (value: string) =>
          texts.getOrSetMany(["a", "b"], (missing) => Effect.succeed(missing.map((key) => [key, value] as const)), {
            tags: ["x"]
          })
        assert.deepStrictEqual(yield* get("1"), [some("1"), some("1")])
        assert.deepStrictEqual(yield* get("2"), [some("1"), some("1")])
        yield* Cache.invalidateTag("x")
        assert.deepStrictEqual(yield* get("3"), [some("3"), some("3")])
        // The answer of a lookup does not wait for its write.
        yield* TestClock.adjust(10)
        assert.strictEqual(yield* texts.refresh("a", lookup("4"), { tags: ["x"] }), "4")
        yield* TestClock.adjust(10)
        assert.deepStrictEqual(yield* texts.getMany(["a", "b"]), [some("4"), some("3")])
      })
    )

    test(
      "that are invalidated while a lookup runs make a miss of its value",
      Effect.gen(function* () {
        const texts = yield* Cache.region(plain)
        yield* texts.getOrSet("a", Effect.as(Cache.invalidateTag("x"), "1"), { tags: ["x"] })
        assert.deepStrictEqual(yield* texts.get("a"), none)
      })
    )

    test(
      "that cannot be are refused, and leave nothing",
      Effect.gen(function* () {
        const texts = yield* Cache.region(plain)
        const many = Array.from({ length: 21 }, (_, index) => `t${index}`)
        const refused = [[""], many]
        for (const tags of refused) {
          yield* texts.set("a", "older")
          assert.strictEqual(yield* texts.set("a", "1", { tags }), "Rejected")
          assert.deepStrictEqual(yield* texts.get("a"), none)
          assert.strictEqual(yield* texts.getOrSet("a", lookup("1"), { tags }), "1")
          yield* TestClock.adjust(10)
          assert.deepStrictEqual(yield* texts.get("a"), none)
        }
        assert.strictEqual(yield* texts.set("a", "1", { tags: many.slice(1) }), "Applied")
        assert.deepStrictEqual(yield* texts.get("a"), some("1"))
      })
    )

    test(
      "of a region let clear make misses of all its values",
      Effect.gen(function* () {
        const texts = yield* Cache.region(tagged)
        yield* texts.set("a", "1")
        yield* texts.setMany([["b", "2"]], { tags: ["x"] })
        yield* texts.getOrSet("c", lookup("3"))
        assert.deepStrictEqual(yield* texts.getMany(["a", "b", "c"]), [some("1"), some("2"), some("3")])
        assert.strictEqual(yield* texts.clear, "Applied")
        assert.deepStrictEqual(yield* texts.getMany(["a", "b", "c"]), [none, none, none])
        assert.strictEqual(yield* texts.set("a", "4", { tags: ["x"] }), "Applied")
        assert.deepStrictEqual(yield* texts.get("a"), some("4"))
        yield* Cache.invalidateTag("x")
        assert.deepStrictEqual(yield* texts.get("a"), none)
      })
    )
  })
}

describe("tags and other processes", () => {
  testSimulated("one invalidates what another has read and holds in memory", () =>
    Effect.gen(function* () {
      const texts = yield* Cache.region(plain)
      yield* texts.set("a", "1", { tags: ["x"] })
      assert.deepStrictEqual(yield* texts.get("a"), some("1"))
      yield* otherProcess(
        Effect.gen(function* () {
          const there = yield* Cache.region(plain)
          assert.deepStrictEqual(yield* there.get("a"), some("1"))
          assert.strictEqual(yield* Cache.invalidateTag("x"), "Applied")
          assert.deepStrictEqual(yield* there.get("a"), none)
        })
      )
      assert.deepStrictEqual(yield* texts.get("a"), none)
    })
  )

  const evictTokens = Effect.flatMap(SimulatedRedis.SimulatedRedis, (server) =>
    Effect.flatMap(server.execute(RedisCommand.make("KEYS", ["cache:!tags:*"])), (keys) =>
      server.execute(RedisCommand.make("DEL", keys as ReadonlyArray<string>))
    )
  )

  testSimulated("a token that is evicted costs misses, and revives nothing", () =>
    Effect.gen(function* () {
      const texts = yield* Cache.region(plain)
      yield* texts.set("a", "1", { tags: ["x"] })
      yield* evictTokens
      assert.deepStrictEqual(yield* texts.get("a"), none)
      yield* texts.set("b", "2", { tags: ["x"] })
      assert.deepStrictEqual(yield* texts.getMany(["a", "b"]), [none, some("2")])
      yield* Cache.invalidateTag("x")
      yield* evictTokens
      assert.deepStrictEqual(yield* texts.getMany(["a", "b"]), [none, none])
    })
  )

  testSimulated("a token that is evicted was another's, and what an outage has deferred is older", () =>
    Effect.gen(function* () {
      const texts = yield* Cache.region(plain)
      yield* texts.set("a", "1", { tags: ["x"] })
      yield* isolate
      assert.strictEqual(yield* Cache.invalidateTag("x"), "Deferred")
      assert.strictEqual(yield* texts.set("a", "2", { tags: ["x"] }), "Deferred")
      const there = yield* otherProcess(
        Effect.gen(function* () {
          yield* TestClock.adjust(100)
          assert.strictEqual(yield* Cache.invalidateTag("x"), "Applied")
          return yield* Cache.region(plain)
        })
      )
      yield* evictTokens
      yield* reset
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(yield* there.get("a"), none)
    })
  )

  testSimulated("in an outage memory has what is not invalidated, and afterwards Redis has it too", () =>
    Effect.gen(function* () {
      const texts = yield* Cache.region(plain)
      yield* texts.set("a", "1", { tags: ["x"] })
      yield* texts.set("b", "2", { tags: ["y"] })
      yield* texts.set("c", "3")
      yield* isolate
      assert.deepStrictEqual(yield* texts.getMany(["a", "b"]), [some("1"), some("2")])
      assert.strictEqual(yield* Cache.invalidateTag("x"), "Deferred")
      assert.deepStrictEqual(yield* texts.getMany(["a", "b"]), [none, some("2")])
      assert.strictEqual(yield* texts.set("c", "4", { tags: ["x"] }), "Deferred")
      assert.strictEqual(yield* texts.set("d", "5", { tags: ["new"] }), "Deferred")
      assert.deepStrictEqual(yield* texts.getMany(["c", "d"]), [some("4"), some("5")])
      yield* reset
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(yield* texts.getMany(["a", "b", "c"]), [none, some("2"), some("4")])
      yield* otherProcess(
        Effect.gen(function* () {
          const there = yield* Cache.region(plain)
          assert.deepStrictEqual(yield* there.getMany(["a", "b", "c"]), [none, some("2"), some("4")])
        })
      )
    })
  )

  testSimulated("a read of a value whose token does not come waits no longer than patience", () =>
    Effect.gen(function* () {
      const texts = yield* Cache.region(plain)
      const server = yield* SimulatedRedis.SimulatedRedis
      yield* otherProcess(Effect.flatMap(Cache.region(plain), (there) => there.set("a", "1", { tags: ["x"] })))
      yield* server.inject(Fault.delay("700 millis"))
      const read = yield* Effect.forkChild(texts.get("a"), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      assert.isDefined(read.pollUnsafe())
    })
  )
})

describe("a call with tags waits no longer than patience, however many tokens it wants", () => {
  const tags = { tags: ["x", "new"] }
  const lookups = (missing: ReadonlyArray<string>) => Effect.succeed(missing.map((key) => [key, "2"] as const))
  const calls: { readonly [name: string]: (texts: Cache.Region<string, string>) => Effect.Effect<unknown> } = {
    set: (texts) => texts.set("b", "2", tags),
    setMany: (texts) => texts.setMany([["b", "2"]], tags),
    getOrSet: (texts) => texts.getOrSet("b", lookup("2"), tags),
    getOrSetMany: (texts) => texts.getOrSetMany(["a", "b"], lookups, tags),
    refresh: (texts) => texts.refresh("a", lookup("2"), tags)
  }
  for (const [name, call] of Object.entries(calls)) {
    testSimulated(name, () =>
      Effect.gen(function* () {
        const texts = yield* Cache.region(plain)
        const server = yield* SimulatedRedis.SimulatedRedis
        yield* otherProcess(Effect.flatMap(Cache.region(plain), (there) => there.set("a", "1", { tags: ["x"] })))
        yield* server.inject(Fault.delay("700 millis"))
        const fiber = yield* Effect.forkChild(call(texts), { startImmediately: true })
        for (let moment = 0; moment < 10; moment++) yield* TestClock.adjust(100)
        // What has no time left is asked for all the same, for a millisecond.
        for (let moment = 0; moment < 10; moment++) yield* TestClock.adjust(1)
        assert.isDefined(fiber.pollUnsafe())
      })
    )
  }
})

describe("tags and expired values", () => {
  testSimulated("an expired value is served where its lookup fails, until one of its tags is invalidated", () =>
    Effect.gen(function* () {
      const texts = yield* Cache.region({ ...plain, timeToLive: "10 seconds", staleFor: "1 hour" })
      const failing = texts.getOrSet("a", Effect.fail("the lookup failed"), { tags: ["x"] })
      yield* texts.set("a", "1", { tags: ["x"] })
      yield* TestClock.adjust("11 seconds")
      assert.strictEqual(yield* failing, "1")
      yield* otherProcess(Cache.invalidateTag("x"))
      assert.strictEqual(yield* Effect.flip(failing), "the lookup failed")
      yield* texts.set("a", "2", { tags: ["x"] })
      yield* TestClock.adjust("11 seconds")
      assert.strictEqual(yield* failing, "2")
    })
  )

  testSimulated("one whose tag was invalidated is looked up, although the rest of its batch has begun", () =>
    Effect.gen(function* () {
      const policy = { staleFor: "1 hour", refresh: RefreshPolicy.afterExpiry } as const
      const texts = yield* Cache.region({ ...plain, ...policy, timeToLive: "10 seconds" })
      const server = yield* SimulatedRedis.SimulatedRedis
      yield* texts.set("b", "old", { tags: ["x"] })
      yield* TestClock.adjust("11 seconds")
      yield* otherProcess(Cache.invalidateTag("x"))
      yield* server.inject(Fault.delay(10))
      const lookups = (missing: ReadonlyArray<string>) => Effect.succeed(missing.map((key) => [key, "new"] as const))
      const read = yield* Effect.forkChild(texts.getOrSetMany(["a", "b"], lookups), { startImmediately: true })
      // What is missing is looked up while the token of the other one is asked for.
      for (let moment = 0; moment < 10; moment++) yield* TestClock.adjust(5)
      assert.deepStrictEqual(yield* Fiber.join(read), [some("new"), some("new")])
    })
  )

  testSimulated("a value that is due for a refresh is given while its tags hold", () =>
    Effect.gen(function* () {
      const policy = { staleFor: "1 hour", refresh: RefreshPolicy.afterExpiry } as const
      const texts = yield* Cache.region({ ...plain, ...policy, timeToLive: "10 seconds" })
      const get = (value: string) => texts.getOrSet("a", lookup(value), { tags: ["x"] })
      assert.strictEqual(yield* get("1"), "1")
      yield* TestClock.adjust("11 seconds")
      assert.strictEqual(yield* get("2"), "1")
      yield* TestClock.adjust(10)
      assert.strictEqual(yield* get("3"), "2", "the refresh gave it its tags again")
      yield* Cache.invalidateTag("x")
      assert.strictEqual(yield* get("4"), "4")
    })
  )
})

describe("a set with tags", () => {
  it.effect("that is interrupted at any forced yield leaves nothing held: the key can be filled again", () =>
    Effect.gen(function* () {
      const texts = yield* Cache.region(plain)
      let yielded = 0
      // A fiber yields after some thousand operations.
      for (let steps = 1950; steps < 2100; steps++) {
        const busy = Effect.forEach(Array.from({ length: steps }), () => Effect.void, { discard: true })
        const set = texts.set("a", "1", { tags: ["x"] })
        const fiber = yield* Effect.forkChild(Effect.andThen(busy, set), { startImmediately: true })
        if (fiber.pollUnsafe() === undefined) yielded++
        yield* Fiber.interrupt(fiber)
        yield* texts.remove("a")
        yield* texts.getOrSet("a", lookup("2"))
        assert.deepStrictEqual(yield* texts.get("a"), some("2"), `after ${steps} steps`)
      }
      assert.isAbove(yielded, 50)
    }).pipe(Effect.provide(MemoryCache.layerCacheWith()))
  )
})

for (const [name, layer] of [
  ["Redis and memory", layerSimulated()],
  ["Redis alone", layerStrict.pipe(Layer.provideMerge(layerSimulated()))]
] as const) {
  describe(`sets with tags that wait for their tokens, on ${name}`, () => {
    const test = <E>(
      title: string,
      body: (texts: Cache.Region<string, string>, server: SimulatedRedis.SimulatedRedis) => Effect.Effect<void, E>
    ) =>
      it.effect(title, () =>
        Effect.gen(function* () {
          const texts = yield* Cache.region(tagged)
          yield* texts.set("k", "v0")
          yield* TestClock.adjust(1)
          const server = yield* SimulatedRedis.SimulatedRedis
          yield* server.inject(Fault.delay(100))
          yield* body(texts, server)
          yield* server.heal
        }).pipe(Effect.provide(layer))
      )

    const begin = <A, E>(write: Effect.Effect<A, E>) =>
      Effect.tap(Effect.forkChild(write, { startImmediately: true }), TestClock.adjust(5))

    const pass = Effect.forEach(Array.from({ length: 60 }), () => TestClock.adjust(10), { discard: true })

    test("an interrupted one overtakes none", (texts, server) =>
      Effect.gen(function* () {
        const one = yield* begin(texts.set("k", "v1"))
        const two = yield* begin(texts.set("k", "v2"))
        yield* Fiber.interrupt(two)
        yield* pass
        yield* Fiber.join(one)
        yield* server.heal
        assert.deepStrictEqual(yield* texts.get("k"), some("v1"))
      }))

    test("a lookup that began before one does not overtake it", (texts, server) =>
      Effect.gen(function* () {
        yield* server.heal
        const slow = Effect.as(Effect.sleep(50), "looked up")
        const lookup = yield* begin(texts.getOrSet("l", slow))
        yield* server.inject(Fault.delay(100))
        const set = yield* begin(texts.set("l", "set", { tags: ["of its own"] }))
        yield* pass
        yield* Effect.all([Fiber.join(lookup), Fiber.join(set)])
        yield* server.heal
        assert.deepStrictEqual(yield* texts.get("l"), some("set"))
      }))

    test("the last one holds, and a removal of all before it", (texts, server) =>
      Effect.gen(function* () {
        yield* begin(texts.set("k", "v1"))
        yield* begin(texts.set("k", "v2", { tags: ["of its own"] }))
        yield* begin(texts.set("k", "v3"))
        yield* begin(texts.set("l", "v1"))
        yield* begin(texts.remove("l"))
        yield* pass
        yield* server.heal
        yield* pass
        assert.deepStrictEqual(yield* texts.getMany(["k", "l"]), [some("v3"), none])
      }))
  })
}

describe("a clear of a region with tags", () => {
  testSimulated("lets what is looked up after it be stored, though Redis is still being emptied", () =>
    Effect.gen(function* () {
      const texts = yield* Cache.region(tagged)
      yield* texts.set("a", "old")
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* texts.clear, "Applied")
      assert.strictEqual(yield* texts.getOrSet("k", lookup("1")), "1")
      assert.strictEqual(yield* texts.getOrSet("k", lookup("2")), "1")
      assert.deepStrictEqual(yield* texts.get("a"), none)
    })
  )

  it.effect("takes nothing away that is written after it, without a journal either", () =>
    Effect.gen(function* () {
      const texts = yield* Cache.region(tagged)
      const server = yield* SimulatedRedis.SimulatedRedis
      const keys = Array.from({ length: 2000 }, (_, index) => `k${index}`)
      yield* texts.setMany(keys.map((key) => [key, "old"] as const))
      yield* TestClock.adjust(1)
      yield* server.inject(Fault.delay(10))
      const setAgain = Effect.andThen(
        texts.clear,
        texts.setMany(keys.slice(0, 100).map((key) => [key, "new"] as const))
      )
      const writing = yield* Effect.forkChild(setAgain, { startImmediately: true })
      for (let moment = 0; moment < 100; moment++) yield* TestClock.adjust(10)
      yield* Fiber.join(writing)
      const left = Array.from((yield* server.entries).keys()).filter((key) => key.startsWith("cache:grouped:"))
      assert.strictEqual(left.length, 100)
    }).pipe(Effect.provide(layerStrict.pipe(Layer.provideMerge(layerSimulated()))))
  )

  testSimulated("is answered at once, and Redis is emptied slowly, of what was there", () =>
    Effect.gen(function* () {
      const texts = yield* Cache.region(tagged)
      const server = yield* SimulatedRedis.SimulatedRedis
      const count = Effect.map(
        server.entries,
        (entries) => Array.from(entries.keys()).filter((key) => key.startsWith("cache:grouped:")).length
      )
      const entries = Array.from({ length: 3000 }, (_, index) => [`k${index}`, "old"] as const)
      yield* texts.setMany(entries)
      assert.strictEqual(yield* count, 3000)
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* texts.clear, "Applied")
      assert.isAbove(yield* count, 1000, "no time has passed")
      yield* texts.set("k0", "new")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* count, 1)
      assert.deepStrictEqual(yield* texts.getMany(["k0", "k1"]), [some("new"), none])
    })
  )
})

describe("tags of a near region", () => {
  testSimulated("have their tokens near: memory answers both, and is told of what another process invalidates", () =>
    Effect.gen(function* () {
      const near = { maxStaleness: "1 second" } as const
      const texts = yield* Cache.region({ ...tagged, near })
      const server = yield* SimulatedRedis.SimulatedRedis
      const reads = Effect.map(
        server.received,
        (all) => all.filter(({ name }) => name === "GET" || name === "MGET").length
      )
      yield* TestClock.adjust("1 second")
      yield* texts.set("a", "1", { tags: ["x"] })
      yield* TestClock.adjust(10)
      assert.deepStrictEqual(yield* texts.get("a"), some("1"))
      yield* TestClock.adjust(10)
      const before = yield* reads
      assert.deepStrictEqual(yield* texts.get("a"), some("1"))
      assert.strictEqual(yield* reads, before, "nothing was asked for")
      yield* otherProcess(Cache.invalidateTag("x"))
      yield* TestClock.adjust(10)
      assert.deepStrictEqual(yield* texts.get("a"), none)
    })
  )
})
