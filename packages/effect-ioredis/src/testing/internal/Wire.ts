import { Data } from "effect"
import type { Argument } from "../../RedisCommand.ts"

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

// A line's end would end the reply.
export const fail = (message: string): never => {
  throw new ErrorReply({ message: message.replace(/[\r\n]/g, " ") })
}

export const wrongType = (): never => fail("WRONGTYPE Operation against a key holding the wrong kind of value")
export const syntaxError = (): never => fail("ERR syntax error")
export const notAnInteger = (): never => fail("ERR value is not an integer or out of range")
export const wrongArity = (name: string): never => fail(`ERR wrong number of arguments for '${name}' command`)

/** Shows what an error quotes: up to the first zero byte, and so many bytes at most. */
export const quoted = (bytes: Buffer, most = Number.POSITIVE_INFINITY): Buffer => {
  const end = bytes.indexOf(0)
  return bytes.subarray(0, Math.min(most, end === -1 ? bytes.length : end))
}

/** Tells what an error reply's first word says. */
export const codeOf = ({ message }: ErrorReply): string => message.split(" ", 1)[0] ?? ""

export const encode = (argument: Argument): Buffer =>
  argument instanceof Uint8Array
    ? Buffer.from(argument.buffer, argument.byteOffset, argument.byteLength)
    : Buffer.from(String(argument))

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

export const count = (bytes: Uint8Array): number => atLeast(0, bytes, "ERR value is out of range, must be positive")

/** An integer that Redis refuses with a text of its own where it is below another, or is none. */
export const atLeast = (least: number, bytes: Uint8Array, message: string): number => {
  const value = parse(bytes)
  return value === undefined || value < least ? fail(message) : Number(value)
}

export const maxInt64 = int64.max

/** An integer from one to another. */
export const between = (least: bigint, most: bigint, bytes: Uint8Array): number => {
  const value = bigInteger(bytes)
  return value < least || value > most
    ? fail(`ERR value is out of range, value must between ${least} and ${most}`)
    : Number(value)
}

export const fitsInt64 = (value: bigint): boolean => value >= int64.min && value <= int64.max
