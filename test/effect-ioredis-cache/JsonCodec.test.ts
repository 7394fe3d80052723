import { assert, describe, it } from "@effect/vitest"
import { Effect, Equal, Option, Result, Schema, SchemaIssue, SchemaTransformation } from "effect"
import * as CacheCodec from "../../packages/effect-ioredis-cache/src/internal/CacheCodec.ts"
import * as JsonCodec from "../../packages/effect-ioredis-cache/src/internal/JsonCodec.ts"
import { leaves, Person, schemaAndValue, Tree } from "../support/GeneratedSchemas.ts"
import { bytesOf } from "../support/Stored.ts"
import { unwrap } from "../../packages/effect-ioredis-cache/src/internal/Wrapped.ts"
import { asynchronousSchema } from "../support/asynchronousSchema.ts"

const roundTrip = <A>(schema: Schema.Codec<A, unknown>, value: A) => {
  const codec = JsonCodec.make(schema)
  const encoded = Result.getOrThrow(codec.encode(value))
  const decoded = codec.decode(bytesOf(encoded.payload))
  if (decoded._tag !== "Value") throw new Error(`${decoded._tag} in the place of a value`)
  // What was encoded is at once what decoding gives.
  assert.isTrue(Equal.equals(unwrap(encoded.value), decoded.value))
  return decoded
}

const failureOf = <A>(schema: Schema.Codec<A, unknown>, value: unknown, options?: { readonly maxBytes: number }) => {
  // Untyped callers hand in values that do not fit: that is what is tested.
  const result = JsonCodec.make(schema, options).encode(value as A)
  assert.isTrue(Result.isFailure(result), "a failure")
  const message = Result.isFailure(result) ? result.failure : ""
  assert.notMatch(message, /\n/)
  assert.isBelow(message.length, 300)
  return message
}

const boom = (): never => {
  throw new Error("boom")
}
const throwing = Schema.String.pipe(
  Schema.decodeTo(Schema.String, SchemaTransformation.transform<string, string>({ decode: boom, encode: boom }))
)

describe("JsonCodec", () => {
  it.prop(
    "every value of a generated schema round-trips exactly",
    { generated: schemaAndValue },
    ({ generated: { schema, value } }) => {
      const back = roundTrip(schema, value).value
      assert.isTrue(Equal.equals(back, value))
      assert.isTrue(Schema.toEquivalence(schema)(back, value))
    },
    { tags: ["long"], timeout: 120_000, arbitrary: { runs: 2000, size: 20 } }
  )

  for (const [position, schema] of leaves.entries()) {
    it.prop(`every value of schema ${position} round-trips exactly`, { value: schema }, ({ value }) => {
      const back = roundTrip(schema, value).value
      assert.isTrue(Equal.equals(back, value))
      // These keep what they have computed on the side.
      if (schema !== Schema.BigDecimal && schema !== Schema.DateTimeUtc) assert.deepStrictEqual(back, value)
    })
  }

  it("what other caches take for a miss is a value", () => {
    assert.deepStrictEqual(roundTrip(Schema.Undefined, undefined).value, undefined)
    assert.deepStrictEqual(roundTrip(Schema.Void, undefined).value, undefined)
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

  it("the payload is the JSON of the schema's JSON form", () => {
    const encoded = JsonCodec.make(Schema.Struct({ d: Schema.Date, n: Schema.BigInt })).encode({
      d: new Date(0),
      n: 1n
    })
    assert.strictEqual(Result.getOrThrow(encoded).payload, '{"d":"1970-01-01T00:00:00.000Z","n":"1"}')
  })

  it("a payload is read where it begins", () => {
    assert.deepStrictEqual(
      JsonCodec.make(Schema.Finite).decode(Buffer.from("junk12"), 4),
      new CacheCodec.DecodedValue(12)
    )
  })

  describe("the value is as decoding its payload gives it", () => {
    const plain = Schema.Struct({ id: Schema.String, tags: Schema.Array(Schema.Struct({ name: Schema.String })) })
    const rich = Schema.Struct({ at: Schema.Date, tags: Schema.Array(Schema.Struct({ name: Schema.String })) })
    const within = <A>(schema: Schema.Codec<A, unknown>, value: A) =>
      unwrap(Result.getOrThrow(JsonCodec.make(schema).encode(value)).value)

    it("without the fields that the schema does not declare, at any depth", () => {
      // A looked-up row has more fields than its type says.
      const tags = [{ name: "a", secret: 1 }]
      assert.deepStrictEqual(within(plain, { id: "a", tags, ...{ passwordHash: "x" } }), {
        id: "a",
        tags: [{ name: "a" }]
      })
      const at = new Date(5)
      assert.deepStrictEqual(within(rich, { at, tags, ...{ passwordHash: "x" } }), { at, tags: [{ name: "a" }] })
      assert.deepStrictEqual(within(Schema.Union([plain, Schema.Null]), { id: "a", tags, ...{ passwordHash: "x" } }), {
        id: "a",
        tags: [{ name: "a" }]
      })
    })

    it("with the keys of a record as they are decoded", () => {
      const Upper = Schema.String.pipe(
        Schema.decodeTo(
          Schema.String,
          SchemaTransformation.transform({ decode: (text) => text.toUpperCase(), encode: (text) => text.toLowerCase() })
        )
      )
      assert.deepStrictEqual(within(Schema.Record(Upper, Schema.Finite), { AB: 1 }), { AB: 1 })
    })

    it("shared with nobody", () => {
      const value = { id: "a", tags: [{ name: "a" }] }
      const own = within(plain, value)
      value.tags.push({ name: "b" })
      assert.deepStrictEqual(own, { id: "a", tags: [{ name: "a" }] })
      const json = { list: [1] }
      const free = within(Schema.Json, json)
      json.list.push(2)
      assert.deepStrictEqual(free, { list: [1] })
    })

    it("where the schema lets everything through", () => {
      assert.deepStrictEqual(within<unknown>(Schema.Any, { at: new Date(0) }), { at: "1970-01-01T00:00:00.000Z" })
      assert.deepStrictEqual(within<unknown>(Schema.Struct({}), { a: 1 }), { a: 1 })
    })
  })

  describe("what is not a value is told apart", () => {
    const Job = Schema.Struct({ id: Schema.String, n: Schema.Finite })
    const codec = JsonCodec.make(Job)
    const good = bytesOf(Result.getOrThrow(codec.encode({ id: "a€", n: 1 })).payload)

    const notJson: ReadonlyArray<string | Buffer> = [
      "",
      ":",
      '{"id":"a","n":1}x',
      "undefined",
      "[".repeat(200_000),
      "\u0000\uffff",
      Buffer.from([0x80, 0xff, 0x00, 0x3a, 0xc3]),
      Buffer.concat([Buffer.from('{"id":"'), Buffer.from([0xff]), Buffer.from('","n":1}')])
    ]
    for (const stored of notJson) {
      it(`no JSON: ${JSON.stringify(stored.toString().slice(0, 40))}`, () => {
        assert.strictEqual(codec.decode(Buffer.from(stored))._tag, "Broken")
      })
    }

    const mismatches: ReadonlyArray<readonly [string, string]> = [
      ['{"id":"a"}', 'expected a value at ["n"]'],
      ['{"id":"secret","n":"secret"}', 'expected number at ["n"]'],
      ["[]", "expected object"],
      ["null", "expected object"],
      [`${"[".repeat(100_000)}${"]".repeat(100_000)}`, "expected object"]
    ]
    for (const [stored, problem] of mismatches) {
      it(`a misfit: ${stored.slice(0, 40)}`, () => {
        assert.deepStrictEqual(codec.decode(Buffer.from(stored)), { _tag: "Mismatch", problem })
      })
    }

    it("every truncation is no JSON, also inside a character", () => {
      assert.strictEqual(codec.decode(good)._tag, "Value")
      for (let end = 0; end < good.length; end++) {
        assert.strictEqual(codec.decode(good.subarray(0, end))._tag, "Broken", `${end}`)
      }
    })

    it("the replacement character is a character", () => {
      const text = JsonCodec.make(Schema.String)
      assert.deepStrictEqual(text.decode(Buffer.from('"\ufffd"')), new CacheCodec.DecodedValue("\ufffd"))
    })

    it.prop("any text at all", { text: Schema.String }, ({ text }) => {
      assert.notStrictEqual(codec.decode(Buffer.from(text))._tag, "Value")
    })

    it("a transformation that throws is a misfit", () => {
      assert.deepStrictEqual(JsonCodec.make(throwing).decode(Buffer.from('"x"')), {
        _tag: "Mismatch",
        problem: "decoding it threw Error"
      })
      assert.isTrue(Result.isFailure(JsonCodec.make(throwing).encode("x")))
    })

    it("an asynchronous schema fits nothing, and says so", () => {
      const decoded = JsonCodec.make(asynchronousSchema).decode(Buffer.from('"x"'))
      assert.strictEqual(decoded._tag, "Mismatch")
      assert.include(decoded._tag === "Mismatch" ? decoded.problem : "", "works asynchronously")
      assert.include(failureOf(asynchronousSchema, "x"), "works asynchronously")
    })

    describe("nesting", () => {
      const tree = (depth: number): Tree => ({ at: new Date(0), children: depth === 0 ? [] : [tree(depth - 1)] })

      it("up to 500 deep is a value", () => {
        const codec = JsonCodec.make(Tree)
        const { payload } = Result.getOrThrow(codec.encode(tree(249)))
        assert.strictEqual(codec.decode(bytesOf(payload))._tag, "Value")
        assert.include(failureOf(Tree, tree(250)), "more than 500 deep")
      })

      it("deeper is a misfit that costs no time", () => {
        const open = '{"at":"1970-01-01T00:00:00.000Z","children":['
        for (const deep of [`${open.repeat(100_000)}${"]}".repeat(100_000)}`, "[".repeat(200_000)]) {
          const bytes = Buffer.from(deep)
          const startedAt = performance.now()
          const decoded = JsonCodec.make(Tree).decode(bytes)
          assert.deepStrictEqual(decoded, {
            _tag: "Mismatch",
            problem: "expected lists and objects no more than 500 deep"
          })
          assert.isBelow(performance.now() - startedAt, 250)
        }
      })

      it("brackets in a string do not count", () => {
        const text = `${"[".repeat(2000)}\\"${"[".repeat(2000)}`
        const Node = Schema.Struct({ text: Schema.String, tree: Tree })
        assert.deepStrictEqual(roundTrip(Node, { text, tree: tree(1) }).value, { text, tree: tree(1) })
      })
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
    it("counts the UTF-8 bytes of the payload", () => {
      const codec = JsonCodec.make(Schema.String, { maxBytes: 8 })
      assert.isTrue(Result.isSuccess(codec.encode("€€"))) // "€€" is 2 + 6 bytes
      assert.isTrue(Result.isFailure(codec.encode("€€a")))
    })

    it("is 8 MiB by default", () => {
      const codec = JsonCodec.make(Schema.String)
      const limit = 8 * 1024 * 1024
      assert.isTrue(Result.isSuccess(codec.encode("a".repeat(limit - 2))))
      assert.include(failureOf(Schema.String, "a".repeat(limit - 1)), "more than the limit of 8388608. Store less")
    })
  })
})
