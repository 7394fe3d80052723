import { assert, describe, it } from "@effect/vitest"
import { Effect, Equal, Result, Schema } from "effect"
import * as BinaryCodec from "../../packages/effect-ioredis-cache/src/internal/BinaryCodec.ts"
import { DecodedValue } from "../../packages/effect-ioredis-cache/src/internal/CacheCodec.ts"
import * as JsonCodec from "../../packages/effect-ioredis-cache/src/internal/JsonCodec.ts"
import { asynchronousSchema } from "../support/asynchronousSchema.ts"
import { leaves, schemaAndValue, Tree } from "../support/GeneratedSchemas.ts"
import { bytesOf } from "../support/Stored.ts"

const maxBytes = 8 * 1024 * 1024

const make = <A>(schema: Schema.Codec<A, unknown>) => BinaryCodec.make(schema, { maxBytes })

const frameOf = <A>(schema: Schema.Codec<A, unknown>, value: A): Buffer =>
  bytesOf(Result.getOrThrow(make(schema).encode(value)).payload)

const decode = <A>(schema: Schema.Codec<A, unknown>, frame: Uint8Array) => make(schema).decode(frame, 0, "binary")

const roundTrip = <A>(schema: Schema.Codec<A, unknown>, value: A): A => {
  const encoded = Result.getOrThrow(make(schema).encode(value))
  const decoded = decode(schema, bytesOf(encoded.payload))
  if (decoded._tag !== "Value") throw new Error(`${decoded._tag} in the place of a value`)
  assert.isTrue(Equal.equals(encoded.value, decoded.value))
  return decoded.value
}

// Half of a surrogate pair has no UTF-8. JSON writes it as an escape.
const isUnicode = <A>(schema: Schema.Codec<A, unknown>, value: A): boolean =>
  !/\\ud[89a-f]/.test(bytesOf(Result.getOrThrow(JsonCodec.make(schema).encode(value)).payload).toString())

const failureOf = <A>(schema: Schema.Codec<A, unknown>, value: unknown): string => {
  // Untyped callers hand in values that do not fit: that is what is tested.
  const result = make(schema).encode(value as A)
  assert.isTrue(Result.isFailure(result), "a failure")
  return Result.isFailure(result) ? result.failure : ""
}

const problemOf = <A>(schema: Schema.Codec<A, unknown>, frame: Uint8Array): string => {
  const decoded = decode(schema, frame)
  return decoded._tag === "Mismatch" ? decoded.problem : assert.fail(decoded._tag)
}

describe("BinaryCodec", () => {
  it.prop(
    "every value of a generated schema round-trips exactly",
    { generated: schemaAndValue },
    ({ generated: { schema, value } }) => {
      if (!isUnicode(schema, value)) return
      const back = roundTrip(schema, value)
      assert.isTrue(Equal.equals(back, value))
      assert.isTrue(Schema.toEquivalence(schema)(back, value))
    },
    { tags: ["long"], timeout: 120_000, arbitrary: { runs: 1000, size: 20 } }
  )

  for (const [position, schema] of leaves.entries()) {
    it.prop(`every value of schema ${position} round-trips exactly`, { value: schema }, ({ value }) => {
      assert.isTrue(!isUnicode(schema, value) || Equal.equals(roundTrip(schema, value), value))
    })
  }

  it("keeps what JSON cannot: a negative zero, null beside undefined", () => {
    assert.isTrue(Object.is(roundTrip(Schema.Finite, -0), -0))
    const schema = Schema.NullishOr(Schema.String)
    for (const value of [null, undefined, ""]) assert.strictEqual(roundTrip(schema, value), value)
  })

  it("half of a surrogate pair comes back as the replacement character, at once", () => {
    assert.strictEqual(roundTrip(Schema.String, "a\ud800b"), "a\ufffdb")
    assert.strictEqual(Result.getOrThrow(make(Schema.String).encode("\udc00")).value, "\ufffd")
  })

  it("what is free of a schema is JSON within", () => {
    const json = { a: [1, { b: null }], ["__proto__"]: { polluted: true } }
    const back = roundTrip<unknown>(Schema.Unknown, json)
    assert.deepStrictEqual(back, json)
    assert.isUndefined(({} as { readonly polluted?: boolean }).polluted)
  })

  it("a record keeps a key named __proto__ as a key", () => {
    const schema = Schema.Record(Schema.String, Schema.Struct({ polluted: Schema.Boolean }))
    const value = { ["__proto__"]: { polluted: true } }
    const back = roundTrip(schema, value)
    assert.deepStrictEqual(Object.entries(back), Object.entries(value))
    assert.isUndefined(({} as { readonly polluted?: boolean }).polluted)
  })

  it("bytes take their own length, and share no memory with the reply or the writer", () => {
    const schema = Schema.Struct({ name: Schema.String, data: Schema.Uint8Array })
    const data = new Uint8Array(1000).fill(7)
    const frame = frameOf(schema, { name: "a", data })
    assert.isBelow(frame.length, 1020)
    const { payload, value: own } = Result.getOrThrow(make(schema).encode({ name: "a", data }))
    assert.strictEqual(typeof payload !== "string" && payload.bytes.buffer.byteLength, frame.length)
    const reply = Buffer.concat([Buffer.from("header"), frame])
    const read = make(schema).decode(reply, 6, "binary")
    const found = read._tag === "Value" ? read.value.data : assert.fail(read._tag)
    reply.fill(0)
    data.fill(0)
    for (const bytes of [found, own.data]) {
      assert.deepStrictEqual(bytes, new Uint8Array(1000).fill(7))
      assert.strictEqual(bytes.buffer.byteLength, 1000)
      assert.isFalse(Buffer.isBuffer(bytes))
    }
  })

  it("fields that the schema does not declare are dropped, here as well", () => {
    const Job = Schema.Struct({ id: Schema.String })
    const job = { id: "a", secret: "hunter2" }
    const { payload, value } = Result.getOrThrow(make(Job).encode(job))
    assert.deepStrictEqual(value, { id: "a" })
    assert.notInclude(bytesOf(payload).toString("latin1"), "hunter2")
  })

  it("a frame takes about half the room of JSON, or less", () => {
    const Job = Schema.Struct({ id: Schema.String, title: Schema.String, score: Schema.Finite, remote: Schema.Boolean })
    const jobs = Array.from({ length: 100 }, (_, n) => ({
      id: `job-${n}`,
      title: "Engineer",
      score: n / 4,
      remote: true
    }))
    const json = Result.getOrThrow(JsonCodec.make(Schema.Array(Job)).encode(jobs)).payload
    assert.isBelow(frameOf(Schema.Array(Job), jobs).length, json.length / 2)
  })

  it("reads the JSON that the region held before", () => {
    const Job = Schema.Struct({ id: Schema.String, at: Schema.Date })
    const json = Buffer.from('{"id":"a","at":"1970-01-01T00:00:00.000Z"}')
    assert.deepStrictEqual(make(Job).decode(json), new DecodedValue({ id: "a", at: new Date(0) }))
    assert.deepStrictEqual(make(Job).decode(Buffer.concat([Buffer.from("xx"), json]), 2)._tag, "Value")
    assert.deepStrictEqual(make(Job).decode(Buffer.from("{")), { _tag: "Broken" })
  })

  it("a region without it takes a frame for a misfit", () => {
    const decoded = JsonCodec.make(Schema.String).decode(frameOf(Schema.String, "a"), 0, "binary")
    assert.deepStrictEqual(decoded, {
      _tag: "Mismatch",
      problem: "it is in the binary form, which the region does not use"
    })
  })

  describe("a frame of another schema is no value", () => {
    const one = Schema.Struct({ a: Schema.String, b: Schema.Finite })
    const frame = frameOf(one, { a: "secret", b: 1 })
    const others: ReadonlyArray<readonly [string, Schema.Codec<unknown, unknown>]> = [
      ["another name", Schema.Struct({ c: Schema.String, b: Schema.Finite })],
      ["another type", Schema.Struct({ a: Schema.Uint8Array, b: Schema.Finite })],
      ["one field more", Schema.Struct({ a: Schema.String, b: Schema.Finite, c: Schema.optional(Schema.String) })],
      ["one field less", Schema.Struct({ a: Schema.String })],
      ["optional", Schema.Struct({ a: Schema.optional(Schema.String), b: Schema.Finite })],
      ["a list", Schema.Array(one)],
      ["a record", Schema.Record(Schema.String, Schema.String)]
    ]
    for (const [what, schema] of others) {
      it(what, () => {
        assert.strictEqual(problemOf(schema, frame), "expected matching layout fingerprint")
      })
    }

    it("nor is one that a check refuses", () => {
      const stricter = Schema.Struct({ a: Schema.String.check(Schema.isMaxLength(3)), b: Schema.Finite })
      assert.notInclude(problemOf(stricter, frame), "secret")
    })
  })

  it("every truncation, and what is no frame, is a misfit and shows nothing", () => {
    const schema = Schema.Struct({ id: Schema.String, tags: Schema.Array(Schema.String), data: Schema.Uint8Array })
    const frame = frameOf(schema, { id: "hunter2", tags: ["hunter2"], data: new Uint8Array(10) })
    for (let end = 0; end < frame.length; end++) {
      assert.notInclude(problemOf(schema, frame.subarray(0, end)), "hunter2", `${end}`)
    }
    problemOf(schema, Buffer.concat([frame, Buffer.from("x")]))
    for (const junk of ["", "{}", "!", "\x21".repeat(100)]) problemOf(schema, Buffer.from(junk, "latin1"))
  })

  describe("nesting", () => {
    const tree = (depth: number): Tree => ({ at: new Date(0), children: depth === 0 ? [] : [tree(depth - 1)] })
    const list = (depth: number): unknown => {
      let nested: unknown = 1
      for (let level = 0; level < depth; level++) nested = [nested]
      return nested
    }

    it("up to 500 deep is a value", () => {
      assert.deepStrictEqual(roundTrip(Tree, tree(240)), tree(240))
      assert.deepStrictEqual(roundTrip<unknown>(Schema.Unknown, list(500)), list(500))
      assert.include(failureOf(Tree, tree(2000)), "The value does not fit its schema")
      assert.include(failureOf(Schema.Unknown, list(501)), "more than 500 deep")
      assert.isTrue(Result.isFailure(make<unknown>(Schema.Unknown).encode(list(100_000))))
    })

    it("deeper is a misfit", () => {
      // A frame says how many bytes follow, then its mode and its layout, and holds the text of JSON.
      const layout = frameOf<unknown>(Schema.Unknown, 1).subarray(1, 10)
      const lengthOf = (bytes: number): ReadonlyArray<number> =>
        bytes < 128 ? [bytes] : [(bytes % 128) + 128, ...lengthOf(Math.floor(bytes / 128))]
      for (const depth of [500, 501, 100_000]) {
        const rest = Buffer.concat([layout, Buffer.from(`${"[".repeat(depth)}1${"]".repeat(depth)}`)])
        const deep = Buffer.concat([Buffer.from(lengthOf(rest.length)), rest])
        assert.strictEqual(decode<unknown>(Schema.Unknown, deep)._tag, depth > 500 ? "Mismatch" : "Value", `${depth}`)
      }
    })

    it("a value that contains itself is a failure", () => {
      const node: { at: Date; children: Array<Tree> } = { at: new Date(0), children: [] }
      node.children.push(node)
      assert.isAbove(failureOf(Tree, node).length, 0)
    })
  })

  it("a schema that has no binary form says so", () => {
    const schema = Schema.Struct({ [Symbol("a")]: Schema.String })
    assert.match(failureOf(schema, {}), /^The value cannot be written: .*Change the region's value schema\.$/)
    assert.strictEqual(decode(schema, Buffer.from("x"))._tag, "Mismatch")
    assert.include(failureOf(asynchronousSchema, "x"), "works asynchronously")
  })

  it("maxBytes bounds a frame", () => {
    const bytes = new Uint8Array(100)
    const { length } = frameOf(Schema.Uint8Array, bytes)
    const bounded = (maxBytes: number) => BinaryCodec.make(Schema.Uint8Array, { maxBytes }).encode(bytes)
    assert.isTrue(Result.isSuccess(bounded(length)))
    const result = bounded(length - 1)
    const failure = Result.isFailure(result) ? result.failure : ""
    assert.include(failure, `takes ${length} bytes, more than the limit of ${length - 1}`)
  })

  it.effect("a value that does not fit shows nothing of itself", () =>
    Effect.sync(() => {
      const message = failureOf(Schema.Struct({ pin: Schema.Finite }), { pin: "hunter2" })
      assert.include(message, 'expected number at ["pin"]')
      assert.notInclude(message, "hunter2")
    })
  )
})
