import { Result, type Schema } from "effect"
import { describe } from "./schemaFailure.ts"
import type { Form, Payload } from "./StoredValue.ts"

/**
 * Makes the codec of a region from its value schema and `maxBytes`.
 */
export type Make = <Value>(
  schema: Schema.Codec<Value, unknown>,
  options: { readonly maxBytes: number }
) => CacheCodec<Value>

/**
 * Marks what makes codecs.
 */
export const TypeId = "~effect-ioredis-cache/Codec"

/**
 * Makes payloads of the values of one region, and values of payloads.
 */
export interface CacheCodec<in out Value> {
  /**
   * Gives the payload of a value, or one line that says what to do and never contains the value. It
   * does not throw.
   */
  readonly encode: (value: Value) => Result.Result<Encoded<Value>, string>
  /**
   * Reads the payload that begins at `offset` (default 0) of the bytes, and was made by a codec
   * (default JSON). It does not throw.
   */
  readonly decode: (stored: Uint8Array, offset?: number, codec?: Form["codec"]) => Decoded<Value>
}

/**
 * A value that was encoded.
 */
export class Encoded<out Value> {
  /** The payload, before it is compressed. */
  readonly payload: Payload
  /**
   * The value as decoding the payload would give it: without undeclared fields, shared with nobody,
   * and perhaps wrapped.
   */
  readonly value: Value

  // A class, as what lives while a command is in flight has to be: see `Deadlines` of
  // effect-ioredis.
  constructor(payload: Payload, value: Value) {
    this.payload = payload
    this.value = value
  }
}

/**
 * Tells what a payload turned out to be.
 *
 * **Details**
 *
 * - `Value`: a value of the schema.
 * - `Mismatch`: it does not fit the schema, and is perhaps a value of another deployment. `problem`
 *   says in one line what was expected and where, never what was found.
 * - `Broken`: nobody could read it.
 */
export type Decoded<Value> = DecodedValue<Value> | Mismatch | Broken

/**
 * A value of the schema.
 */
export class DecodedValue<out Value> {
  readonly _tag = "Value"
  /** The value. */
  readonly value: Value

  constructor(value: Value) {
    this.value = value
  }
}

/**
 * A payload that does not fit the schema.
 */
export interface Mismatch {
  /** Tells it from other outcomes. */
  readonly _tag: "Mismatch"
  /** One line that says what was expected and where. */
  readonly problem: string
}

/**
 * Bytes that are no payload of their codec.
 */
export interface Broken {
  /** Tells it from other outcomes. */
  readonly _tag: "Broken"
}

/**
 * Says that a payload does not fit the schema.
 */
export const mismatch = (problem: string): Mismatch => ({ _tag: "Mismatch", problem })

/**
 * Says that a payload does not fit the schema, of what decoding it threw.
 */
export const unfit = (thrown: unknown): Mismatch => mismatch(describe(thrown, "decoding"))

/**
 * Says that a value does not fit its schema, of what encoding it threw.
 */
export const doesNotFit = (thrown: unknown): Result.Result<never, string> =>
  Result.fail(
    `The value does not fit its schema: ${describe(thrown)}. Correct the value, or the region's value schema.`
  )

/**
 * Says that no value of a schema can be written, and why.
 */
export const unwritable = (problem: string): Result.Result<never, string> =>
  Result.fail(`The value cannot be written: ${problem}. Change the region's value schema.`)

/**
 * Says that a payload is too long.
 */
export const tooLarge = (bytes: number, maxBytes: number): Result.Result<never, string> =>
  Result.fail(
    `The value takes ${bytes} bytes, more than the limit of ${maxBytes}. Store less, split it, or raise maxBytes.`
  )

/** Says how deep lists and objects may be nested. */
export const deepest = 500

/**
 * Says that a value is nested too deep to be written.
 */
export const tooDeep: Result.Result<never, string> = /* @__PURE__ */ Result.fail(
  `The value has lists and objects more than ${deepest} deep. Store it flat.`
)

/**
 * Says that a payload is nested too deep to be read.
 */
export const deepMismatch: Mismatch = {
  _tag: "Mismatch",
  problem: `expected lists and objects no more than ${deepest} deep`
}

/** The least length that may be too deep: each level takes two bytes, its beginning and its end. */
export const shortestDeep: number = 2 * deepest

/** The `maxBytes` of a region that names none. */
export const defaultMaxBytes: number = 8 * 1024 * 1024
