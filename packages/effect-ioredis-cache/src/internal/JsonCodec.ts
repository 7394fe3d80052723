import { Result, Schema } from "effect"
import {
  type Broken,
  type CacheCodec,
  type Decoded,
  DecodedValue,
  deepest,
  deepMismatch,
  defaultMaxBytes,
  doesNotFit,
  Encoded,
  mismatch,
  shortestDeep,
  tooDeep,
  tooLarge,
  unfit,
  unwritable
} from "./CacheCodec.ts"
import { contain, describeDefinition } from "./schemaFailure.ts"
import { everyNode, isBoundedNode, isPlainNode } from "./schemaNodes.ts"
import { payloadText } from "./StoredValue.ts"
import { unparsed } from "./Unparsed.ts"

/**
 * Compiles a schema into a codec whose payloads are JSON. Do it once per region, not per call.
 *
 * **Details**
 *
 * The payload is JSON, in the form given by `Schema.toCodecJson`. `maxBytes` bounds its UTF-8
 * length (default 8 MiB); a longer one is a failure. Lists and objects nest up to 500 deep: beyond
 * that, a value is a failure and a payload does not fit. What JSON does to values is said at
 * `Cache.RegionOptions`.
 */
export const make = <Value>(
  schema: Schema.Codec<Value, unknown>,
  options?: { readonly maxBytes?: number | undefined }
): CacheCodec<Value> => {
  const maxBytes = options?.maxBytes ?? defaultMaxBytes
  const derived = Result.try({ try: () => Schema.toCodecJson(schema), catch: describeDefinition })
  if (Result.isFailure(derived)) {
    const failure = unwritable(derived.failure)
    return { encode: () => failure, decode: () => mismatch(derived.failure) }
  }
  const { ast } = derived.success
  const isPlain = everyNode(ast, isPlainNode)
  const nests = !everyNode(ast, isBoundedNode)
  // Schema's adapters that throw are as quick as those that return an Exit or a Result (1.08 µs for
  // 200 B), and a getter of the value or a transformation of the schema can throw through any of
  // them.
  const toJson = Schema.encodeSync(derived.success)
  const fromJson = Schema.decodeUnknownSync(derived.success)

  const encode = (value: Value): Result.Result<Encoded<Value>, string> => {
    const json = toJson(value)
    const payload = JSON.stringify(json) as string | undefined
    // Only Schema.Any lets undefined or a function through to JSON.stringify, which has no text for
    // them.
    if (payload === undefined) return Result.fail(noJson)
    if (!fits(payload, maxBytes)) return tooLarge(Buffer.byteLength(payload), maxBytes)
    if (nests && payload.length >= shortestDeep && isDeep(Buffer.from(payload), 0)) return tooDeep
    // A plain schema has one form for both, and what was encoded has the declared fields and no
    // others.
    return Result.succeed(new Encoded(payload, isPlain ? unparsed(payload) : fromJson(JSON.parse(payload))))
  }

  const decodeJson = (json: unknown) => new DecodedValue(fromJson(json))

  // Only a schema that nests walks as deep as the JSON is.
  const decode = (stored: Uint8Array, offset: number): Decoded<Value> => {
    const text = payloadText(stored, offset)
    if (text === undefined) return broken
    if (nests && text.length >= shortestDeep && isDeep(stored, offset)) return deepMismatch
    const json = contain(parse, text, noValue)
    return json === broken ? broken : contain<unknown, Decoded<Value>>(decodeJson, json, unfit)
  }

  return {
    encode: (value) => contain(encode, value, doesNotFit),
    decode: (stored, offset = 0, codec = "json") => (codec === "json" ? decode(stored, offset) : otherCodec)
  }
}

const broken: Broken = { _tag: "Broken" }

const otherCodec = mismatch("it is in the binary form, which the region does not use")

const noValue = () => broken

const parse = (text: string): unknown => JSON.parse(text)

const noJson = "The value has no JSON form. Give the region a value schema more precise than Schema.Any."

// A UTF-16 code unit takes at most three bytes of UTF-8, so that most values need no counting.
const fits = (text: string, maxBytes: number) => text.length * 3 <= maxBytes || Buffer.byteLength(text) <= maxBytes

const quote = 34
const backslash = 92
const openList = 91
const closeList = 93
const openObject = 123
const closeObject = 125

/**
 * Tells whether lists and objects of a JSON text nest deeper than `deepest`. One pass over the
 * bytes, before anything recursive sees them.
 */
const isDeep = (json: Uint8Array, offset: number): boolean => {
  let depth = 0
  let inString = false
  for (let index = offset; index < json.length; index++) {
    const byte = json[index]
    if (inString) {
      if (byte === backslash) index++
      else if (byte === quote) inString = false
    } else if (byte === quote) inString = true
    else if (byte === openList || byte === openObject) {
      depth++
      if (depth > deepest) return true
    } else if (byte === closeList || byte === closeObject) depth--
  }
  return false
}
