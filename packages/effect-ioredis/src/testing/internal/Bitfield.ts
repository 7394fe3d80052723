import { at, upper } from "./Command.ts"
import { keyOf } from "./RedisStore.ts"
import * as Wire from "./Wire.ts"

/** The integers of any width that BITFIELD finds in a string. */

/** One of the operations of a command. */
export interface Operation {
  readonly name: "GET" | "SET" | "INCRBY"
  readonly signed: boolean
  readonly width: number
  /** The place of the first bit. */
  readonly offset: number
  readonly amount: bigint
  readonly overflow: Overflow
}

type Overflow = "WRAP" | "SAT" | "FAIL"

const isOverflow = (word: string): word is Overflow => word === "WRAP" || word === "SAT" || word === "FAIL"

/** Reads the operations of a command, and refuses the first that is wrong. */
export const parse = (words: ReadonlyArray<Buffer>, onlyGet: boolean): ReadonlyArray<Operation> => {
  const operations: Array<Operation> = []
  let overflow: Overflow = "WRAP"
  for (let index = 0; index < words.length; ) {
    const name = upper(words[index])
    const rest = words.length - index - 1
    if (name === "OVERFLOW" && rest >= 1) {
      const word = upper(words[index + 1])
      overflow = isOverflow(word) ? word : Wire.fail("ERR Invalid OVERFLOW type specified")
      index += 2
    } else if ((name === "GET" && rest >= 2) || ((name === "SET" || name === "INCRBY") && rest >= 3)) {
      const { signed, width } = typeOf(at(words, index + 1))
      const offset = offsetOf(at(words, index + 2), width)
      const amount = name === "GET" ? 0n : Wire.bigInteger(words[index + 3])
      operations.push({ name, signed, width, offset, amount, overflow })
      index += name === "GET" ? 3 : 4
    } else return Wire.syntaxError()
  }
  return onlyGet && operations.some(({ name }) => name !== "GET")
    ? Wire.fail("ERR BITFIELD_RO only supports the GET subcommand")
    : operations
}

const typeOf = (bytes: Buffer) => {
  const [signed, width] = [bytes[0] === 0x69, bytes.subarray(1)]
  const bits = (signed || bytes[0] === 0x75) && Wire.isInteger(width) ? Wire.integer(width) : 0
  return bits < 1 || bits > (signed ? 64 : 63)
    ? Wire.fail("ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.")
    : { signed, width: bits }
}

// The maximum of `proto-max-bulk-len`.
const longest = 512 * 1024 * 1024

/** Reads the place of a bit; `#2` is the second one of that width, where there is a width. */
export const offsetOf = (bytes: Buffer, width?: number): number => {
  const counted = width !== undefined && keyOf(bytes).startsWith("#")
  const number = counted ? bytes.subarray(1) : bytes
  const offset = Wire.isInteger(number) ? Wire.integer(number) * (counted ? width : 1) : -1
  return offset < 0 || offset >= longest * 8 ? Wire.fail("ERR bit offset is not an integer or out of range") : offset
}

/** Does one operation on bytes that are long enough for it, in place, and answers it. */
export const run = (bytes: Buffer, { amount, name, offset, overflow, signed, width }: Operation): bigint | null => {
  const before = get(bytes, offset, width, signed)
  if (name === "GET") return before
  const [value, increment] = name === "SET" ? [amount, 0n] : [before, amount]
  const after = signed ? signedSum(value, increment, width, overflow) : unsignedSum(value, increment, width, overflow)
  if (after === undefined) return null
  set(bytes, offset, width, after)
  return name === "SET" ? before : after
}

const get = (bytes: Buffer, offset: number, width: number, signed: boolean): bigint => {
  let value = 0n
  for (let bit = offset; bit < offset + width; bit++) {
    value = (value << 1n) | BigInt(((bytes[Math.floor(bit / 8)] ?? 0) >> (7 - (bit % 8))) & 1)
  }
  return signed ? BigInt.asIntN(width, value) : value
}

const set = (bytes: Buffer, offset: number, width: number, value: bigint): void => {
  for (let index = 0; index < width; index++) {
    const [place, mask] = [Math.floor((offset + index) / 8), 128 >> ((offset + index) % 8)]
    const isSet = (value >> BigInt(width - 1 - index)) & 1n
    bytes[place] = isSet === 1n ? (bytes[place] ?? 0) | mask : (bytes[place] ?? 0) & ~mask
  }
}

const unsignedSum = (value: bigint, increment: bigint, width: number, overflow: Overflow): bigint | undefined => {
  const max = 2n ** BigInt(width) - 1n
  // A negative value is one of 64 bits without a sign.
  const sum = BigInt.asUintN(64, value) + increment
  if (sum >= 0n && sum <= max) return sum
  if (overflow === "WRAP") return BigInt.asUintN(width, sum)
  if (overflow === "FAIL") return undefined
  return sum < 0n ? 0n : max
}

const signedSum = (value: bigint, increment: bigint, width: number, overflow: Overflow): bigint | undefined => {
  const max = 2n ** BigInt(width - 1) - 1n
  const min = -max - 1n
  const sum = value + increment
  if (sum >= min && sum <= max) return sum
  if (overflow === "WRAP") return BigInt.asIntN(width, sum)
  if (overflow === "FAIL") return undefined
  // Redis counts what is left up to the maximum in 64 bits, and takes what is too low for too high
  // where that ends in a negative number.
  const isTooHigh = sum > max || (width < 64 && BigInt.asIntN(64, max - value) < increment)
  return isTooHigh ? max : min
}
