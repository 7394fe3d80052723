import { Data } from "effect"
import type { Argument, Reply } from "../../RedisCommand.ts"

/**
 * A reply as the server gives it: a string is a status (`OK`), bytes are a bulk string, `null` is
 * nil.
 */
export type Wire = null | number | bigint | string | Uint8Array | ErrorReply | ReadonlyArray<Wire>

/**
 * An error reply, whole: `WRONGTYPE Operation against …`. Commands throw it; the interpreter makes
 * a reply of it.
 */
export class ErrorReply extends Data.TaggedError("ErrorReply")<{ readonly message: string }> {}

export const fail = (message: string): never => {
  throw new ErrorReply({ message })
}

export const wrongType = (): never => fail("WRONGTYPE Operation against a key holding the wrong kind of value")
export const syntaxError = (): never => fail("ERR syntax error")
export const notAnInteger = (): never => fail("ERR value is not an integer or out of range")
export const wrongArity = (name: string): never => fail(`ERR wrong number of arguments for '${name}' command`)

/** Tells what an error reply's first word says. */
export const codeOf = ({ message }: ErrorReply): string => message.split(" ", 1)[0] ?? ""

export const encode = (argument: Argument): Buffer =>
  argument instanceof Uint8Array
    ? Buffer.from(argument.buffer, argument.byteOffset, argument.byteLength)
    : Buffer.from(String(argument))

export const decode = (wire: Exclude<Wire, ErrorReply>, as: "text" | "bytes"): Reply => {
  if (wire === null || typeof wire === "number") return wire
  if (typeof wire === "bigint") return Number.isSafeInteger(Number(wire)) ? Number(wire) : wire
  if (typeof wire === "string") return as === "text" ? wire : Buffer.from(wire)
  if (wire instanceof Uint8Array) return as === "text" ? Buffer.from(wire).toString() : wire
  return wire.map((item) => (item instanceof ErrorReply ? item.message : decode(item, as)))
}

const int64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n }

/** Redis' integers: 64 bits, no sign but minus, no leading zeros. */
const parse = (bytes: Uint8Array | undefined): bigint | undefined => {
  // A string may be longer than a text can be.
  const text = bytes === undefined ? "" : Buffer.from(bytes.subarray(0, 21)).toString("latin1")
  if (!/^(?:0|-?[1-9][0-9]{0,18})$/.test(text)) return undefined
  const value = BigInt(text)
  return fitsInt64(value) ? value : undefined
}

export const isInteger = (bytes: Uint8Array): boolean => parse(bytes) !== undefined

export const bigInteger = (bytes: Uint8Array | undefined): bigint => parse(bytes) ?? notAnInteger()

export const integer = (bytes: Uint8Array | undefined): number => Number(bigInteger(bytes))

export const count = (bytes: Uint8Array): number => {
  const value = parse(bytes)
  return value === undefined || value < 0n ? fail("ERR value is out of range, must be positive") : Number(value)
}

export const fitsInt64 = (value: bigint): boolean => value >= int64.min && value <= int64.max
