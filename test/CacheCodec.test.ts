import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Equal, Option, Result, Schema, SchemaIssue, SchemaTransformation } from "effect"
import * as CacheCodec from "../packages/effect-ioredis-cache/src/CacheCodec.ts"

const roundTrip = <A>(schema: Schema.Codec<A, unknown>, value: A) => {
  const codec = CacheCodec.make(schema)
  return Option.getOrThrow(codec.decode(Result.getOrThrow(codec.encode(value, 300_000))))
}

const failureOf = <A>(schema: Schema.Codec<A, unknown>, value: unknown, options?: { readonly maxBytes: number }) => {
  // Untyped callers hand in values that do not fit: that is what is tested.
  const result = CacheCodec.make(schema, options).encode(value as A, 0)
  assert.isTrue(Result.isFailure(result), "a failure")
  const message = Result.isFailure(result) ? result.failure : ""
  assert.notMatch(message, /\n/)
  assert.isBelow(message.length, 300)
  return message
}

class Person extends Schema.Class<Person>("Person")({ name: Schema.String, born: Schema.Date }) {
  get greeting() {
    return `Hello ${this.name}`
  }
}

interface Tree {
  readonly at: Date
  readonly children: ReadonlyArray<Tree>
}
const Tree: Schema.Codec<Tree, unknown> = Schema.Struct({
  at: Schema.Date,
  children: Schema.Array(Schema.suspend(() => Tree))
})

const boom = (): never => {
  throw new Error("boom")
}
const throwing = Schema.String.pipe(
  Schema.decodeTo(Schema.String, SchemaTransformation.transform<string, string>({ decode: boom, encode: boom }))
)

// JSON has no negative zero; the docs say so.
const notNegativeZero = Schema.makeFilter((n: number) => !Object.is(n, -0))

/** Schemas whose JSON form is never null, so that they can stand in a NullOr, an optional or an UndefinedOr. */
const leaves: ReadonlyArray<Schema.Codec<unknown, unknown>> = [
  Schema.String,
  Schema.Finite.check(notNegativeZero),
  Schema.Number.check(notNegativeZero),
  Schema.Int.check(notNegativeZero),
  Schema.Boolean,
  Schema.BigInt,
  Schema.Date,
  Schema.Uint8Array,
  Schema.Duration,
  Schema.DateTimeUtc,
  Schema.BigDecimal,
  Schema.Literals(["a", 1, true]),
  Schema.String.pipe(Schema.brand("Id")),
  Schema.NonEmptyString,
  Person,
  Tree
]

type AnyCodec = Schema.Codec<unknown, unknown>
const wrappers: ReadonlyArray<(a: AnyCodec, b: AnyCodec) => AnyCodec> = [
  (a) => Schema.Array(a),
  (a) => Schema.NonEmptyArray(a),
  (a, b) => Schema.Struct({ a, b: Schema.optionalKey(b) }),
  (a, b) => Schema.Struct({ ["__proto__"]: a, b: Schema.optional(b) }),
  (a, b) => Schema.Tuple([a, b]),
  (a) => Schema.Record(Schema.String, a),
  (a) => Schema.Option(a),
  (a, b) => Schema.Result(a, b),
  (a, b) => Schema.ReadonlyMap(a, b),
  (a) => Schema.ReadonlySet(a),
  (a) => Schema.Chunk(a),
  (a) => Schema.HashMap(Schema.String, a),
  (a) => Schema.Option(Schema.UndefinedOr(a)),
  (a) => Schema.Option(Schema.NullOr(a)),
  (a, b) =>
    Schema.Union([
      Schema.Struct({ _tag: Schema.tag("A"), a }),
      Schema.Struct({ _tag: Schema.tag("B"), b, c: Schema.Undefined })
    ])
]

const index = (length: number) =>
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: length - 1 })))

const oneOf = <A>(list: ReadonlyArray<A>) => Arbitrary.map(index(list.length), (i) => list[i] as A)

const schemas = (depth: number): Arbitrary.Arbitrary<AnyCodec> =>
  depth === 0
    ? oneOf(leaves)
    : Arbitrary.map(Arbitrary.all([oneOf(wrappers), schemas(depth - 1), schemas(0)]), ([wrap, a, b]) => wrap(a, b))

const schemaAndValue = Arbitrary.flatMap(
  Arbitrary.flatMap(oneOf([0, 1, 2, 3]), schemas),
  (schema): Arbitrary.Arbitrary<{ schema: AnyCodec; value: unknown }> =>
    Arbitrary.map(Arbitrary.schema(schema), (value) => ({ schema, value }))
)

describe("CacheCodec", () => {
  it.prop(
    "every value of a generated schema round-trips exactly",
    { generated: schemaAndValue },
    ({ generated: { schema, value } }) => {
      const back = roundTrip(schema, value).value
      assert.isTrue(Equal.equals(back, value))
      assert.isTrue(Schema.toEquivalence(schema)(back, value))
    },
    { timeout: 60_000, arbitrary: { runs: 2000, size: 20 } }
  )

  for (const [position, schema] of leaves.entries()) {
    it.prop(`every value of schema ${position} round-trips exactly`, { value: schema }, ({ value }) => {
      const back = roundTrip(schema, value).value
      assert.isTrue(Equal.equals(back, value))
      // These keep what they have computed on the side.
      if (schema !== Schema.BigDecimal && schema !== Schema.DateTimeUtc) assert.deepStrictEqual(back, value)
    })
  }

  it.prop(
    "the expiry comes back",
    { at: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9e15 })) },
    ({ at }) => {
      const codec = CacheCodec.make(Schema.String)
      assert.deepStrictEqual(
        codec.decode(Result.getOrThrow(codec.encode("x", at))),
        Option.some({ value: "x", expiresAt: at })
      )
    }
  )

  it("what other caches take for a miss is a value", () => {
    assert.deepStrictEqual(roundTrip(Schema.Undefined, undefined), { value: undefined, expiresAt: 300_000 })
    assert.deepStrictEqual(roundTrip(Schema.Void, undefined), { value: undefined, expiresAt: 300_000 })
    assert.deepStrictEqual(roundTrip(Schema.Null, null).value, null)
    assert.deepStrictEqual(roundTrip(Schema.Finite, 0).value, 0)
    assert.deepStrictEqual(roundTrip(Schema.String, "").value, "")
    assert.deepStrictEqual(roundTrip(Schema.Boolean, false).value, false)
    assert.deepStrictEqual(roundTrip(Schema.UndefinedOr(Schema.String), undefined).value, undefined)
    assert.deepStrictEqual(roundTrip(Schema.NullOr(Schema.String), null).value, null)
    assert.deepStrictEqual(
      roundTrip(Schema.Option(Schema.Undefined), Option.some(undefined)).value,
      Option.some(undefined)
    )
  })

  it("absent and undefined fields stay what they were", () => {
    const schema = Schema.Struct({ a: Schema.optional(Schema.String) })
    assert.deepStrictEqual(roundTrip(schema, {}).value, {})
    assert.deepStrictEqual(roundTrip(schema, { a: undefined }).value, { a: undefined })
  })

  it("classes come back as instances", () => {
    const back = roundTrip(Person, new Person({ name: "Ada", born: new Date(5) })).value
    assert.instanceOf(back, Person)
    assert.strictEqual(back.greeting, "Hello Ada")
  })

  it("is stored as <expiresAtMs>:<json>", () => {
    const stored = CacheCodec.make(Schema.Struct({ d: Schema.Date, n: Schema.BigInt })).encode(
      { d: new Date(0), n: 1n },
      12.9
    )
    assert.deepStrictEqual(stored, Result.succeed('12:{"d":"1970-01-01T00:00:00.000Z","n":"1"}'))
  })

  it("a bad expiry is a failure", () => {
    for (const at of [Number.NaN, Number.POSITIVE_INFINITY, -1, 2 ** 53]) {
      assert.isTrue(Result.isFailure(CacheCodec.make(Schema.String).encode("x", at)), String(at))
    }
  })

  describe("what is not a value is a miss", () => {
    const Job = Schema.Struct({ id: Schema.String, n: Schema.Finite })
    const good = Result.getOrThrow(CacheCodec.make(Job).encode({ id: "a", n: 1 }, 1_700_000_000_000))

    const misses: ReadonlyArray<string> = [
      "",
      ":",
      "1",
      "1:",
      ":1",
      `:${good.slice(good.indexOf(":") + 1)}`,
      '{"id":"a","n":1}',
      "null",
      'NaN:{"id":"a","n":1}',
      '-1:{"id":"a","n":1}',
      '+1:{"id":"a","n":1}',
      '1.5:{"id":"a","n":1}',
      '1e3:{"id":"a","n":1}',
      ' 1:{"id":"a","n":1}',
      '01:{"id":"a","n":1}',
      '9007199254740992:{"id":"a","n":1}',
      '99999999999999999999:{"id":"a","n":1}',
      `${"9".repeat(100_000)}:{"id":"a","n":1}`,
      '1:{"id":"a"}',
      '1:{"id":"a","n":"1"}',
      '1:{"id":"a","n":1}x',
      "1:undefined",
      "1:[]",
      "1:null",
      '1::{"id":"a","n":1}',
      `1:${"[".repeat(200_000)}`,
      `1:${"[".repeat(200_000)}${"]".repeat(200_000)}`,
      "\u0000\uffff\ud800",
      Buffer.from([0x80, 0xff, 0x00, 0x3a, 0xc3]).toString(),
      Buffer.from([0x80, 0xff, 0x00, 0x3a, 0xc3]).toString("latin1")
    ]
    for (const stored of misses) {
      it(JSON.stringify(stored.slice(0, 40)), () => {
        assert.isTrue(Option.isNone(CacheCodec.make(Job).decode(stored)))
      })
    }

    it("every truncation", () => {
      const codec = CacheCodec.make(Job)
      assert.isTrue(Option.isSome(codec.decode(good)))
      for (let end = 0; end < good.length; end++)
        assert.isTrue(Option.isNone(codec.decode(good.slice(0, end))), `${end}`)
    })

    it.prop("any text at all", { text: Schema.String, rest: Schema.String }, ({ rest, text }) => {
      const codec = CacheCodec.make(Job)
      assert.isTrue(Option.isNone(codec.decode(text)))
      assert.isTrue(Option.isNone(codec.decode(`1:${rest}`)))
    })

    it("a transformation that throws", () => {
      const codec = CacheCodec.make(throwing)
      assert.isTrue(Option.isNone(codec.decode('1:"x"')))
      assert.isTrue(Result.isFailure(codec.encode("x", 1)))
    })

    it("deep nesting, in a recursive schema", () => {
      const open = '{"at":"1970-01-01T00:00:00.000Z","children":['
      assert.isTrue(Option.isNone(CacheCodec.make(Tree).decode(`1:${open.repeat(100_000)}${"]}".repeat(100_000)}`)))
    })
  })

  describe("a value that does not fit", () => {
    const secret = "hunter2"
    const Row = Schema.Struct({ rows: Schema.Array(Schema.Struct({ pin: Schema.Finite })) })

    it("says where and what was expected", () => {
      const message = failureOf(Row, { rows: [{ pin: 1 }, { pin: secret }] })
      assert.include(message, 'expected number at ["rows"][1]["pin"]')
      assert.notInclude(message, secret)
    })

    it("a missing key", () => {
      assert.include(failureOf(Row, { rows: [{}] }), 'expected a value at ["rows"][0]["pin"]')
    })

    it("no key of a record", () => {
      const message = failureOf(Schema.Record(Schema.String, Schema.Finite), { [secret]: "x" })
      assert.include(message, "expected number at [*]")
      assert.notInclude(message, secret)
    })

    it("no message made by a filter", () => {
      const schema = Schema.String.check(Schema.makeFilter((text) => `${text} is no good`))
      const message = failureOf(schema, secret)
      assert.include(message, "expected a value that passes its checks")
      assert.notInclude(message, secret)
    })

    it("what a named filter expects", () => {
      assert.include(failureOf(Schema.NonEmptyString, ""), "length of at least 1")
    })

    it("no message of a throwing getter", () => {
      const value = {
        get rows(): never {
          throw new Error(secret)
        }
      }
      const message = failureOf(Row, value)
      assert.include(message, "encoding it threw Error")
      assert.notInclude(message, secret)
    })

    it("no member of a union", () => {
      const message = failureOf(Schema.Union([Schema.Finite, Schema.Boolean]), secret)
      assert.include(message, "expected number | boolean")
      assert.notInclude(message, secret)
    })

    it("no input that an issue reports", () => {
      const schema = Schema.String.pipe(
        Schema.decodeTo(
          Schema.String,
          SchemaTransformation.transformEffect({
            decode: (text: string) => Effect.succeed(text),
            encode: (text: string) =>
              Effect.fail(new SchemaIssue.InvalidType(Schema.Finite.ast, text, { reportInput: true }))
          })
        )
      )
      assert.notInclude(failureOf(schema, secret), secret)
    })

    it("no message of a throwing toJSON", () => {
      const value = {
        toJSON: () => {
          throw new RangeError(secret)
        }
      }
      const message = failureOf(Schema.Any, value)
      assert.include(message, "encoding it threw RangeError")
      assert.notInclude(message, secret)
    })

    it("no JSON form", () => {
      assert.include(failureOf(Schema.Date, new Date(Number.NaN)), "expected a valid Date")
      assert.include(failureOf(Schema.Unknown, new Map()), "JSON value")
      assert.include(failureOf(Schema.Any, undefined), "Schema.Any")
      assert.include(
        failureOf(Schema.Any, () => secret),
        "Schema.Any"
      )
      assert.include(failureOf(Schema.Any, 1n), "TypeError")
      assert.include(
        failureOf(Schema.Struct({ [Symbol.for("a")]: Schema.String }), {}),
        "property names must be strings"
      )
    })

    it("in few words, however wide the schema", () => {
      const wide = Schema.Literals(Array.from({ length: 1000 }, (_, i) => `literal-${i}`))
      assert.include(failureOf(wide, secret), '"literal-3" | ')
    })

    it("a circle", () => {
      const node: { at: Date; children: Array<unknown> } = { at: new Date(0), children: [] }
      node.children.push(node)
      assert.include(failureOf(Tree, node), "encoding it threw")
    })
  })

  describe("maxBytes", () => {
    it("counts the UTF-8 bytes of the whole text", () => {
      const codec = CacheCodec.make(Schema.String, { maxBytes: 10 })
      assert.isTrue(Result.isSuccess(codec.encode("€€", 1))) // 1:"€€" is 2 + 2 + 6 bytes
      assert.isTrue(Result.isFailure(codec.encode("€€a", 1)))
    })

    it("is 8 MiB by default", () => {
      const codec = CacheCodec.make(Schema.String)
      const limit = 8 * 1024 * 1024
      assert.isTrue(Result.isSuccess(codec.encode("a".repeat(limit - 4), 1)))
      assert.include(failureOf(Schema.String, "a".repeat(limit - 3)), "more than the limit of 8388608. Store less")
    })
  })
})
