import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Duration, Effect, Exit, Fiber, type Layer, Option, Schema } from "effect"
import { Cache, CacheKey, Compression, RefreshPolicy } from "effect-ioredis-cache"
import { TestClock } from "effect/testing"
import { eventually } from "./cacheLayers.ts"

/** Where the time of the layer comes from: the TestClock, or a real server. */
export interface Options {
  readonly time: "virtual" | "real"
  /** The strict cache fails as a whole where one entry of several does not fit. */
  readonly strict?: boolean | undefined
}

/** What every `Cache` promises, whatever keeps its values. */
export const cacheSuite = (name: string, layer: Layer.Layer<Cache.Cache, unknown>, { strict, time }: Options): void => {
  const virtual = time === "virtual"
  const test = (title: string, body: () => Effect.Effect<void, unknown, Cache.Cache>) =>
    (virtual ? it.effect : it.live)(title, () => Effect.provide(body(), layer))

  /** That a key is there for `millis` after it was written, and then no longer. A real clock is only ever late. */
  const livesFor = <Key, Value, E>(
    region: Cache.Region<Key, Value>,
    key: Key,
    millis: number,
    write: Effect.Effect<unknown, E>
  ) =>
    Effect.gen(function* () {
      if (virtual) {
        yield* write
        yield* TestClock.adjust(millis - 1)
        assert.isTrue(yield* region.has(key), `is there after ${millis - 1} ms`)
        yield* TestClock.adjust(1)
        assert.isFalse(yield* region.has(key), `is gone after ${millis} ms`)
        return
      }
      const [took] = yield* Effect.timed(Effect.andThen(write, eventually(Effect.map(region.has(key), (has) => !has))))
      // What is left of a life is told to Redis in whole milliseconds.
      assert.isAtLeast(Duration.toMillis(took), millis - 5)
      assert.isBelow(Duration.toMillis(took), millis + 1000)
    })

  describe(name, () => {
    test("gives back what was set, and nothing that was not or was removed", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region(texts)
        assertNone(yield* region.get("a"))
        assert.isFalse(yield* region.has("a"))
        assert.strictEqual(yield* region.set("a", "1"), "Applied")
        assertSome(yield* region.get("a"), "1")
        assert.isTrue(yield* region.has("a"))
        assert.strictEqual(yield* region.set("a", "2"), "Applied")
        assertSome(yield* region.get("a"), "2")
        assert.strictEqual(yield* region.remove("a"), "Applied")
        assertNone(yield* region.get("a"))
        assert.isFalse(yield* region.has("a"))
        assert.strictEqual(yield* region.remove("a"), "Absent")
        assert.strictEqual(yield* region.remove("never there"), "Absent")
      }))

    test("a write says its effect each time it runs, not when it is made", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region(texts)
        const set = region.set("a", "1")
        const remove = region.remove("a")
        assertNone(yield* region.get("a"))
        for (let i = 0; i < 2; i++) {
          yield* set
          assertSome(yield* region.get("a"), "1")
          yield* remove
          assertNone(yield* region.get("a"))
        }
      }))

    test("getMany, setMany and removeMany answer in the order asked", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region(texts)
        assert.deepStrictEqual(yield* region.getMany([]), [])
        assert.deepStrictEqual(yield* region.setMany([]), [])
        assert.deepStrictEqual(yield* region.removeMany([]), [])
        assert.deepStrictEqual(
          yield* region.setMany([
            ["a", "1"],
            ["b", "2"],
            ["c", "3"],
            ["a", "4"]
          ]),
          ["Applied", "Applied", "Applied", "Applied"]
        )
        assert.deepStrictEqual(yield* values(region, ["c", "x", "a", "b", "c"]), ["3", undefined, "4", "2", "3"])
        assert.deepStrictEqual(yield* region.removeMany(["b", "x", "c"]), ["Applied", "Absent", "Applied"])
        assert.deepStrictEqual(yield* values(region, ["a", "b", "c"]), ["4", undefined, undefined])
        assert.deepStrictEqual(yield* region.removeMany(["a", "b", "a"]), ["Applied", "Absent", "Applied"])
        assert.isFalse(yield* region.has("a"))
      }))

    test("undefined, null, 0, an empty text and false are values", () =>
      Effect.gen(function* () {
        const check = <A>(name: string, value: A, schema: Schema.Codec<A, unknown>) =>
          Effect.gen(function* () {
            const region = yield* Cache.region({ ...texts, name, value: schema })
            assert.strictEqual(yield* region.set("a", value), "Applied")
            assert.deepStrictEqual(yield* region.get("a"), Option.some(value))
            assert.isTrue(yield* region.has("a"))
            assert.deepStrictEqual(yield* region.getMany(["a", "b"]), [Option.some(value), Option.none()])
            assert.strictEqual(yield* region.getOrSet("a", Effect.die("there is a value")), value)
            assert.strictEqual(yield* region.getOrSet("b", Effect.succeed(value)), value)
            yield* eventually(region.has("b"))
            assert.strictEqual(yield* region.getOrSet("b", Effect.die("there is a value")), value)
          })
        yield* check("undefined", undefined, Schema.Undefined)
        yield* check("null", null, Schema.Null)
        yield* check("zero", 0, Schema.Finite)
        yield* check("text", "", Schema.String)
        yield* check("false", false, Schema.Boolean)
        yield* check("optional", undefined, Schema.UndefinedOr(Schema.String))
      }))

    test("a value comes back as what it was: a class, a date, a bigint, bytes", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region({ ...texts, name: "things", value: Thing })
        const thing = new Thing({ at: new Date(1234), size: 2n ** 70n, bytes: new Uint8Array([0, 255]), name: "ä☃" })
        yield* region.set("a", thing)
        const found = Option.getOrThrow(yield* region.get("a"))
        assert.instanceOf(found, Thing)
        assert.deepStrictEqual(found, thing)
      }))

    test("lives for the region's timeToLive", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region({ ...texts, timeToLive: "150 millis" })
        yield* livesFor(region, "a", 150, region.set("a", "1"))
      }))

    test("timeToLive may depend on key and value", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region({
          ...texts,
          timeToLive: (key, value) => Duration.millis(key === "short" ? Number(value) : 60_000)
        })
        const write = region.setMany([
          ["short", "150"],
          ["long", "150"]
        ])
        yield* livesFor(region, "short", 150, write)
        assert.isTrue(yield* region.has("long"))
      }))

    test("lives for ever where its timeToLive is infinite, whoever says so", () =>
      Effect.gen(function* () {
        const byRegion = yield* Cache.region({ ...texts, name: "eternal", timeToLive: Duration.infinity })
        const byFunction = yield* Cache.region({ ...texts, name: "eternals", timeToLive: () => Duration.infinity })
        // As long as a busy machine may take from one write to the next.
        const byWrite = yield* Cache.region({ ...texts, timeToLive: "300 millis" })
        const timeToLive = Duration.infinity
        assert.strictEqual(yield* byRegion.set("a", "1"), "Applied")
        assert.strictEqual(yield* byFunction.set("a", "1"), "Applied")
        assert.strictEqual(yield* byWrite.set("a", "1", { timeToLive }), "Applied")
        assert.deepStrictEqual(yield* byWrite.setMany([["b", "1"]], { timeToLive }), ["Applied"])
        assert.strictEqual(yield* byWrite.getOrSet("c", Effect.succeed("1"), { timeToLive }), "1")
        yield* byWrite.set("d", "1")
        assert.strictEqual(yield* byWrite.touch("d", { timeToLive }), "Applied")
        yield* byWrite.set("e", "1")
        yield* virtual ? TestClock.adjust("1 hour") : eventually(Effect.map(byWrite.has("e"), (has) => !has))
        assert.isFalse(yield* byWrite.has("e"))
        for (const region of [byRegion, byFunction]) assertSome(yield* region.get("a"), "1")
        assert.deepStrictEqual(yield* values(byWrite, ["a", "b", "c", "d"]), ["1", "1", "1", "1"])
      }))

    test("a write may say its own timeToLive, whatever method it comes by", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region({ ...texts, timeToLive: "1 hour" })
        const life = { timeToLive: "150 millis" } as const
        const looked = Effect.andThen(region.getOrSet("c", Effect.succeed("1"), life), eventually(region.has("c")))
        yield* livesFor(region, "a", 150, region.set("a", "1", life))
        yield* livesFor(region, "b", 150, region.setMany([["b", "1"]], life))
        yield* livesFor(region, "c", 150, looked)
      }))

    test("a later write begins a new life", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region({ ...texts, timeToLive: "150 millis" })
        yield* region.set("a", "1")
        yield* region.set("a", "2", { timeToLive: "1 hour" })
        yield* livesFor(region, "b", 150, region.set("b", "1"))
        assertSome(yield* region.get("a"), "2")
      }))

    test("jitter shortens a life by up to its share, and never lengthens it", () =>
      Effect.gen(function* () {
        const keys = Array.from({ length: 100 }, (_, index) => `k${index}`)
        const region = yield* Cache.region({ ...texts, timeToLive: "1 second", jitter: 0.4 })
        yield* region.setMany(keys.map((key) => [key, "1"]))
        const count = Effect.map(region.getMany(keys), (found) => found.filter(Option.isSome).length)
        if (!virtual) {
          assert.strictEqual(yield* count, 100)
          return yield* eventually(Effect.map(count, (left) => left > 0 && left < 100))
        }
        yield* TestClock.adjust(599)
        assert.strictEqual(yield* count, 100)
        yield* TestClock.adjust(201)
        const left = yield* count
        assert.isTrue(left > 20 && left < 80, `${left} of 100 are left in the middle`)
        yield* TestClock.adjust(200)
        assert.strictEqual(yield* count, 0)
      }))

    test("regions and versions are apart, and clear empties one of them", () =>
      Effect.gen(function* () {
        const one = yield* Cache.region(texts)
        const two = yield* Cache.region({ ...texts, version: 2 })
        const eleven = yield* Cache.region({ ...texts, version: 11 })
        const other = yield* Cache.region({ ...texts, name: "texts2" })
        for (const [index, region] of [one, two, eleven, other].entries()) yield* region.set("a", String(index))
        assertSome(yield* one.get("a"), "0")
        assert.strictEqual(yield* one.clear, "Applied")
        assertNone(yield* one.get("a"))
        assertSome(yield* two.get("a"), "1")
        assertSome(yield* eleven.get("a"), "2")
        assertSome(yield* other.get("a"), "3")
      }))

    test("clear empties a region of any size, and one that is empty", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region(texts)
        assert.strictEqual(yield* region.clear, "Applied")
        const keys = Array.from({ length: 1500 }, (_, index) => `k${index}`)
        yield* region.setMany(keys.map((key) => [key, key]))
        assert.isTrue(yield* region.has("k1499"))
        assert.strictEqual(yield* region.clear, "Applied")
        assert.isTrue((yield* region.getMany(keys)).every(Option.isNone))
        yield* region.set("a", "1")
        assertSome(yield* region.get("a"), "1")
      }))

    test("a region asked for twice is the same region, with the same lookups in progress", () =>
      Effect.gen(function* () {
        const define = () =>
          Cache.region({
            name: "twice",
            version: 1,
            key: Schema.Struct({ id: Schema.Int.check(Schema.isGreaterThan(0)) }),
            value: Schema.Struct({ name: Schema.optionalKey(Schema.String), at: Schema.Date }),
            timeToLive: "1 minute"
          })
        const one = yield* define()
        const other = yield* define()
        const gate = yield* Deferred.make<void>()
        const value = { name: "x", at: new Date(0) }
        let lookups = 0
        const lookup = Effect.as(
          Effect.andThen(
            Effect.sync(() => lookups++),
            Deferred.await(gate)
          ),
          value
        )
        const first = yield* Effect.forkChild(one.getOrSet({ id: 1 }, lookup))
        yield* eventually(Effect.sync(() => lookups === 1))
        const second = yield* Effect.forkChild(other.getOrSet({ id: 1 }, lookup))
        assert.isFalse(yield* other.has({ id: 1 }))
        yield* Deferred.succeed(gate, undefined)
        assert.deepStrictEqual(yield* Fiber.join(first), value)
        assert.deepStrictEqual(yield* Fiber.join(second), value)
        assert.strictEqual(lookups, 1)
      }))

    test("schemas that are made anew but say the same are the same, whatever they are made of", () =>
      Effect.gen(function* () {
        for (const [name, make] of Object.entries(schemas)) {
          yield* Cache.region({ ...texts, name, value: make(1) })
          yield* Cache.region({ ...texts, name, value: make(1) })
          assert.include(yield* definitionError(Cache.region({ ...texts, name, value: make(2) })), "value schema", name)
          yield* Cache.region({ ...texts, name: `${name}-key`, key: make(1) })
          yield* Cache.region({ ...texts, name: `${name}-key`, key: make(1) })
        }
        // What is read would be an instance of another class, although its fields are the same.
        const ofThings = (value: Schema.Codec<unknown, unknown>) => Schema.Struct({ one: Schema.Option(value) })
        const classes = { ...texts, name: "classes" }
        yield* Cache.region({ ...classes, value: ofThings(Thing) })
        yield* Cache.region({ ...classes, value: ofThings(Thing) })
        assert.include(yield* definitionError(Cache.region({ ...classes, value: ofThings(SameThing) })), "value schema")
        // What functions do cannot be compared.
        const filtered = (length: number) =>
          Cache.region({
            ...texts,
            name: "filtered",
            value: Schema.String.check(Schema.makeFilter((text) => text.length > length))
          })
        yield* filtered(1)
        yield* filtered(2)
      }))

    test("another definition under the same name and version is a clear defect, and the next call works", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region({ ...texts, timeToLive: "1 minute" })
        const others: ReadonlyArray<readonly [Effect.Effect<unknown, never, Cache.Cache>, string]> = [
          [Cache.region({ ...texts, timeToLive: "1 minute", value: Schema.Finite }), "value schema"],
          [Cache.region({ ...texts, timeToLive: "1 minute", key: Schema.Int }), "key schema"],
          [Cache.region({ ...texts, timeToLive: "2 minutes" }), "timeToLive"],
          [Cache.region(texts), "timeToLive"],
          [Cache.region({ ...texts, timeToLive: () => "1 minute" }), "timeToLive"],
          [Cache.region({ ...texts, timeToLive: "1 minute", jitter: 0.1 }), "jitter"],
          [Cache.region({ ...texts, timeToLive: "1 minute", maxBytes: 100 }), "maxBytes"],
          [
            Cache.region({ ...texts, timeToLive: "1 minute", compression: Compression.brotli({ upTo: 5000 }) }),
            "compression"
          ],
          [Cache.region({ ...texts, timeToLive: "1 minute", staleFor: "1 minute" }), "staleFor"],
          [Cache.region({ ...texts, timeToLive: "1 minute", refresh: RefreshPolicy.ahead() }), "refresh"],
          [Cache.region({ ...texts, timeToLive: "1 minute", lookupTimeout: { soft: 1 } }), "lookupTimeout.soft"],
          [Cache.region({ ...texts, timeToLive: "1 minute", lookupTimeout: { hard: 1 } }), "lookupTimeout.hard"],
          [Cache.region({ ...texts, timeToLive: "1 minute", retryAfterFailure: 1 }), "retryAfterFailure"],
          [Cache.region({ ...texts, timeToLive: "1 minute", replay: "latest" }), "replay"],
          [Cache.region({ ...texts, timeToLive: "1 minute", removedFor: "1 minute" }), "removedFor"]
        ]
        for (const [other, what] of others) {
          const message = yield* definitionError(other)
          assert.include(message, "texts:v1")
          assert.include(message, what)
        }
        yield* Cache.region({ ...texts, timeToLive: "60 seconds" })
        assert.strictEqual(yield* region.set("a", "1"), "Applied")
        assertSome(yield* region.get("a"), "1")
      }))

    test("what cannot be a region is a clear defect, and the next call works", () =>
      Effect.gen(function* () {
        for (const name of ["", "a:b", "a b", "*", "{a}", "a?", "[a]", "\\", "\n"]) {
          assert.match(
            yield* definitionError(Cache.region({ ...texts, name })),
            /^A region: name is .*: expected a name/
          )
        }
        for (const version of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
          assert.include(yield* definitionError(Cache.region({ ...texts, version })), "whole number")
        }
        for (const key of redacted) {
          assert.include(yield* definitionError(Cache.region({ ...texts, key })), "Schema.Redacted")
        }
        const region = yield* Cache.region(texts)
        assert.strictEqual(yield* region.set("a", "1"), "Applied")
      }))

    test("a value that does not fit is refused, and the older one is gone", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region({ ...texts, value: Schema.Int })
        yield* region.set("a", 1)
        assert.strictEqual(yield* region.set("a", 1.5), "Rejected")
        assertNone(yield* region.get("a"))
        assert.strictEqual(yield* region.set("a", 2), "Applied")
        assertSome(yield* region.get("a"), 2)
        // getOrSet gives it to the caller all the same.
        assert.strictEqual(yield* region.getOrSet("b", Effect.succeed(1.5)), 1.5)
        assert.strictEqual(yield* region.getOrSet("b", Effect.succeed(2.5)), 2.5)
      }))

    test("a value that is too large is refused, and the older one is gone", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region({ ...texts, maxBytes: 100 })
        assert.strictEqual(yield* region.set("a", "x".repeat(80)), "Applied")
        assert.strictEqual(yield* region.set("a", "x".repeat(100)), "Rejected")
        assertNone(yield* region.get("a"))
        assert.strictEqual(yield* region.set("a", "1"), "Applied")
        assertSome(yield* region.get("a"), "1")
      }))

    test("a timeToLive that makes no sense is refused, and the older value is gone", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region({ ...texts, timeToLive: (_, value) => Number(value) })
        for (const timeToLive of senseless) {
          yield* region.set("a", "60000")
          assert.strictEqual(yield* region.set("a", "1", { timeToLive }), "Rejected", String(timeToLive))
          assertNone(yield* region.get("a"))
        }
        for (const value of ["-1", "0", "NaN"]) {
          yield* region.set("a", "60000")
          assert.strictEqual(yield* region.set("a", value), "Rejected", value)
          assertNone(yield* region.get("a"))
        }
        // What the types do not allow can still come from JavaScript.
        const soon: Duration.Input = JSON.parse('"soon"')
        assert.strictEqual(yield* region.set("a", "1", { timeToLive: soon }), "Rejected")
        assert.strictEqual(yield* region.set("a", "60000"), "Applied")
        assertSome(yield* region.get("a"), "60000")
      }))

    test("a key that does not fit is a miss and a refused write, and the lookup runs", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region({ ...texts, key: Schema.Int })
        assertNone(yield* region.get(1.5))
        assert.isFalse(yield* region.has(1.5))
        assert.strictEqual(yield* region.set(1.5, "1"), "Rejected")
        assert.strictEqual(yield* region.remove(1.5), "Rejected")
        assert.strictEqual(yield* region.getOrSet(1.5, Effect.succeed("found")), "found")
        assert.strictEqual(yield* region.getOrSet(1.5, Effect.succeed("again")), "again")
        assert.strictEqual(yield* region.set(1, "1"), "Applied")
        assertSome(yield* region.get(1), "1")
      }))

    if (strict !== true) {
      test("one entry of several that does not fit costs the others nothing", () =>
        Effect.gen(function* () {
          const region = yield* Cache.region({ ...texts, key: Schema.Int, value: Schema.Int })
          yield* region.set(2, 1)
          assert.deepStrictEqual(
            yield* region.setMany([
              [1.5, 1],
              [1, 10],
              [2, 0.5],
              [3, 30]
            ]),
            ["Rejected", "Applied", "Rejected", "Applied"]
          )
          assert.deepStrictEqual(yield* values(region, [3, 1.5, 2, 1]), [30, undefined, undefined, 10])
          assert.deepStrictEqual(yield* region.removeMany([1.5, 1]), ["Rejected", "Applied"])
          assert.deepStrictEqual(yield* values(region, [1, 3]), [undefined, 30])
        }))
    }

    test("equal keys are one key, other keys are others", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region({
          ...texts,
          key: Schema.Struct({
            text: Schema.optional(Schema.String),
            skills: CacheKey.unordered(Schema.Array(Schema.String)),
            places: Schema.Array(Schema.String)
          })
        })
        yield* region.set({ skills: ["a", "b"], places: ["x", "y"] }, "1")
        for (const same of [
          { skills: ["b", "a"], places: ["x", "y"] },
          { places: ["x", "y"], text: undefined, skills: ["a", "b", "a"] }
        ]) {
          assertSome(yield* region.get(same), "1")
        }
        for (const other of [
          { skills: ["a", "b"], places: ["y", "x"] },
          { skills: ["a"], places: ["x", "y"] },
          { skills: ["a", "b"], places: ["x", "y"], text: "" }
        ]) {
          assertNone(yield* region.get(other))
        }
        yield* region.remove({ skills: ["b", "a"], places: ["x", "y"] })
        assert.isFalse(yield* region.has({ skills: ["a", "b"], places: ["x", "y"] }))
      }))

    test("getOrSet looks up once, and what failed is looked up again", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region(texts)
        assert.strictEqual(yield* Effect.flip(region.getOrSet("a", Effect.fail("no"))), "no")
        assert.isFalse(yield* region.has("a"))
        assert.strictEqual(yield* region.getOrSet("a", Effect.succeed("1")), "1")
        yield* eventually(region.has("a"))
        assert.strictEqual(yield* region.getOrSet("a", Effect.succeed("2")), "1")
        assert.strictEqual((yield* (yield* Cache.Cache).stats).lookups, 2)
      }))

    test("counts hits, misses and lookups", () =>
      Effect.gen(function* () {
        const region = yield* Cache.region(texts)
        yield* region.set("a", "1")
        yield* region.getMany(["a", "b"])
        yield* region.get("a")
        yield* region.has("c")
        const { corrupt, fallbacks, memoryHits, misses, redisHits } = yield* (yield* Cache.Cache).stats
        assert.deepStrictEqual([redisHits + memoryHits, misses, fallbacks, corrupt], [2, 2, 0, 0])
      }))
  })
}

const texts = { name: "texts", version: 1, key: Schema.String, value: Schema.String }

// A key stands in Redis in the clear, wherever in it a secret is.
class Login extends Schema.Class<Login>("Login")({ password: Schema.Redacted(Schema.String) }) {}
const Secret = Schema.Redacted(Schema.String)
const redacted: ReadonlyArray<Schema.Codec<unknown, unknown>> = [
  Secret,
  Secret.annotate({ expected: "a password" }),
  Schema.Redacted(Schema.String, { label: "password" }),
  Schema.RedactedFromValue(Schema.String),
  Login,
  Schema.Struct({ password: Schema.optionalKey(Secret) }),
  Schema.Array(Schema.Option(Secret)),
  Schema.Tuple([Schema.String, Secret]),
  Schema.Record(Schema.String, Secret),
  Schema.Union([Schema.String, Secret]),
  Schema.suspend(() => Secret)
]

const senseless: ReadonlyArray<Duration.Input> = [-1, 0, Number.NaN, "0 seconds"]

const thingFields = { at: Schema.Date, size: Schema.BigInt, bytes: Schema.Uint8Array, name: Schema.String }

class Thing extends Schema.Class<Thing>("Thing")(thingFields) {}

class SameThing extends Schema.Class<SameThing>("Thing")(thingFields) {}

class OtherThing extends Schema.Class<OtherThing>("Thing")({ name: Schema.Finite }) {}

interface Tree {
  readonly label: string
  readonly children: ReadonlyArray<Tree>
}

const makeTree = (identifier: string): Schema.Codec<Tree> => {
  const tree: Schema.Codec<Tree> = Schema.Struct({
    label: Schema.String,
    children: Schema.Array(Schema.suspend(() => tree))
  }).annotate({ identifier })
  return tree
}

/** Each makes a schema anew; another one for another number. */
const schemas: Record<string, (n: number) => Schema.Codec<unknown, unknown>> = {
  check: (n) => Schema.Int.check(Schema.isGreaterThan(n)),
  bigint: (n) => Schema.BigInt.check(Schema.isGreaterThanBigInt(BigInt(n))),
  pattern: (n) => Schema.String.check(Schema.isPattern(n === 1 ? /a/ : /b/)),
  literals: (n) => Schema.Literals([BigInt(n), "a"]),
  class: (n) => Schema.Array<Schema.Codec<unknown, unknown>>(n === 1 ? Thing : OtherThing),
  deep: (n) => Schema.Struct({ one: Schema.Option<Schema.Codec<unknown, unknown>>(n === 1 ? Thing : OtherThing) }),
  recursive: (n) => makeTree(`Tree${n}`),
  bytes: (n) => Schema.Array(n === 1 ? Schema.Uint8ArrayFromBase64 : Schema.Uint8ArrayFromHex),
  optional: (n) => Schema.Struct({ a: n === 1 ? Schema.optionalKey(Schema.String) : Schema.optional(Schema.String) }),
  coded: (n) => (n === 1 ? Schema.FiniteFromString : Schema.Finite),
  union: (n) => Schema.Union(n === 1 ? [Schema.Finite, Schema.String] : [Schema.String, Schema.Finite])
}

const assertSome = <A>(found: Option.Option<A>, value: A) => assert.deepStrictEqual(found, Option.some(value))

const assertNone = (found: Option.Option<unknown>) => assert.deepStrictEqual(found, Option.none())

const values = <Key, Value>(region: Cache.Region<Key, Value>, keys: ReadonlyArray<Key>) =>
  Effect.map(region.getMany(keys), (found) => found.map(Option.getOrUndefined))

const definitionError = <A, R>(effect: Effect.Effect<A, never, R>): Effect.Effect<string, never, R> =>
  Effect.map(Effect.exit(effect), (exit) => {
    const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
    assert.instanceOf(defect, Cache.RegionDefinitionError)
    return defect.message
  })
