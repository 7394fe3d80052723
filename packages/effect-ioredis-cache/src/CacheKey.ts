import { Effect, Result, Schema, SchemaAST, SchemaGetter } from "effect"
import { contain, describe, describeDefinition, noJsonForm } from "./internal/schemaFailure.ts"
import { sha256 } from "./internal/sha256.ts"

/**
 * Compiles a key schema into the function that gives the key part of a Redis key. Do it once per
 * region.
 *
 * **Details**
 *
 * The key is encoded by `Schema.toCodecJson` and rendered canonically: object fields sorted by code
 * unit, a field whose value is `undefined` the same as an absent one, lists in order. A string of 1
 * to 64 letters, digits, `_`, `.` and `-` becomes `=` and the string; everything else, numbers
 * included, becomes `#` and the SHA-256 of the rendering in base64url. So different encoded keys
 * never meet: the string `"1"` is `=1`, the number `1` is hashed. `keyspace` is put in front. A key
 * that does not fit its schema fails with one line that never contains the key.
 *
 * **Gotchas**
 *
 * - Members of a union that have the same JSON form are the same key: a bigint or a date and a
 *   string that reads the same, `NaN` and `"NaN"`. `-0` is `0`.
 * - `null` and `undefined` differ, except inside a `Map` or a `Set`.
 * - Sets and maps are rendered in their own order, so that equal ones may get different keys, which
 *   costs a miss. Use a list and `unordered`.
 *
 * **Example** (Rendering keys)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { CacheKey } from "effect-ioredis-cache"
 *
 * const render = CacheKey.make(Schema.String)
 *
 * render("job-42") // => Result.succeed("=job-42")
 * render("a b") // => Result.succeed("#XiKeJFw-UlKD5l7EmY1kP6z2fgNf-JVXIWMFvJtRCfg")
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <Key>(
  schema: Schema.Codec<Key, unknown>,
  keyspace = ""
): ((key: Key) => Result.Result<string, string>) => {
  const derived = Result.try({ try: () => Schema.toCodecJson(schema), catch: describeDefinition })
  if (Result.isFailure(derived)) {
    const failure = Result.fail(`The key cannot be written: ${derived.failure}. Change the region's key schema.`)
    return () => failure
  }
  const plain = `${keyspace}=`
  const render = renderBy(Schema.encodeSync(derived.success, renderingKey), Schema.encodeSync(schema, renderingKey))
  const renderBySchema = (key: Key) => Result.succeed(joined(keyspace, render(key)))
  const isPlain = SchemaAST.isString(schema.ast) && schema.ast.checks === undefined && schema.ast.encoding === undefined
  return (key) =>
    // A string that needs no schema to be seen as one: 60 ns in the place of 250.
    isPlain && typeof key === "string" && readable.test(key)
      ? Result.succeed(joined(plain, key))
      : contain<Key, Result.Result<string, string>>(renderBySchema, key, doesNotFit)
}

/**
 * Makes a list in a key schema stand for a set: in the key, order and repetition no longer count,
 * so that `skills=a,b` finds `skills=b,a`.
 *
 * **Details**
 *
 * While a key is rendered, the list is sorted by the canonical rendering of its elements and equal
 * ones are dropped. It can stand anywhere in a key schema, in another `unordered` list too. Outside
 * of key rendering the schema is as it was: the type, the values and what they decode from and
 * encode to do not change.
 *
 * **Example** (A query whose skills have no order)
 *
 * ```ts
 * import { Result, Schema } from "effect"
 * import { CacheKey } from "effect-ioredis-cache"
 *
 * const Query = Schema.Struct({ skills: CacheKey.unordered(Schema.Array(Schema.String)) })
 * const render = CacheKey.make(Query)
 *
 * const one = Result.getOrThrow(render({ skills: ["redis", "effect"] }))
 * const other = Result.getOrThrow(render({ skills: ["effect", "redis", "effect"] }))
 * one === other // => true
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const unordered = <S extends UnorderedConstraint>(schema: S): Schema.decodeTo<S, Schema.toEncoded<S>> => {
  const encoded = Schema.make<Schema.toEncoded<S>>(withoutChecks(Schema.toEncoded(schema).ast))
  const sort = sortBy(encoded)
  return Schema.encodeTo<Schema.toEncoded<S>, S>(encoded, {
    decode: SchemaGetter.passthrough(),
    encode: SchemaGetter.transformEffect((list, options) => Effect.succeed(keyMode in options ? sort(list) : list))
  })(schema)
}

/**
 * Bounds what `unordered` accepts: a schema whose values, encoded and not, are lists.
 *
 * @category models
 * @since 0.1.0
 */
export interface UnorderedConstraint
  extends Schema.ConstraintCodec<ReadonlyArray<unknown>, ReadonlyArray<unknown>, unknown, unknown> {}

/**
 * Gives the part of a Redis key that all keys of a region share: `<prefix>:<region>:v<version>:`.
 *
 * **Details**
 *
 * A prefix or region name that is empty, or has white space, a control character, half of a
 * surrogate pair or one of `: { } * ? [ ] \` in it is refused with a message that says what to do,
 * and so is a version that is not a non-negative integer. So no key reaches another region, and
 * `<keyspace>*` is a pattern that matches this region and version alone.
 *
 * **Example** (Naming a region)
 *
 * ```ts
 * import { Result } from "effect"
 * import { CacheKey } from "effect-ioredis-cache"
 *
 * const matches = { prefix: "app", region: "matches", version: 1 }
 *
 * CacheKey.keyspace(matches) // => Result.succeed("app:matches:v1:")
 * Result.isFailure(CacheKey.keyspace({ ...matches, region: "a:b" })) // => true
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const keyspace = (options: {
  /** Begins every key of the cache. */
  readonly prefix: string
  /** Names the region. */
  readonly region: string
  /** Tells shapes of the region's values apart. */
  readonly version: number
}): Result.Result<string, string> => {
  const refusal =
    refuseName("prefix", options.prefix) ?? refuseName("region name", options.region) ?? refuseVersion(options.version)
  return refusal === undefined
    ? Result.succeed(`${options.prefix}:${options.region}:v${options.version}:`)
    : Result.fail(refusal)
}

// Schema hands its options on to every transformation: so a list knows that it is encoded for a
// key, and stays as it is everywhere else.
const keyMode = Symbol("effect-ioredis-cache/CacheKey")
const renderingKey: SchemaAST.ParseOptions & { readonly [keyMode]: true } = { [keyMode]: true }

const doesNotFit = (thrown: unknown): Result.Result<string, string> =>
  Result.fail(`The key does not fit its schema: ${describe(thrown)}. Correct the key, or the region's key schema.`)

// V8 keeps two strings that were put together as a rope until somebody looks into it, and each map
// that is asked for a rope reads it anew: a write with the circuit open took 5 % more.
const joined = (keyspace: string, key: string): string => {
  const rendered = keyspace + key
  rendered.charCodeAt(0)
  return rendered
}

const readable = /^[A-Za-z0-9_.-]{1,64}$/

// toCodecJson writes undefined as null. Only where there is a null, the key is encoded a second
// time without JSON, to tell the two apart.
const renderBy =
  <A>(toJson: (value: A) => unknown, toPlain: (value: A) => unknown) =>
  (value: A): string => {
    const json = toJson(value)
    if (typeof json === "string" && readable.test(json)) return `=${json}`
    const text = canonical(json, json)
    return `#${sha256(text.includes("null") ? canonical(json, toPlain(value)) : text)}`
  }

/**
 * `plain` is what stands in the place of `json` before it was made JSON; it matters only where
 * `json` is null.
 */
const canonical = (json: unknown, plain: unknown): string => {
  if (json === null) return plain === undefined ? "undefined" : "null"
  if (typeof json !== "object") return primitive(json)
  if (Array.isArray(json)) {
    const same = Array.isArray(plain) && plain.length === json.length
    return `[${json.map((item, index) => canonical(item, same ? plain[index] : item)).join()}]`
  }
  return record(json, plain)
}

// Only Schema.Any lets through what is not JSON. It is refused, because JSON.stringify writes
// several such values alike.
const record = (json: object, plain: unknown): string => {
  const prototype = Object.getPrototypeOf(json)
  if (prototype !== null && prototype !== Object.prototype) throw noJsonForm
  const fields = json as Fields
  const origin = typeof plain === "object" && plain !== null ? (plain as Fields) : fields
  const texts: Array<string> = []
  for (const key of Object.keys(fields).sort()) {
    const text = canonical(fields[key], Object.hasOwn(origin, key) ? origin[key] : fields[key])
    if (text !== "undefined") texts.push(`${JSON.stringify(key)}:${text}`)
  }
  return `{${texts.join()}}`
}

// Any object can be read by key, though TypeScript has no type for an object of which nothing is
// known.
interface Fields {
  readonly [key: string]: unknown
}

const primitive = (json: unknown): string => {
  if (json === undefined) return "undefined"
  const isJson =
    typeof json === "number" ? Number.isFinite(json) : typeof json === "string" || typeof json === "boolean"
  if (!isJson) throw noJsonForm
  return JSON.stringify(json)
}

// The list was checked before it is sorted; dropping equal elements must not make it too short for
// its schema.
const withoutChecks = (ast: SchemaAST.AST): SchemaAST.AST =>
  SchemaAST.isArrays(ast) ? new SchemaAST.Arrays(ast.isMutable, ast.elements, ast.rest) : ast

const sortBy = <List extends ReadonlyArray<unknown>>(encoded: Schema.ConstraintCodec<List, List>) => {
  const toJson = Schema.encodeSync(Schema.toCodecJson(encoded))
  return (list: List): List => {
    const json = toJson(list) as ReadonlyArray<unknown> // the JSON of a list is a list
    const byText = new Map(list.map((item, index) => [canonical(json[index], item), item]))
    const sorted: ReadonlyArray<unknown> = [...byText.keys()].sort().map((text) => byText.get(text))
    return sorted as List // its own elements in another order; no tuple has a place in a set
  }
}

const refuseName = (what: string, name: string): string | undefined => {
  if (name === "") return `The ${what} is empty. Give it a name such as "matches".`
  const [character] = /[\s:{}*?[\]\\\p{Cc}\p{Cs}]/u.exec(name) ?? []
  return character === undefined
    ? undefined
    : `The ${what} contains ${visible(character)}. Leave out white space, control characters and : { } * ? [ ] \\.`
}

const visible = (character: string) =>
  /[!-~]/.test(character)
    ? `"${character}"`
    : `U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`

const refuseVersion = (version: number): string | undefined =>
  Number.isSafeInteger(version) && version >= 0
    ? undefined
    : `The version is ${version}. Make it a whole number from 0 up, and raise it when the shape of the values changes.`
