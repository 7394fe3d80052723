import { createHash } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, HashSet, Option, Result, Schema } from "effect"
import * as CacheKey from "../../packages/effect-ioredis-cache/src/CacheKey.ts"
import { keyHash } from "../../packages/effect-ioredis-cache/src/internal/keyHash.ts"

const keyOf = <A>(schema: Schema.Codec<A, unknown>, key: A) => Result.getOrThrow(CacheKey.make(schema)(key))

const same = <A>(schema: Schema.Codec<A, unknown>, one: A, other: A) =>
  assert.strictEqual(keyOf(schema, one), keyOf(schema, other))

const differ = <A>(schema: Schema.Codec<A, unknown>, ...keys: ReadonlyArray<A>) =>
  assert.strictEqual(new Set(keys.map((key) => keyOf(schema, key))).size, keys.length)

const hashed = (canonicalJson: string) => `#${createHash("sha256").update(canonicalJson).digest("base64url")}`

const failureOf = (result: Result.Result<string, string>) => {
  assert.isTrue(Result.isFailure(result), "a failure")
  return Result.isFailure(result) ? result.failure : ""
}

const skills = CacheKey.unordered(Schema.Array(Schema.String))

// The independent yardstick of the property tests: JSON with sorted keys, and undefined told apart from null.
const yardstick = (json: Schema.Json): string =>
  Array.isArray(json)
    ? `[${json.map(yardstick)}]`
    : typeof json === "object" && json !== null
      ? `{${Object.keys(json)
          .sort()
          .map((key) => `${JSON.stringify(key)}:${yardstick((json as Schema.JsonObject)[key] as Schema.Json)}`)}}`
      : JSON.stringify(json)

describe("CacheKey", () => {
  describe("make", () => {
    it("a short plain string is readable, all else is hashed", () => {
      assert.strictEqual(keyOf(Schema.String, "job-42_a.b"), "=job-42_a.b")
      assert.strictEqual(keyOf(Schema.String, "a".repeat(64)), `=${"a".repeat(64)}`)
      assert.strictEqual(keyOf(Schema.String, "a".repeat(65)), hashed(`"${"a".repeat(65)}"`))
      for (const text of ["", "a b", "a:b", "*", "é", "a\n", "\ud800", "{x}"]) {
        assert.strictEqual(keyOf(Schema.String, text), hashed(JSON.stringify(text)))
      }
      assert.match(keyOf(Schema.String, ""), /^#[A-Za-z0-9_-]{43}$/)
    })

    it("is canonical JSON", () => {
      const schema = Schema.Struct({ b: Schema.Finite, B: Schema.Date, a: Schema.Array(Schema.NullOr(Schema.BigInt)) })
      assert.strictEqual(
        keyOf(schema, { b: 1, B: new Date(0), a: [2n, null] }),
        hashed('{"B":"1970-01-01T00:00:00.000Z","a":["2",null],"b":1}')
      )
    })

    it("types of primitives differ", () => {
      const schema = Schema.Union([Schema.Finite, Schema.Boolean, Schema.Null, Schema.Undefined, Schema.String])
      differ(schema, 1, "1", true, "true", null, "null", undefined, "undefined", 0, "", false)
      assert.strictEqual(keyOf(schema, "1"), "=1")
      assert.strictEqual(keyOf(schema, 1), hashed("1"))
    })

    it("numbers", () => {
      same(Schema.Number, 0, -0)
      differ(
        Schema.Number,
        Number.NaN,
        Number.POSITIVE_INFINITY,
        Number.NEGATIVE_INFINITY,
        0,
        1e21,
        1e-7,
        Number.MAX_VALUE
      )
    })

    it("lone surrogates differ", () => {
      differ(Schema.String, "\ud800", "\ud801", "\udc00", "\ufffd")
      differ(Schema.Record(Schema.String, Schema.Finite), { "\ud800": 1 }, { "\ud801": 1 }, { "\ufffd": 1 })
    })

    it("the order of fields does not count, that of lists does", () => {
      const schema = Schema.Record(Schema.String, Schema.Finite)
      same(schema, { a: 1, b: 2 }, { b: 2, a: 1 })
      same(schema, { 10: 1, 9: 2, b: 3 }, { b: 3, 9: 2, 10: 1 })
      differ(Schema.Array(Schema.String), ["a", "b"], ["b", "a"], ["a"], [], ["a,b"], ['a","b'])
    })

    it("__proto__ is a key like any other", () => {
      const schema = Schema.Record(Schema.String, Schema.Finite)
      differ(schema, {}, { ["__proto__"]: 1 }, { ["__proto__"]: 2 }, { constructor: 1 }, { toString: 1 })
    })

    it("undefined is absent, null is not", () => {
      const optional = Schema.Struct({
        a: Schema.optional(Schema.NullOr(Schema.String)),
        b: Schema.optional(Schema.Null)
      })
      same(optional, {}, { a: undefined })
      same(optional, { b: null }, { a: undefined, b: null })
      differ(optional, {}, { a: null }, { a: "null" }, { b: null }, { a: null, b: null })
      same(Schema.Struct({ a: Schema.UndefinedOr(Schema.Null) }), { a: undefined }, { a: undefined })
      differ(Schema.Struct({ a: Schema.UndefinedOr(Schema.Null) }), { a: undefined }, { a: null })
    })

    it("undefined and null differ in lists, options, classes and at the top", () => {
      const either = Schema.NullishOr(Schema.String)
      differ(either, undefined, null, "null", "undefined")
      differ(Schema.Array(either), [], [undefined], [null], [undefined, null], [null, undefined], ["null"])
      differ(Schema.Option(either), Option.none(), Option.some(undefined), Option.some(null), Option.some("null"))
      class Query extends Schema.Class<Query>("Query")({ a: either }) {}
      differ(Query, new Query({ a: undefined }), new Query({ a: null }))
      const nested = Schema.Option(Schema.Struct({ a: Schema.optional(Schema.NullOr(Schema.String)) }))
      same(nested, Option.some({}), Option.some({ a: undefined }))
      differ(nested, Option.some({}), Option.some({ a: null }), Option.none())
    })

    it.prop(
      "the same JSON, the same key; another JSON, another key",
      { a: Schema.Json, b: Schema.Json },
      ({ a, b }) => {
        const render = CacheKey.make(Schema.Json)
        assert.strictEqual(
          render(a).pipe(Result.getOrThrow) === render(b).pipe(Result.getOrThrow),
          yardstick(a) === yardstick(b)
        )
        assert.strictEqual(keyOf(Schema.Json, reversed(a)), keyOf(Schema.Json, a))
      },
      { arbitrary: { runs: 2000, size: 6 } }
    )

    const Row = Schema.Struct({
      text: Schema.String,
      n: Schema.optional(Schema.NullOr(Schema.Number)),
      list: Schema.Array(Schema.NullishOr(Schema.Literals(["a", "b", 1, true]))),
      option: Schema.Option(Schema.Boolean)
    })
    it.prop(
      "no two rows of thousands meet",
      { rows: Arbitrary.array(Arbitrary.schema(Row), { minLength: 200, maxLength: 400 }) },
      ({ rows }) => {
        const plain = (row: typeof Row.Type) =>
          JSON.stringify([
            row.text,
            row.n === undefined ? "undefined" : row.n === null ? null : [String(row.n === 0 ? 0 : row.n)],
            row.list.map((item) => (item === undefined ? { undefined: 1 } : item)),
            row.option
          ])
        assert.strictEqual(new Set(rows.map((row) => keyOf(Row, row))).size, new Set(rows.map(plain)).size)
      },
      { tags: ["long"], arbitrary: { runs: 30 } }
    )

    it("a key that does not fit fails in one line, without the key", () => {
      const render = CacheKey.make(Schema.Struct({ candidate: Schema.String, born: Schema.Date }))
      // Untyped callers hand in what does not fit: that is what is tested.
      const message = failureOf(render({ candidate: "hunter2", born: "hunter2" } as never))
      assert.include(message, 'The key does not fit its schema: expected a valid Date at ["born"].')
      assert.notInclude(message, "hunter2")
      assert.include(failureOf(render({ candidate: "a", born: new Date(Number.NaN) })), "a valid Date")
      assert.include(failureOf(render(undefined as never)), "does not fit")
      assert.isTrue(Result.isSuccess(render({ candidate: "a", born: new Date(0) })))
    })

    it("what throws is a failure", () => {
      const key = {
        get a(): string {
          throw new Error("hunter2")
        }
      }
      const message = failureOf(CacheKey.make(Schema.Struct({ a: Schema.String }))(key))
      assert.include(message, "encoding it threw Error")
      assert.notInclude(message, "hunter2")
    })

    it("what has no JSON form is refused, not merged", () => {
      const render = CacheKey.make(Schema.Any)
      for (const key of [new Date(0), new Map(), 1n, Symbol.for("a"), () => 1, Number.NaN, { a: [new Date(1)] }]) {
        assert.include(failureOf(render(key)), "JSON form")
      }
      const symbols = CacheKey.make(Schema.Struct({ [Symbol.for("a")]: Schema.String }))
      assert.include(failureOf(symbols({ [Symbol.for("a")]: "x" })), "property names must be strings")
    })
  })

  describe("unordered", () => {
    const Query = Schema.Struct({ candidate: Schema.String, skills })

    it("order and repetition do not count", () => {
      same(Query, { candidate: "a", skills: ["x", "y"] }, { candidate: "a", skills: ["y", "x", "y"] })
      differ(
        Query,
        { candidate: "a", skills: [] },
        { candidate: "a", skills: ["x"] },
        { candidate: "a", skills: ["x", "y"] }
      )
      assert.strictEqual(keyOf(skills, ["b", "a"]), hashed('["a","b"]'))
    })

    it("changes nothing else", () => {
      const value = { candidate: "a", skills: ["y", "x", "y"] }
      assert.deepStrictEqual(Schema.encodeSync(Query)(value), value)
      assert.deepStrictEqual(Schema.decodeSync(Query)(value), value)
      assert.deepStrictEqual(Schema.encodeSync(Schema.toCodecJson(Query))(value), value)
      assert.deepStrictEqual(Schema.decodeUnknownSync(Schema.toCodecJson(Query))(value), value)
      const typed: { readonly candidate: string; readonly skills: ReadonlyArray<string> } = Query.make(value)
      assert.deepStrictEqual(typed, value)
      assert.deepStrictEqual(value.skills, ["y", "x", "y"])
    })

    it("elements of every kind", () => {
      const dates = CacheKey.unordered(Schema.Array(Schema.Date))
      same(dates, [new Date(2), new Date(1)], [new Date(1), new Date(2), new Date(1)])
      const rows = CacheKey.unordered(Schema.Array(Schema.Struct({ a: Schema.optional(Schema.NullOr(Schema.BigInt)) })))
      same(rows, [{ a: 1n }, {}], [{ a: undefined }, { a: 1n }, {}])
      differ(rows, [{ a: null }], [{}], [{ a: null }, {}], [])
      const mixed = CacheKey.unordered(
        Schema.Array(Schema.Union([Schema.String, Schema.Finite, Schema.Null, Schema.Undefined]))
      )
      same(mixed, ["1", 1, null, undefined], [undefined, 1, "1", null, 1])
      differ(mixed, ["1"], [1], [null], [undefined], [null, undefined])
      const fromText = CacheKey.unordered(Schema.Array(Schema.FiniteFromString))
      same(fromText, [10, 9], [9, 10])
    })

    it("in each other, in an option, in an optional field, with checks", () => {
      const sets = CacheKey.unordered(Schema.Array(skills))
      same(sets, [["a", "b"], ["c"]], [["c"], ["b", "a"], ["a", "b"]])
      same(Schema.Option(skills), Option.some(["a", "b"]), Option.some(["b", "a"]))
      same(Schema.Struct({ s: Schema.optional(skills) }), { s: ["a", "b"] }, { s: ["b", "a"] })
      same(
        Schema.Struct({ s: Schema.NullOr(skills), t: Schema.Null }),
        { s: ["a", "b"], t: null },
        { s: ["b", "a"], t: null }
      )
      const two = CacheKey.unordered(Schema.Array(Schema.String).check(Schema.isMinLength(2)))
      same(two, ["a", "b"], ["b", "a"])
      assert.isTrue(Result.isSuccess(CacheKey.make(two)(["a", "a"])))
      assert.isTrue(Result.isFailure(CacheKey.make(two)(["a"])))
      same(CacheKey.unordered(Schema.NonEmptyArray(Schema.String)), ["a", "b"], ["b", "a"])
      class Query extends Schema.Class<Query>("Query")({ skills }) {}
      same(Query, new Query({ skills: ["a", "b"] }), new Query({ skills: ["b", "a"] }))
    })

    it("a recursive schema", () => {
      interface Node {
        readonly name: string
        readonly children: ReadonlyArray<Node>
      }
      const Node: Schema.Codec<Node, unknown> = Schema.Struct({
        name: Schema.String,
        children: CacheKey.unordered(Schema.Array(Schema.suspend(() => Node)))
      })
      const leaf = (name: string, ...children: ReadonlyArray<Node>): Node => ({ name, children })
      same(
        Node,
        leaf("r", leaf("a", leaf("x"), leaf("y")), leaf("b")),
        leaf("r", leaf("b"), leaf("a", leaf("y"), leaf("x")))
      )
    })

    it.prop("any order, the same key", { list: Schema.Array(Schema.Json) }, ({ list }) => {
      const schema = CacheKey.unordered(Schema.Array(Schema.Json))
      same(schema, list, [...list].reverse())
      same(schema, list, [...list, ...list])
      assert.strictEqual(keyOf(schema, list), hashed(`[${[...new Set(list.map(yardstick))].sort()}]`))
    })
  })

  describe("keyspace", () => {
    it("joins its parts", () => {
      assert.deepStrictEqual(
        CacheKey.keyspace({ prefix: "app", region: "job-matches", version: 0 }),
        Result.succeed("app:job-matches:v0:")
      )
    })

    it("refuses what could reach another region", () => {
      const bad = [
        "",
        ":",
        "a:b",
        "{a}",
        "}",
        "a*",
        "?",
        "[",
        "]",
        "\\",
        " ",
        "a b",
        "\t",
        "a\n",
        "\u0000",
        "\u007f",
        "\u0085",
        "\u00a0",
        "\u2028",
        "\ud800"
      ]
      for (const name of bad) {
        const region = failureOf(CacheKey.keyspace({ prefix: "app", region: name, version: 1 }))
        assert.match(region, /^The region name .*(is empty\. Give it|contains (\S|U\+\S+|"\S+")\. Leave out)/)
        assert.notMatch(region, /\p{Cc}/u)
        assert.match(failureOf(CacheKey.keyspace({ prefix: name, region: "r", version: 1 })), /^The prefix /)
      }
      for (const name of ["a", "Ä", "a.b-c_d/e", "日本", "🦊"]) {
        assert.isTrue(Result.isSuccess(CacheKey.keyspace({ prefix: name, region: name, version: 1 })), name)
      }
    })

    it("refuses a version that is not a whole number", () => {
      for (const version of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
        assert.match(failureOf(CacheKey.keyspace({ prefix: "a", region: "b", version })), /whole number from 0 up/)
      }
    })

    it.prop(
      "no two meet",
      { a: Schema.Tuple([Schema.String, Schema.String]), b: Schema.Tuple([Schema.String, Schema.String]) },
      ({ a, b }) => {
        const spaceOf = ([prefix, region]: readonly [string, string]) =>
          CacheKey.keyspace({ prefix, region, version: 1 })
        const [one, other] = [spaceOf(a), spaceOf(b)]
        if (Result.isSuccess(one) && Result.isSuccess(other)) {
          assert.strictEqual(one.success === other.success, a[0] === b[0] && a[1] === b[1])
          assert.isTrue(one.success === other.success || !one.success.startsWith(other.success))
        }
      }
    )
  })

  it("hash is short and not the key", () => {
    assert.match(keyHash("=secret"), /^[0-9a-f]{12}$/)
    assert.notStrictEqual(keyHash("=secret"), keyHash("=secret2"))
  })

  it("equal hash sets may get different keys, as the docs say: never the same key for different sets", () => {
    const schema = Schema.HashSet(Schema.String)
    differ(schema, HashSet.make("a"), HashSet.make("a", "b"), HashSet.empty<string>())
  })
})

const reversed = (json: Schema.Json): Schema.Json =>
  Array.isArray(json)
    ? json.map(reversed)
    : typeof json === "object" && json !== null
      ? Object.fromEntries(
          Object.entries(json)
            .reverse()
            .map(([key, value]) => [key, reversed(value)])
        )
      : json
