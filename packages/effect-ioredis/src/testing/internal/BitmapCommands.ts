import * as Bitfield from "./Bitfield.ts"
import { at, type Commands, grow, read, type Run, upper } from "./Command.ts"
import { type RedisStore, replace, stringAt } from "./RedisStore.ts"
import * as Wire from "./Wire.ts"

/** Bitmaps are strings; their bits count from the highest of the first byte. */

const bitAt = (bytes: Buffer, offset: number): number =>
  ((bytes[Math.floor(offset / 8)] ?? 0) >> (7 - (offset % 8))) & 1

const setBit: Run = (args, { store }) => {
  const offset = Bitfield.offsetOf(at(args, 1))
  const bit = Wire.isInteger(at(args, 2)) ? Wire.integer(args[2]) : -1
  if (bit !== 0 && bit !== 1) return Wire.fail("ERR bit is not an integer or out of range")
  const bytes = grown(store, at(args, 0), offset)
  const before = bitAt(bytes, offset)
  const place = Math.floor(offset / 8)
  const mask = 128 >> (offset % 8)
  bytes[place] = bit === 1 ? (bytes[place] ?? 0) | mask : (bytes[place] ?? 0) & ~mask
  put(store, at(args, 0), bytes)
  return before
}

// What changes nothing is no write to those who watch the key.
const put = (store: RedisStore, key: Buffer, bytes: Buffer): void => {
  if (stringAt(store, key)?.equals(bytes) !== true) replace(store, key, { type: "string", bytes })
}

// A copy that reaches as far as a bit.
const grown = (store: RedisStore, key: Buffer, lastBit: number): Buffer => {
  const before = stringAt(store, key) ?? Buffer.alloc(0)
  const bytes = Buffer.alloc(Math.max(before.length, Math.floor(lastBit / 8) + 1))
  before.copy(bytes)
  return bytes
}

const getBit: Run = (args, { store }) => {
  const offset = Bitfield.offsetOf(at(args, 1))
  return bitAt(stringAt(store, at(args, 0)) ?? Buffer.alloc(0), offset)
}

/** The bits from one to another, both included. */
interface Range {
  readonly start: number
  readonly end: number
}

// Places below zero count from the end.
const rangeOf = (bytes: Buffer, start: number, end: number, unit: "BYTE" | "BIT"): Range => {
  const scale = unit === "BIT" ? 1 : 8
  const length = (bytes.length * 8) / scale
  const place = (index: number) => Math.max(0, index < 0 ? length + index : index)
  return { start: place(start) * scale, end: Math.min(place(end) + 1, length) * scale - 1 }
}

const unitOf = (bytes: Buffer | undefined): "BYTE" | "BIT" => {
  const word = bytes === undefined ? "BYTE" : upper(bytes)
  return word === "BYTE" || word === "BIT" ? word : Wire.syntaxError()
}

const count: Run = ([key = Buffer.alloc(0), ...words], { store }) => {
  const bytes = stringAt(store, key)
  if (bytes === undefined) return 0
  if (words.length === 1 || words.length > 3) return Wire.syntaxError()
  const [start, end] = words.length === 0 ? [0, -1] : [Wire.integer(words[0]), Wire.integer(words[1])]
  if (start < 0 && end < 0 && start > end) return 0
  const range = rangeOf(bytes, start, end, unitOf(words[2]))
  let count = 0
  for (let offset = range.start; offset <= range.end; offset++) count += bitAt(bytes, offset)
  return count
}

const position: Run = ([key = Buffer.alloc(0), wanted, ...words], { store }) => {
  const bit = Wire.integer(wanted)
  if (bit !== 0 && bit !== 1) return Wire.fail("ERR The bit argument must be 1 or 0.")
  const bytes = stringAt(store, key)
  if (bytes === undefined) return bit === 1 ? -1 : 0
  if (words.length > 3) return Wire.syntaxError()
  // Redis reads the unit before the end.
  const start = words.length === 0 ? 0 : Wire.integer(words[0])
  const unit = unitOf(words[2])
  const end = words.length < 2 ? -1 : Wire.integer(words[1])
  const range = rangeOf(bytes, start, end, unit)
  for (let offset = range.start; offset <= range.end; offset++) if (bitAt(bytes, offset) === bit) return offset
  // Without an end, zeros follow the string.
  return bit === 0 && words.length < 2 && range.start <= range.end ? range.end + 1 : -1
}

const operations: Readonly<Record<string, (one: number, other: number) => number>> = {
  AND: (one, other) => one & other,
  OR: (one, other) => one | other,
  XOR: (one, other) => one ^ other,
  NOT: (one) => ~one
}

const operate: Run = ([name, destination = Buffer.alloc(0), ...keys], { store }) => {
  const operation = operations[upper(name)] ?? Wire.syntaxError()
  if (operation === operations.NOT && keys.length !== 1) {
    return Wire.fail("ERR BITOP NOT must be called with a single source key.")
  }
  const sources = keys.map((key) => stringAt(store, key) ?? Buffer.alloc(0))
  const bytes = Buffer.alloc(Math.max(...sources.map(({ length }) => length)))
  const [first = bytes, ...others] = sources
  for (let index = 0; index < bytes.length; index++) {
    const byte = first[index] ?? 0
    bytes[index] =
      others.length === 0 && operation !== operations.NOT
        ? byte
        : (others.length === 0 ? [0] : others.map((other) => other[index] ?? 0)).reduce(operation, byte)
  }
  if (bytes.length === 0) store.delete(destination)
  else store.set(destination, { type: "string", bytes })
  return bytes.length
}

const field =
  (onlyGet: boolean): Run =>
  ([key = Buffer.alloc(0), ...words], { store }) => {
    const operations = Bitfield.parse(words, onlyGet)
    const written = operations.flatMap(({ name, offset, width }) => (name === "GET" ? [] : [offset + width - 1]))
    if (written.length === 0) {
      const bytes = stringAt(store, key) ?? Buffer.alloc(0)
      return operations.map((operation) => Bitfield.run(bytes, operation))
    }
    const bytes = grown(store, key, Math.max(...written))
    const answers = operations.map((operation) => Bitfield.run(bytes, operation))
    put(store, key, bytes)
    return answers
  }

export const commands: Commands = {
  setbit: grow(4, setBit),
  getbit: read(3, getBit),
  bitcount: read(-2, count),
  bitpos: read(-3, position),
  bitop: grow(-4, operate),
  bitfield: grow(-2, field(false)),
  bitfield_ro: read(-2, field(true))
}
