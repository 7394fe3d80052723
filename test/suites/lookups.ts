import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Context, Data, Duration, Effect, Exit, Fiber, type Layer, Option, Random, Schema } from "effect"
import { Cache, ReadThrough, RefreshPolicy } from "effect-ioredis-cache"
import { TestClock } from "effect/testing"

class LookupError extends Data.TaggedError("LookupError")<{ readonly attempt: number }> {}

const texts = { name: "texts", version: 1, key: Schema.String, value: Schema.String, timeToLive: "10 seconds" } as const

/** What every `Cache` promises of lookups that are slow or fail, to the millisecond, whatever keeps its values. */
export const lookupSuite = (name: string, layer: Layer.Layer<Cache.Cache, unknown>): void => {
  const test = (title: string, body: () => Effect.Effect<void, unknown, Cache.Cache>) =>
    it.effect(title, () => Effect.provideService(Effect.provide(body(), layer), Random.Random, drawing(Math.exp(-1))))

  describe(`staleFor on ${name}`, () => {
    test("an expired value takes the place of a failed lookup's, to the millisecond, and of nothing else", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region({ ...texts, staleFor: "1 minute" })
        yield* region.set("a", "1")
        yield* TestClock.adjust(69_999)
        assert.deepStrictEqual(yield* region.get("a"), Option.none())
        assert.deepStrictEqual(yield* region.getMany(["a"]), [Option.none()])
        const lookup = failing(0)
        assert.deepStrictEqual(yield* valuesOf(yield* callers(region.getOrSet("a", lookup.effect))), ["1"])
        assert.strictEqual(lookup.runs(), 1)
        assert.strictEqual((yield* (yield* Cache.Cache).stats).stale, 50)
        yield* TestClock.adjust(1)
        assert.strictEqual(yield* failureOf(region.getOrSet("a", lookup.effect)), "LookupError 2")
      }))

    test("a lookup that succeeds is given in the place of an expired value", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region({ ...texts, staleFor: "1 minute" })
        yield* region.set("a", "1")
        yield* TestClock.adjust("11 seconds")
        assert.strictEqual(yield* region.getOrSet("a", Effect.succeed("2")), "2")
        yield* settle
        assert.deepStrictEqual(yield* region.get("a"), Option.some("2"))
        assert.strictEqual((yield* (yield* Cache.Cache).stats).stale, 0)
      }))

    for (const [what, write] of [
      ["a set", (region: Texts) => region.set("a", "new")],
      ["a remove", (region: Texts) => region.remove("a")],
      ["a clear", (region: Texts) => region.clear]
    ] as const) {
      test(`no expired value is served that is older than ${what}, before the lookup or meanwhile`, () =>
        Effect.gen(function* () {
          const region = yield* Cache.region({ ...texts, staleFor: "1 minute" })
          yield* region.set("a", "old")
          yield* TestClock.adjust("11 seconds")
          const before = yield* callers(region.getOrSet("a", failing(100).effect))
          yield* write(region)
          const after = yield* callers(region.getOrSet("a", failing(100).effect))
          yield* TestClock.adjust(100)
          for (const values of [yield* valuesOf(before), yield* valuesOf(after)]) assert.notInclude(values, "old")
        }))
    }
  })

  describe(`lookupTimeout on ${name}`, () => {
    test("soft: an expired value is given then, and the lookup goes on and is stored", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region({ ...texts, staleFor: "1 minute", lookupTimeout: { soft: "100 millis" } })
        yield* region.set("a", "old")
        yield* TestClock.adjust("11 seconds")
        const lookup = giving("new", 1000)
        const fibers = yield* callers(timed(region.getOrSet("a", lookup.effect)))
        yield* TestClock.adjust(99)
        assert.strictEqual(waiting(fibers), 50)
        yield* TestClock.adjust(1)
        assert.deepStrictEqual(yield* valuesOf(fibers), ["old after 100"])
        assert.strictEqual((yield* (yield* Cache.Cache).stats).stale, 50)
        yield* TestClock.adjust(899)
        assert.deepStrictEqual(yield* region.get("a"), Option.none())
        yield* TestClock.adjust(1)
        yield* settle
        assert.deepStrictEqual(yield* region.get("a"), Option.some("new"))
        assert.deepStrictEqual([lookup.runs(), lookup.interrupted()], [1, 0])
      }))

    test("soft: without an expired value the lookup is waited for", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region({ ...texts, staleFor: "1 minute", lookupTimeout: { soft: "100 millis" } })
        const lookup = giving("new", 1000)
        const fibers = yield* callers(timed(region.getOrSet("a", lookup.effect)))
        yield* TestClock.adjust(1000)
        assert.deepStrictEqual(yield* valuesOf(fibers), ["new after 1000"])
        const left = yield* callers(region.getOrSet("b", lookup.effect))
        yield* TestClock.adjust(500)
        yield* Fiber.interruptAll(left)
        assert.deepStrictEqual([lookup.runs(), lookup.interrupted()], [2, 1])
      }))

    test("soft: an expired value whose time has come by then is not given", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region({ ...texts, staleFor: "1 second", lookupTimeout: { soft: "100 millis" } })
        yield* region.set("a", "old")
        yield* TestClock.adjust(10_900)
        const fibers = yield* callers(timed(region.getOrSet("a", giving("new", 1000).effect)))
        yield* TestClock.adjust(1000)
        assert.deepStrictEqual(yield* valuesOf(fibers), ["new after 1000"])
      }))

    test("hard: the lookup ends with its error, to the millisecond", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region({ ...texts, lookupTimeout: { hard: "300 millis" } })
        const lookup = giving("new", 1000)
        const fibers = yield* callers(timed(Effect.flip(region.getOrSet("a", lookup.effect))))
        yield* TestClock.adjust(299)
        assert.strictEqual(waiting(fibers), 50)
        yield* TestClock.adjust(1)
        assert.deepStrictEqual(yield* valuesOf(fibers), [
          "LookupTimeoutError: A lookup of region texts took longer than its 300ms after 300"
        ])
        assert.deepStrictEqual([lookup.runs(), lookup.interrupted()], [1, 1])
        assert.strictEqual(yield* region.getOrSet("a", Effect.succeed("next")), "next")
      }))

    test("hard: a lookup that ends in time is none the worse for it", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region({ ...texts, lookupTimeout: { hard: "300 millis" } })
        const fibers = yield* callers(timed(region.getOrSet("a", giving("new", 299).effect)))
        yield* TestClock.adjust(299)
        assert.deepStrictEqual(yield* valuesOf(fibers), ["new after 299"])
        yield* TestClock.adjust("5 seconds")
        assert.deepStrictEqual(yield* region.get("a"), Option.some("new"))
      }))

    test("hard: a lookup that cannot be interrupted keeps nobody waiting, and is not stored", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region({ ...texts, lookupTimeout: { hard: "300 millis" } })
        const fibers = yield* callers(
          timed(Effect.flip(region.getOrSet("a", Effect.uninterruptible(giving("late", 1000).effect))))
        )
        yield* TestClock.adjust(300)
        assert.include((yield* valuesOf(fibers))[0], "after 300")
        yield* TestClock.adjust(1000)
        assert.deepStrictEqual(yield* region.get("a"), Option.none())
      }))

    test("hard: where there is an expired value, that is given then", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region({ ...texts, staleFor: "1 minute", lookupTimeout: { hard: "300 millis" } })
        yield* region.set("a", "old")
        yield* TestClock.adjust("11 seconds")
        const lookup = giving("new", 1000)
        const fibers = yield* callers(timed(region.getOrSet("a", lookup.effect)))
        yield* TestClock.adjust(300)
        assert.deepStrictEqual(yield* valuesOf(fibers), ["old after 300"])
        assert.deepStrictEqual([lookup.runs(), lookup.interrupted()], [1, 1])
      }))

    test("hard: a lookup that asks for its own key is told so at once", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region({ ...texts, lookupTimeout: { hard: "300 millis" } })
        const exit = yield* Effect.exit(region.getOrSet("a", region.getOrSet("a", Effect.succeed("1"))))
        assert.instanceOf(Exit.isFailure(exit) && Cause.squash(exit.cause), Cache.LookupCycleError)
      }))
  })

  describe(`refresh policies on ${name}`, () => {
    test("afterExpiry: an expired value is given at once while one lookup brings the next", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region({ ...texts, staleFor: "1 minute", refresh: RefreshPolicy.afterExpiry })
        yield* region.getOrSet("a", Effect.succeed("old"))
        yield* TestClock.adjust(9_999)
        const lookup = giving("new", 1000)
        assert.strictEqual(yield* region.getOrSet("a", lookup.effect), "old")
        assert.strictEqual(lookup.runs(), 0)
        yield* TestClock.adjust(1)
        const fibers = yield* callers(timed(region.getOrSet("a", lookup.effect)))
        assert.deepStrictEqual(yield* valuesOf(fibers), ["old after 0"])
        assert.strictEqual((yield* (yield* Cache.Cache).stats).stale, 50)
        yield* TestClock.adjust(999)
        assert.deepStrictEqual(yield* region.get("a"), Option.none())
        yield* TestClock.adjust(1)
        yield* settle
        assert.deepStrictEqual(yield* region.get("a"), Option.some("new"))
        assert.deepStrictEqual([lookup.runs(), lookup.interrupted()], [1, 0])
      }))

    test("fromAge: from then on one lookup brings the next value, which takes the place of the one that is fresh", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region({ ...texts, refresh: RefreshPolicy.fromAge("4 seconds") })
        yield* region.set("a", "old")
        yield* TestClock.adjust(3_999)
        const lookup = giving("new", 1000)
        assert.strictEqual(yield* region.getOrSet("a", lookup.effect), "old")
        yield* TestClock.adjust(1)
        assert.strictEqual(lookup.runs(), 0)
        const fibers = yield* callers(timed(region.getOrSet("a", lookup.effect)))
        assert.deepStrictEqual(yield* valuesOf(fibers), ["old after 0"])
        yield* TestClock.adjust(999)
        assert.deepStrictEqual(yield* region.get("a"), Option.some("old"))
        yield* TestClock.adjust(1)
        yield* settle
        assert.deepStrictEqual(yield* region.get("a"), Option.some("new"))
        // Its age counts from when its lookup began, and its life from when it was stored.
        yield* TestClock.adjust(2_999)
        assert.strictEqual(yield* region.getOrSet("a", lookup.effect), "new")
        yield* settle
        assert.strictEqual(lookup.runs(), 1)
        yield* TestClock.adjust(1)
        assert.strictEqual(yield* region.getOrSet("a", lookup.effect), "new")
        yield* settle
        assert.strictEqual(lookup.runs(), 2)
      }))

    test("ahead: the earlier the longer the lookup took", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region({ ...texts, refresh: RefreshPolicy.ahead({ beta: 2 }) })
        const lookup = giving("old", 500)
        const first = yield* callers(region.getOrSet("a", lookup.effect))
        yield* TestClock.adjust(500)
        yield* valuesOf(first)
        yield* settle
        const next = giving("new", 500)
        // -ln of the random number is 1, and the header keeps the lookup's time to about 0.3 %.
        yield* TestClock.adjust(8_990)
        assert.strictEqual(yield* region.getOrSet("a", next.effect), "old")
        yield* settle
        assert.strictEqual(next.runs(), 0)
        yield* TestClock.adjust(20)
        assert.deepStrictEqual(yield* valuesOf(yield* callers(region.getOrSet("a", next.effect))), ["old"])
        yield* TestClock.adjust(500)
        yield* settle
        assert.deepStrictEqual(yield* region.get("a"), Option.some("new"))
        assert.strictEqual(next.runs(), 1)
        yield* region.set("b", "1")
        yield* TestClock.adjust(9_999)
        assert.strictEqual(yield* region.getOrSet("b", next.effect), "1")
        yield* settle
        assert.strictEqual(next.runs(), 1)
      }))

    test("a refresh that fails leaves what there is, and is tried again after a second", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region({ ...texts, refresh: RefreshPolicy.fromAge("1 second") })
        yield* region.set("a", "1")
        yield* TestClock.adjust("2 seconds")
        const lookup = failing(100)
        assert.deepStrictEqual(yield* valuesOf(yield* callers(region.getOrSet("a", lookup.effect))), ["1"])
        yield* TestClock.adjust(100)
        assert.strictEqual(lookup.runs(), 1)
        yield* TestClock.adjust(999)
        assert.deepStrictEqual(yield* valuesOf(yield* callers(region.getOrSet("a", lookup.effect))), ["1"])
        yield* settle
        assert.strictEqual(lookup.runs(), 1)
        yield* TestClock.adjust(1)
        assert.deepStrictEqual(yield* valuesOf(yield* callers(region.getOrSet("a", lookup.effect))), ["1"])
        yield* settle
        assert.strictEqual(lookup.runs(), 2)
      }))

    test("a refresh that failed says nothing to whoever finds no value: the lookup is tried", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region({ ...texts, refresh: RefreshPolicy.fromAge("9 seconds") })
        yield* region.set("a", "1")
        yield* TestClock.adjust(9_999)
        assert.strictEqual(yield* region.getOrSet("a", failing(0).effect), "1")
        yield* settle
        yield* TestClock.adjust(1)
        assert.strictEqual(yield* region.getOrSet("a", Effect.succeed("2")), "2")
      }))

    test("who finds no value joins the refresh that runs", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region({ ...texts, refresh: RefreshPolicy.fromAge("9 seconds") })
        yield* region.set("a", "1")
        yield* TestClock.adjust("9 seconds")
        const lookup = giving("2", 5000)
        assert.strictEqual(yield* region.getOrSet("a", lookup.effect), "1")
        yield* TestClock.adjust("1 second")
        const fibers = yield* callers(timed(region.getOrSet("a", lookup.effect)))
        yield* TestClock.adjust("4 seconds")
        assert.deepStrictEqual(yield* valuesOf(fibers), ["2 after 4000"])
        assert.strictEqual(lookup.runs(), 1)
      }))

    for (const [what, write, left] of [
      ["set", (region: Texts) => region.set("a", "set"), "set"],
      ["remove", (region: Texts) => region.remove("a"), undefined],
      ["clear", (region: Texts) => region.clear, undefined]
    ] as const) {
      test(`a refresh gives way to a ${what} that came meanwhile`, () =>
        Effect.gen(function* () {
          const region = yield* Cache.region({ ...texts, refresh: RefreshPolicy.fromAge("1 second") })
          yield* region.set("a", "old")
          yield* TestClock.adjust("2 seconds")
          assert.strictEqual(yield* region.getOrSet("a", giving("new", 100).effect), "old")
          yield* settle
          yield* write(region)
          yield* TestClock.adjust(100)
          yield* settle
          assert.strictEqual(Option.getOrUndefined(yield* region.get("a")), left)
        }))
    }
  })

  describe(`retryAfterFailure on ${name}`, () => {
    test("a failed lookup is not tried again for so long, to the millisecond", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region({ ...texts, retryAfterFailure: "1 second" })
        const lookup = failing(100)
        const first = yield* callers(timed(Effect.flip(region.getOrSet("a", lookup.effect))))
        yield* TestClock.adjust(100)
        assert.deepStrictEqual(yield* valuesOf(first), ["LookupError 1 after 100"])
        yield* TestClock.adjust(999)
        const second = yield* callers(timed(Effect.flip(region.getOrSet("a", lookup.effect))))
        assert.deepStrictEqual(yield* valuesOf(second), ["LookupError 1 after 0"])
        yield* TestClock.adjust(1)
        const third = yield* callers(timed(Effect.flip(region.getOrSet("a", lookup.effect))))
        yield* TestClock.adjust(100)
        assert.deepStrictEqual(yield* valuesOf(third), ["LookupError 2 after 100"])
        assert.strictEqual(yield* region.getOrSet("b", Effect.succeed("another key")), "another key")
      }))

    test("meanwhile the expired value is given", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region({ ...texts, staleFor: "1 minute", retryAfterFailure: "1 second" })
        yield* region.set("a", "old")
        yield* TestClock.adjust("11 seconds")
        const lookup = failing(0)
        for (let i = 0; i < 2; i++) {
          assert.deepStrictEqual(yield* valuesOf(yield* callers(region.getOrSet("a", lookup.effect))), ["old"])
        }
        assert.strictEqual(lookup.runs(), 1)
      }))

    for (const [what, write] of [
      ["set", (region: Texts) => Effect.andThen(region.set("a", "1", { timeToLive: 1 }), TestClock.adjust(1))],
      ["remove", (region: Texts) => region.remove("a")],
      ["removeMany", (region: Texts) => region.removeMany(["b", "a"])],
      ["clear", (region: Texts) => region.clear]
    ] as const) {
      test(`${what} ends that`, () =>
        Effect.gen(function* () {
          const region = yield* Cache.region({ ...texts, retryAfterFailure: "1 minute" })
          assert.strictEqual(yield* failureOf(region.getOrSet("a", failing(0).effect)), "LookupError 1")
          yield* write(region)
          assert.strictEqual(yield* region.getOrSet("a", Effect.succeed("2")), "2")
        }))
    }

    test("a lookup that fails after a remove is not remembered, nor one that is interrupted", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region({ ...texts, retryAfterFailure: "1 minute" })
        const before = yield* callers(Effect.exit(region.getOrSet("a", failing(100).effect)))
        yield* region.remove("a")
        yield* TestClock.adjust(100)
        yield* Fiber.joinAll(before)
        assert.strictEqual(yield* region.getOrSet("a", Effect.succeed("1")), "1")
        yield* Effect.exit(region.getOrSet("b", Effect.interrupt))
        assert.strictEqual(yield* region.getOrSet("b", Effect.succeed("1")), "1")
      }))
  })

  describe(`getOrSetMany on ${name}`, () => {
    test("one lookup for all that is missing, once for 50 callers, and answers in the order asked", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region(texts)
        yield* region.set("b", "there")
        const lookup = giving("", 100)
        const asked: Array<ReadonlyArray<string>> = []
        const many = (missing: ReadonlyArray<string>) => {
          asked.push(missing)
          return Effect.as(
            lookup.effect,
            new Map(missing.filter((key) => key !== "none").map((key) => [key, `${key}!`]))
          )
        }
        const keys = ["a", "b", "none", "c", "a"]
        const fibers = yield* callers(
          timed(Effect.map(region.getOrSetMany(keys, many), (found) => found.map(Option.getOrUndefined).join()))
        )
        yield* TestClock.adjust(100)
        assert.deepStrictEqual(yield* valuesOf(fibers), ["a!,there,,c!,a! after 100"])
        assert.deepStrictEqual(asked, [["a", "none", "c"]])
        yield* settle
        assert.deepStrictEqual(yield* region.getMany(["a", "b", "none", "c"]), [
          Option.some("a!"),
          Option.some("there"),
          Option.none(),
          Option.some("c!")
        ])
        assert.strictEqual((yield* (yield* Cache.Cache).stats).lookups, 1)
        assert.deepStrictEqual(yield* region.getOrSetMany([], many), [])
        assert.deepStrictEqual(yield* region.getOrSetMany(["a", "b"], many), [Option.some("a!"), Option.some("there")])
        assert.strictEqual(asked.length, 1)
      }))

    test("a key that is being looked up is waited for, by one and by the other", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region(texts)
        const single = giving("single", 200)
        const first = yield* callers(region.getOrSet("a", single.effect))
        const asked: Array<ReadonlyArray<string>> = []
        const many = (missing: ReadonlyArray<string>) => {
          asked.push(missing)
          return Effect.as(Effect.sleep(100), [["b", "many"]] as const)
        }
        const second = yield* callers(timed(Effect.map(region.getOrSetMany(["a", "b", "c"], many), shownAll)))
        const third = yield* callers(timed(region.getOrSet("b", Effect.die("it is looked up"))))
        // The lookup of several has no value for this one.
        const own = giving("own", 50)
        const fourth = yield* callers(timed(region.getOrSet("c", own.effect)))
        yield* TestClock.adjust(200)
        assert.deepStrictEqual(yield* valuesOf(first), ["single"])
        assert.deepStrictEqual(yield* valuesOf(second), ["single,many, after 200"])
        assert.deepStrictEqual(yield* valuesOf(third), ["many after 100"])
        assert.deepStrictEqual(yield* valuesOf(fourth), ["own after 150"])
        assert.deepStrictEqual(asked, [["b", "c"]])
        assert.deepStrictEqual([single.runs(), own.runs()], [1, 1])
      }))

    test("whoever joins it and gets no value looks up as if it had come alone", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region({ ...texts, staleFor: "1 minute" })
        yield* region.setMany([
          ["a", "old"],
          ["b", "old"]
        ])
        yield* TestClock.adjust("11 seconds")
        yield* callers(region.getOrSetMany(["a", "b"], () => Effect.as(Effect.sleep(100), [])))
        const own = giving("own", 50)
        const first = yield* callers(region.getOrSet("a", own.effect))
        const bridged = yield* callers(region.getOrSet("b", failing(50).effect))
        yield* TestClock.adjust(150)
        assert.deepStrictEqual(yield* valuesOf(first), ["own"])
        yield* settle
        yield* callers(region.getOrSet("a", own.effect))
        assert.strictEqual(own.runs(), 1)
        assert.deepStrictEqual(yield* valuesOf(bridged), ["old"])
      }))

    test("its failure is everybody's, and expired values take its place where there are some for all", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region({ ...texts, staleFor: "1 minute" })
        yield* region.setMany([
          ["a", "1"],
          ["b", "2"]
        ])
        yield* TestClock.adjust("11 seconds")
        const lookup = failing(100)
        const call = (keys: ReadonlyArray<string>) => region.getOrSetMany(keys, () => lookup.effect)
        const fibers = yield* callers(timed(Effect.map(call(["a", "b"]), shownAll)))
        yield* TestClock.adjust(100)
        assert.deepStrictEqual(yield* valuesOf(fibers), ["1,2 after 100"])
        const failed = yield* callers(timed(Effect.flip(call(["a", "c"]))))
        yield* TestClock.adjust(100)
        assert.deepStrictEqual(yield* valuesOf(failed), ["LookupError 2 after 100"])
        assert.strictEqual(lookup.runs(), 2)
      }))

    test("what is due is refreshed by one lookup that nobody waits for", () =>
      Effect.gen(function* () {
        const refresh = RefreshPolicy.fromAge("1 second")
        const region = yield* Cache.region({ ...texts, staleFor: "1 minute", refresh })
        yield* region.setMany([
          ["a", "1"],
          ["b", "2"]
        ])
        yield* TestClock.adjust("2 seconds")
        const asked: Array<ReadonlyArray<string>> = []
        const many = (missing: ReadonlyArray<string>) => {
          asked.push(missing)
          return Effect.as(
            Effect.sleep(100),
            missing.map((key) => [key, "new"] as const)
          )
        }
        const fibers = yield* callers(timed(Effect.map(region.getOrSetMany(["a", "b", "c"], many), shownAll)))
        yield* TestClock.adjust(100)
        assert.deepStrictEqual(yield* valuesOf(fibers), ["1,2,new after 100"])
        yield* settle
        assert.strictEqual(shownAll(yield* region.getMany(["a", "b", "c"])), "new,new,new")
        assert.deepStrictEqual(asked, [["a", "b"], ["c"]])
      }))

    test("it ends early only when nobody waits for any of its keys", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region(texts)
        const lookup = giving("", 100)
        const many = (missing: ReadonlyArray<string>) =>
          Effect.as(
            lookup.effect,
            missing.map((key) => [key, "1"] as const)
          )
        const first = yield* callers(region.getOrSetMany(["a", "b"], many))
        const second = yield* callers(region.getOrSet("b", Effect.die("it is looked up")))
        yield* Fiber.interruptAll(first)
        yield* TestClock.adjust(100)
        assert.deepStrictEqual(yield* valuesOf(second), ["1"])
        assert.deepStrictEqual([lookup.runs(), lookup.interrupted()], [1, 0])
        const third = yield* callers(region.getOrSetMany(["c", "d"], many))
        yield* Fiber.interruptAll(third)
        assert.deepStrictEqual([lookup.runs(), lookup.interrupted()], [2, 1])
      }))

    test("a set that comes meanwhile stays, and undefined is a value", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region({ ...texts, value: Schema.UndefinedOr(Schema.String) })
        const many = (missing: ReadonlyArray<string>) =>
          Effect.as(
            Effect.sleep(100),
            missing.map((key) => [key, undefined] as const)
          )
        const fibers = yield* callers(region.getOrSetMany(["a", "b"], many))
        yield* region.set("a", "set")
        yield* TestClock.adjust(100)
        yield* valuesOf(fibers)
        yield* settle
        assert.deepStrictEqual(yield* region.getMany(["a", "b"]), [Option.some("set"), Option.some(undefined)])
        assert.deepStrictEqual(yield* region.getOrSetMany(["b"], many), [Option.some(undefined)])
      }))

    test("the hard timeout ends it, and a failure is not tried again for a while", () =>
      Effect.gen(function* () {
        const lookupTimeout = { hard: "100 millis" } as const
        const region = yield* Cache.region({ ...texts, lookupTimeout, retryAfterFailure: "1 second" })
        const lookup = giving("", 1000)
        const call = region.getOrSetMany(["a", "b"], () => Effect.as(lookup.effect, []))
        const fibers = yield* callers(timed(Effect.flip(call)))
        yield* TestClock.adjust(100)
        const message = "LookupTimeoutError: A lookup of region texts took longer than its 100ms"
        assert.deepStrictEqual(yield* valuesOf(fibers), [`${message} after 100`])
        assert.deepStrictEqual([lookup.runs(), lookup.interrupted()], [1, 1])
        assert.deepStrictEqual(yield* valuesOf(yield* callers(timed(Effect.flip(call)))), [`${message} after 0`])
        assert.strictEqual(lookup.runs(), 1)
      }))

    test("a lookup that asks for one of its own keys is told so", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region(texts)
        const exit = yield* Effect.exit(
          region.getOrSetMany(["a"], () => Effect.as(region.getOrSet("a", Effect.succeed("1")), []))
        )
        assert.instanceOf(Exit.isFailure(exit) && Cause.squash(exit.cause), Cache.LookupCycleError)
      }))
  })

  describe(`ReadThrough on ${name}`, () => {
    test("looks up with the services of where it was made, once for 50 callers", () =>
      Effect.gen(function* () {
        const asked: Array<string> = []
        const lookup = (key: string) =>
          Effect.gen(function* () {
            asked.push(key)
            yield* Effect.sleep(100)
            return `${key}${(yield* Suffix).text}`
          })
        const made = yield* ReadThrough.make({ ...texts, lookup }).pipe(Effect.provideService(Suffix, { text: "!" }))
        const fibers = yield* callers(timed(made.get("a")))
        yield* TestClock.adjust(100)
        assert.deepStrictEqual(yield* valuesOf(fibers), ["a! after 100"])
        const many = yield* callers(timed(Effect.map(made.getMany(["a", "b", "a"]), shownAll)))
        yield* TestClock.adjust(100)
        assert.deepStrictEqual(yield* valuesOf(many), ["a!,b!,a! after 100"])
        assert.deepStrictEqual(asked, ["a", "b"])
        const refreshed = yield* callers(timed(made.refresh("a")))
        yield* TestClock.adjust(100)
        assert.deepStrictEqual(yield* valuesOf(refreshed), ["a! after 100"])
        assert.deepStrictEqual(asked, ["a", "b", "a"])
      }))

    test("looks several keys up at once where it knows how, and again what was invalidated", () =>
      Effect.gen(function* () {
        const asked: Array<ReadonlyArray<string>> = []
        const region = yield* Cache.region(texts)
        const made = yield* ReadThrough.fromRegion(region, {
          lookup: (key: string) => Effect.fail(new LookupError({ attempt: key.length })),
          lookupMany: (keys) =>
            Effect.sync(() => {
              asked.push(keys)
              return keys.filter((key) => key !== "none").map((key) => [key, `${key}!`] as const)
            })
        })
        const get = Effect.map(made.getMany(["a", "none", "b", "c"]), shownAll)
        assert.strictEqual(yield* get, "a!,,b!,c!")
        yield* settle
        assert.strictEqual(yield* made.invalidate("a"), "Applied")
        assert.deepStrictEqual(yield* made.invalidateMany(["b"]), ["Applied"])
        assert.strictEqual(yield* get, "a!,,b!,c!")
        yield* settle
        assert.strictEqual(yield* made.invalidateAll, "Applied")
        assert.strictEqual(yield* get, "a!,,b!,c!")
        assert.deepStrictEqual(asked, [
          ["a", "none", "b", "c"],
          ["a", "none", "b"],
          ["a", "none", "b", "c"]
        ])
        assert.strictEqual(yield* failureOf(made.get("none")), "LookupError 4")
      }))
  })

  describe(`timeToLive on ${name}`, () => {
    test("is what is left of a value's life, to the millisecond, and nothing where there is no value", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region({ ...texts, staleFor: "1 minute" })
        const left = (key: string) => Effect.map(region.timeToLive(key), Option.map(Duration.toMillis))
        assert.deepStrictEqual(yield* left("a"), Option.none())
        yield* region.set("a", "1")
        yield* region.set("b", "1", { timeToLive: "1 hour" })
        yield* region.set("c", "1", { timeToLive: Duration.infinity })
        yield* region
          .getOrSet("d", Effect.delay(Effect.succeed("1"), "1 second"))
          .pipe(Effect.forkChild({ startImmediately: true }))
        yield* TestClock.adjust("1 second")
        yield* settle
        assert.deepStrictEqual(yield* left("a"), Option.some(9_000))
        assert.deepStrictEqual(yield* left("b"), Option.some(3_599_000))
        assert.deepStrictEqual(yield* left("c"), Option.some(Number.POSITIVE_INFINITY))
        assert.deepStrictEqual(yield* left("d"), Option.some(10_000))
        yield* TestClock.adjust(8_999)
        assert.deepStrictEqual(yield* left("a"), Option.some(1))
        yield* region.touch("d", { timeToLive: "20 seconds" })
        assert.deepStrictEqual(yield* left("d"), Option.some(20_000))
        yield* TestClock.adjust(1)
        assert.deepStrictEqual(yield* left("a"), Option.none())
        yield* region.remove("b")
        assert.deepStrictEqual(yield* left("b"), Option.none())
      }))
  })

  describe(`refresh on ${name}`, () => {
    test("looks up whatever there is, once for all who ask, and the value takes its place", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region(texts)
        for (const key of ["a", "b"]) {
          if (key === "a") yield* region.set("a", "old")
          const lookup = giving("new", 100)
          const fibers = yield* callers(timed(region.refresh(key, lookup.effect)))
          yield* settle
          assert.strictEqual(Option.getOrUndefined(yield* region.get(key)), key === "a" ? "old" : undefined)
          yield* TestClock.adjust(100)
          assert.deepStrictEqual(yield* valuesOf(fibers), ["new after 100"])
          yield* settle
          assert.deepStrictEqual(yield* region.get(key), Option.some("new"))
          assert.strictEqual(lookup.runs(), 1)
        }
      }))

    test("who finds nothing joins it; an older lookup goes on for its callers and is not stored", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region(texts)
        const older = giving("older", 200)
        const first = yield* callers(region.getOrSet("a", older.effect))
        yield* settle
        const lookup = giving("new", 100)
        const second = yield* callers(region.refresh("a", lookup.effect))
        const third = yield* callers(region.getOrSet("a", Effect.die("it is looked up")))
        yield* TestClock.adjust(100)
        assert.deepStrictEqual(yield* valuesOf(second), ["new"])
        assert.deepStrictEqual(yield* valuesOf(third), ["new"])
        yield* TestClock.adjust(100)
        assert.deepStrictEqual(yield* valuesOf(first), ["older"])
        yield* settle
        assert.deepStrictEqual(yield* region.get("a"), Option.some("new"))
        assert.deepStrictEqual([older.runs(), lookup.runs()], [1, 1])
      }))

    test("an older lookup that ends first does not keep its value from being stored", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region(texts)
        const first = yield* callers(region.getOrSet("a", giving("older", 100).effect))
        yield* settle
        const second = yield* callers(region.refresh("a", giving("new", 200).effect))
        yield* TestClock.adjust(100)
        assert.deepStrictEqual(yield* valuesOf(first), ["older"])
        yield* TestClock.adjust(100)
        assert.deepStrictEqual(yield* valuesOf(second), ["new"])
        yield* settle
        assert.deepStrictEqual(yield* region.get("a"), Option.some("new"))
      }))

    test("its failure is its caller's, and leaves what there is", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region({ ...texts, staleFor: "1 minute" })
        yield* region.set("a", "1")
        assert.strictEqual(yield* failureOf(region.refresh("a", failing(0).effect)), "LookupError 1")
        assert.deepStrictEqual(yield* region.get("a"), Option.some("1"))
      }))

    for (const [what, write, left] of [
      ["set", (region: Texts) => region.set("a", "set"), "set"],
      ["remove", (region: Texts) => region.remove("a"), undefined]
    ] as const) {
      test(`it gives way to a ${what} that came meanwhile`, () =>
        Effect.gen(function* () {
          const region = yield* Cache.region(texts)
          yield* region.set("a", "old")
          const fibers = yield* callers(region.refresh("a", giving("new", 100).effect))
          yield* settle
          yield* write(region)
          yield* TestClock.adjust(100)
          assert.deepStrictEqual(yield* valuesOf(fibers), ["new"])
          yield* settle
          assert.strictEqual(Option.getOrUndefined(yield* region.get("a")), left)
        }))
    }
  })
}

class Suffix extends Context.Service<Suffix, { readonly text: string }>()("test/Suffix") {}

type Texts = Cache.Region<string, string>

/** A lookup that counts its runs, and takes so many milliseconds. */
const counting = <A, E>(millis: number, end: (run: number) => Effect.Effect<A, E>) => {
  let runs = 0
  let interrupted = 0
  const effect = Effect.suspend(() => {
    const run = ++runs
    return Effect.andThen(Effect.sleep(millis), end(run))
  }).pipe(Effect.onInterrupt(() => Effect.sync(() => interrupted++)))
  return { effect, runs: () => runs, interrupted: () => interrupted }
}

const giving = (value: string, millis: number) => counting(millis, () => Effect.succeed(value))

const failing = (millis: number) => counting(millis, (attempt) => Effect.fail(new LookupError({ attempt })))

/** 50 callers, as far as they come without time passing. */
const callers = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.tap(
    Effect.forEach(Array.from({ length: 50 }), () => Effect.forkChild(effect, { startImmediately: true })),
    settle
  )

/** What callers were answered, each answer once. */
const valuesOf = <A, E>(fibers: ReadonlyArray<Fiber.Fiber<A, E>>) =>
  Effect.map(Effect.forEach(fibers, Fiber.await), (exits) =>
    Array.from(
      new Set(exits.map((exit) => (Exit.isSuccess(exit) ? String(exit.value) : shown(Cause.squash(exit.cause)))))
    )
  )

const waiting = (fibers: ReadonlyArray<Fiber.Fiber<unknown, unknown>>): number =>
  fibers.filter((fiber) => fiber.pollUnsafe() === undefined).length

/** An answer, and after how many milliseconds it came. */
const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const startedAt = yield* Clock.currentTimeMillis
    const answer = yield* effect
    return `${shown(answer)} after ${(yield* Clock.currentTimeMillis) - startedAt}`
  })

const shownAll = (found: ReadonlyArray<Option.Option<string>>): string => found.map(Option.getOrUndefined).join()

const failureOf = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.map(Effect.flip(effect), shown)

const shown = (answer: unknown): string =>
  answer instanceof LookupError ? `LookupError ${answer.attempt}` : String(answer)

/** Random numbers that are all the same. */
const drawing = (number: number) => ({ nextIntUnsafe: () => 0, nextDoubleUnsafe: () => number })

/** Lets everything that can run, run. */
const settle = Effect.andThen(
  Effect.forEach(Array.from({ length: 50 }), () => Effect.yieldNow, { discard: true }),
  TestClock.adjust(Duration.zero)
)
