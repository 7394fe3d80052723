import * as Wire from "./Wire.ts"

/**
 * An ID as one number of 128 bits, whose order is that of the IDs: milliseconds, and behind them 64
 * bits of what counts within one.
 */
export type StreamId = bigint

const half = 1n << 64n
export const first: StreamId = 0n
export const last: StreamId = half * half - 1n

export const make = (millis: bigint, sequence: bigint): StreamId => millis * half + sequence

export const millisOf = (id: StreamId): bigint => id / half

export const later = (one: StreamId, other: StreamId): StreamId => {
  if (one > other) return one
  return other
}

export const show = (id: StreamId): Buffer => Buffer.from(`${id / half}-${id % half}`)

/** Takes `1700000000000-3`. What it does not say of the sequence is `missing`. */
export const parse = (bytes: Buffer, missing = 0n): StreamId | undefined => {
  const { millis, sequence } = parts(bytes)
  const [before, behind] = [unsigned(millis), sequence === undefined ? missing : unsigned(sequence)]
  return before === undefined || behind === undefined ? undefined : make(before, behind)
}

export const strict = (bytes: Buffer): StreamId => parse(bytes) ?? invalid()

/** Takes what XADD does: the sequence may be `*`, and is the server's then. */
export const given = (bytes: Buffer): { readonly id: StreamId; readonly exact: boolean } => {
  const { millis, sequence } = parts(bytes)
  return sequence === "*"
    ? { id: make(unsigned(millis) ?? invalid(), 0n), exact: false }
    : { id: strict(bytes), exact: true }
}

/** Takes an ID, or `-` and `+` for the first and the last that there can be. */
export const edge = (bytes: Buffer): StreamId => {
  const text = textOf(bytes)
  return text === "-" ? first : text === "+" ? last : strict(bytes)
}

/** Takes the start of a range. */
export const start = (bytes: Buffer): StreamId => {
  const { exclusive, id } = bound(bytes, 0n)
  if (exclusive && id === last) return Wire.fail("ERR invalid start ID for the interval")
  return exclusive ? id + 1n : id
}

/** Takes the end of a range. */
export const end = (bytes: Buffer): StreamId => {
  const { exclusive, id } = bound(bytes, half - 1n)
  if (exclusive && id === first) return Wire.fail("ERR invalid end ID for the interval")
  return exclusive ? id - 1n : id
}

const bound = (bytes: Buffer, missing: bigint) => {
  const text = textOf(bytes)
  if (text === "-") return { id: first, exclusive: false }
  if (text === "+") return { id: last, exclusive: false }
  const exclusive = bytes.length > 1 && text.startsWith("(")
  return { id: parse(exclusive ? bytes.subarray(1) : bytes, missing) ?? invalid(), exclusive }
}

// Longer ones have no room in Redis.
const longest = 127

const parts = (bytes: Buffer) => {
  if (bytes.length > longest) return invalid()
  const [millis = "", ...rest] = textOf(bytes).split("-")
  return { millis, sequence: rest.length === 0 ? undefined : rest.join("-") }
}

// A zero byte ends a text in C.
const textOf = (bytes: Buffer): string => Wire.quoted(bytes).toString("latin1")

// As C reads numbers: with spaces before them, a plus and leading zeros.
const unsigned = (text: string): bigint | undefined => {
  const digits = /^[ \t-\r]*\+?([0-9]+)$/.exec(text)?.[1]
  const value = digits === undefined ? half : BigInt(digits)
  return value < half ? value : undefined
}

const invalid = (): never => Wire.fail("ERR Invalid stream ID specified as stream command argument")
