import { Result, Schema } from "effect"
import * as SchemaBinary from "effect/encoding/SchemaBinary"
import {
  type CacheCodec,
  type Decoded,
  DecodedValue,
  deepest,
  deepMismatch,
  doesNotFit,
  Encoded,
  type Make,
  mismatch,
  shortestDeep,
  tooDeep,
  tooLarge,
  unfit,
  unwritable
} from "./CacheCodec.ts"
import * as JsonCodec from "./JsonCodec.ts"
import { contain, describeDefinition } from "./schemaFailure.ts"
import { everyNode, isBoundedNode } from "./schemaNodes.ts"
import { Packed } from "./StoredValue.ts"

/**
 * Compiles a schema into a codec whose payloads are frames of Effect's `SchemaBinary`, in the mode
 * in which each frame names the layout that it is of. It reads JSON as well, which the region may
 * have held before.
 *
 * **Details**
 *
 * A frame of another layout does not fit, and is never taken for a value. Lists and objects nest up
 * to 500 deep, as in JSON: a hostile frame must not cost the stack of whoever reads the value.
 */
export const make: Make = <Value>(
  schema: Schema.Codec<Value, unknown>,
  options: { readonly maxBytes: number }
): CacheCodec<Value> => {
  const { maxBytes } = options
  let json: CacheCodec<Value> | undefined
  const readJson = (stored: Uint8Array, offset: number): Decoded<Value> => {
    json ??= JsonCodec.make(schema, options)
    return json.decode(stored, offset)
  }
  const derived = Result.try({
    try: () => SchemaBinary.toCodec(schema, { fingerprint: true }),
    catch: describeDefinition
  })
  if (Result.isFailure(derived)) {
    const failure = unwritable(derived.failure)
    return {
      encode: () => failure,
      decode: (stored, offset = 0, codec = "json") =>
        codec === "json" ? readJson(stored, offset) : mismatch(derived.failure)
    }
  }
  const toFrame = Schema.encodeSync(derived.success)
  const fromFrame = Schema.decodeUnknownSync(derived.success)
  const nests = mayNest(schema)

  const decode = (frame: Uint8Array): Decoded<Value> => {
    const value = fromFrame(frame)
    return nests && frame.length >= shortestDeep && isDeep(value) ? deepMismatch : new DecodedValue(value)
  }

  const encode = (value: Value): Result.Result<Encoded<Value>, string> => {
    // A copy, because the frame is a part of a buffer that frames are written to one after the
    // other.
    const frame = toFrame(value).slice()
    if (frame.length > maxBytes) return tooLarge(frame.length, maxBytes)
    const own = decode(frame)
    return own._tag === "Value" ? Result.succeed(new Encoded(Packed.binary(frame), own.value)) : tooDeep
  }

  return {
    encode: (value) => contain(encode, value, doesNotFit),
    decode: (stored, offset = 0, codec = "json") =>
      codec === "json"
        ? readJson(stored, offset)
        : contain((stored) => decode(bytesFrom(stored, offset)), stored, unfit)
  }
}

// No Buffer, of which `slice` does not copy: bytes in a value would share the memory of the reply.
const bytesFrom = ({ buffer, byteLength, byteOffset }: Uint8Array, offset: number): Uint8Array =>
  new Uint8Array(buffer, byteOffset + offset, byteLength - offset)

// What has no JSON form is taken to nest.
const mayNest = (schema: Schema.Codec<unknown, unknown>): boolean =>
  contain(
    (schema) => !everyNode(Schema.toCodecJson(schema).ast, isBoundedNode),
    schema,
    () => true
  )

// Level by level rather than by recursion, which would need the very stack that is to be spared.
const isDeep = (value: unknown): boolean => {
  let level: ReadonlyArray<unknown> = [value]
  for (let depth = 0; depth <= deepest; depth++) {
    level = level.flatMap(partsOf)
    if (level.length === 0) return false
  }
  return true
}

// Instances of classes are as deep as their schema says.
const partsOf = (value: unknown): ReadonlyArray<unknown> => {
  if (typeof value !== "object" || value === null) return []
  if (Array.isArray(value)) return value
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null ? Object.values(value) : []
}
