import { Arbitrary, Schema } from "effect"

// Schemas of many kinds, and values of them.

export class Person extends Schema.Class<Person>("Person")({ name: Schema.String, born: Schema.Date }) {
  get greeting() {
    return `Hello ${this.name}`
  }
}

export interface Tree {
  readonly at: Date
  readonly children: ReadonlyArray<Tree>
}
export const Tree: Schema.Codec<Tree, unknown> = Schema.Struct({
  at: Schema.Date,
  children: Schema.Array(Schema.suspend(() => Tree))
})

// JSON has no negative zero; the docs say so.
const notNegativeZero = Schema.makeFilter((n: number) => !Object.is(n, -0))

/** Schemas whose JSON form is never null, so that they can stand in a NullOr, an optional or an UndefinedOr. */
export const leaves: ReadonlyArray<Schema.Codec<unknown, unknown>> = [
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

/** A schema, and a value of it. */
export const schemaAndValue = Arbitrary.flatMap(
  Arbitrary.flatMap(oneOf([0, 1, 2, 3]), schemas),
  (schema): Arbitrary.Arbitrary<{ schema: AnyCodec; value: unknown }> =>
    Arbitrary.map(Arbitrary.schema(schema), (value) => ({ schema, value }))
)
