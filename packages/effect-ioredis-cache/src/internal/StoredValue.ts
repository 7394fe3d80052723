/**
 * The bytes that stand in Redis for one value: a header of 44 characters in fixed places, extension
 * units, and the payload.
 *
 * **Details**
 *
 * This module is pure: bytes in, bytes out, and nothing in it throws, whatever the bytes are. What
 * each place says is told byte by byte in `docs/stored_format.md`. The offsets are exported,
 * because scripts on the server read the same places by GETRANGE. Digits are `-0-9A-Z_a-z`, most
 * significant first. So numbers of
 * the same width compare byte by byte. Lua's `<` follows the locale of the server and may order
 * them otherwise.
 */
import { isUtf8 } from "node:buffer"

/**
 * The length of the header, and so the offset of the extension units.
 */
export const headerLength = 44

/**
 * The length of one extension unit.
 */
export const extensionUnitLength = 8

/**
 * Says where each field of the header begins and ends: `offsets.life` is `[29, 35]`, the bytes 29
 * to 34.
 *
 * **Details**
 *
 * GETRANGE counts both ends, so that a script asks for the bytes from `start` to `end - 1`.
 */
export const offsets = {
  format: [0, 2],
  codec: [2, 3],
  compression: [3, 4],
  kind: [4, 5],
  extension: [5, 6],
  keyCheck: [6, 10],
  stamp: [10, 22],
  writer: [10, 16],
  number: [16, 22],
  writtenAt: [22, 29],
  life: [29, 35],
  staleLife: [35, 41],
  lookupTime: [41, 43],
  end: [43, 44]
} as const

/**
 * Lists the 64 digits in ascending order. The order is that of their codes, so that numbers of one
 * width compare byte by byte.
 */
export const alphabet = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"

/**
 * The digits of a life that never ends.
 */
export const forever = "zzzzzz"

/**
 * The longest life that ends, in milliseconds: 2.17 years. A longer one counts as this one.
 */
export const longestLife: number = 64 ** 6 - 2

/**
 * Identifies a write by who made it and that writer's own number of it: 12 characters, the first
 * 6 of which are the writer's name.
 *
 * **Details**
 *
 * Two stamps are the same write if they are equal. Of two stamps with the same writer, the later
 * write has the greater text. One string rather than an object with two fields, because a stamp is
 * mostly compared, and a string that was read costs one allocation.
 */
export type Stamp = string

/**
 * The writer's name in a stamp.
 */
export const writerOf = (stamp: Stamp): string => stamp.slice(0, 6)

/**
 * Gives out stamps: the name stays the same, the number grows by one.
 */
export interface StampSource {
  /** The next stamp. It takes a new name when the numbers of the old one have run out. */
  readonly next: () => Stamp
  /** Says whether a stamp was given out by this source, under whatever name it had then. */
  readonly isOwn: (stamp: Stamp) => boolean
}

/**
 * Makes a source of stamps with a random name of 36 bits.
 *
 * **Details**
 *
 * `random` gives a number from 0 up to but not including 1, as `Math.random` does. `firstNumber` is
 * for tests of what happens at the end of the numbers (default 0).
 */
export const makeStampSource = (random: () => number, firstNumber = 0): StampSource => {
  const names = new Set<string>()
  let name = ""
  // All of a stamp but its last two digits stays the same for 4,096 of them.
  let beginning = ""
  let number = firstNumber
  const rename = (): void => {
    // Two draws, because a generator may have fewer than 36 random bits.
    name = digitsOf(Math.floor(random() * 64 ** 3), 3) + digitsOf(Math.floor(random() * 64 ** 3), 3)
    names.add(name)
  }
  rename()
  return {
    next: () => {
      if (number >= numbersOfAName) {
        rename()
        number = 0
      }
      if (beginning === "" || number % 4096 === 0) beginning = (name + six(number)).slice(0, 10)
      return beginning + pair(number++)
    },
    isOwn: (stamp) => names.has(stamp.slice(0, 6))
  }
}

/**
 * Tells apart what is stored under a key: a value that was set, one that a lookup filled in, or the
 * mark of a removal.
 */
export type Kind = "set" | "filled" | "removed"

/**
 * Says how a payload was made from the value, and how it was made smaller.
 */
export class Form {
  /** Says how the payload was made from the value. */
  readonly codec: "json" | "binary"
  /** Says how the payload was made smaller. */
  readonly compression: "none" | "brotli"
  /** What a header of this form begins with, for each kind. */
  readonly beginnings: { readonly [kind in Kind]: string }

  constructor(codec: Form["codec"], compression: Form["compression"]) {
    this.codec = codec
    this.compression = compression
    const letters = codecLetters[codec] + compressionLetters[compression]
    this.beginnings = { set: `E1${letters}s`, filled: `E1${letters}f`, removed: `E1${letters}x` }
  }
}

const codecLetters = { json: "j", binary: "b" } as const
const compressionLetters = { none: "-", brotli: "b" } as const

/**
 * The form of a payload that is JSON and no more: what most values have.
 */
export const plainJson = /* @__PURE__ */ new Form("json", "none")

const compressedJson = /* @__PURE__ */ new Form("json", "brotli")
const plainBinary = /* @__PURE__ */ new Form("binary", "none")
const compressedBinary = /* @__PURE__ */ new Form("binary", "brotli")

/**
 * A payload as it is stored. A text is JSON and no more: the driver writes a command whose
 * arguments are all text in one piece, and one with bytes in several.
 */
export type Payload = string | Packed

/**
 * A payload in any other form.
 */
export class Packed {
  /** The bytes that are stored. */
  readonly bytes: Uint8Array
  /** Says what they are. */
  readonly form: Form
  /** Counts the bytes of the payload before it was compressed. */
  readonly encodedLength: number

  private constructor(bytes: Uint8Array, form: Form, encodedLength: number) {
    this.bytes = bytes
    this.form = form
    this.encodedLength = encodedLength
  }

  /** A payload of the binary codec. */
  static binary(bytes: Uint8Array): Packed {
    return new Packed(bytes, plainBinary, bytes.length)
  }

  /** A payload that was compressed by Brotli. */
  static brotli(payload: Payload, encodedLength: number, bytes: Uint8Array): Packed {
    return new Packed(bytes, typeof payload === "string" ? compressedJson : compressedBinary, encodedLength)
  }

  /** Counts the bytes that are stored. */
  get length(): number {
    return this.bytes.length
  }
}

/**
 * Counts what a payload takes before it is compressed: of a text its characters, of which most take
 * one byte.
 */
export const encodedLength = (payload: Payload): number =>
  typeof payload === "string" ? payload.length : payload.encodedLength

/**
 * Holds what a header says besides what follows from the key and the payload.
 */
export interface Fields {
  /** Says what is stored. */
  readonly kind: Kind
  /** Says who wrote it, as `StampSource` gives it. */
  readonly stamp: Stamp
  /** Says when it was written, in milliseconds of Redis' time since the epoch. */
  readonly writtenAt: number
  /** For how many milliseconds from `writtenAt` it is fresh; infinite for ever. */
  readonly life: number
  /**
   * For how many milliseconds from `writtenAt` it may be served when its lookup fails; infinite for
   * ever. At least `life`.
   */
  readonly staleLife: number
  /** Says how many milliseconds its lookup took. It is kept to about 0.3 %. */
  readonly lookupTime: number
  /** Holds whole extension units: at most 63 of 8 digits each. Default: none. */
  readonly extension?: string | undefined
}

/**
 * A header that was read.
 *
 * **Details**
 *
 * Its fields are read from the bytes when they are asked for, because most readers ask for two of
 * them.
 */
export class Header implements Fields {
  /** The bytes that it was read from. */
  readonly stored: Uint8Array

  /** Takes bytes that `read` has found to begin with a header. */
  constructor(stored: Uint8Array) {
    this.stored = stored
  }

  /** Says what is stored. */
  get kind(): Kind {
    return kinds[this.stored[4] ?? 0] ?? "set"
  }

  /** Says how many units of 8 characters stand between the header and the payload. */
  get extensionUnits(): number {
    return valueAt(this.stored, 5)
  }

  /** The upper 24 bits of the hash of the key that it was written under. */
  get keyCheck(): number {
    return numberAt(this.stored, 6, 4)
  }

  /** Says who wrote it. */
  get stamp(): Stamp {
    return stampAt(this.stored, 10)
  }

  /** Says when it was written, in milliseconds of Redis' time since the epoch. */
  get writtenAt(): number {
    return numberAt(this.stored, 22, 7)
  }

  /** For how many milliseconds from `writtenAt` it is fresh; infinite for ever. */
  get life(): number {
    return lifeAt(this.stored, 29)
  }

  /**
   * For how many milliseconds from `writtenAt` it may be served when its lookup fails; infinite for
   * ever.
   */
  get staleLife(): number {
    return lifeAt(this.stored, 35)
  }

  /** Says how many milliseconds its lookup took, to about 0.3 %. */
  get lookupTime(): number {
    return 2 ** (numberAt(this.stored, 41, 2) / lookupSteps) - 1
  }
}

/**
 * Lists what may be found under a key.
 *
 * **Details**
 *
 * - `Value`: a value of ours; its payload begins at `payloadOffset`.
 * - `Removed`: the mark of a removal.
 * - `Broken`: it begins as ours, with this key's check, and is broken afterwards. It is to be
 *   removed, if it is still that.
 * - `Foreign`: a miss that stays. It is not ours, or was written under another key (RENAME, COPY),
 *   or has a letter that a later release may know.
 */
export type Read = Value | Removed | Broken | Foreign

/**
 * A value of ours.
 */
export class Value {
  readonly _tag = "Value"
  /** Holds what its header says. */
  readonly header: Header
  /** Says what the payload is. */
  readonly form: Form
  /** The bytes that were read. */
  readonly stored: Uint8Array
  /** Says where the payload begins. */
  readonly payloadOffset: number

  // A class, as what lives while a command is in flight has to be: see `Deadlines` of
  // effect-ioredis.
  constructor(form: Form, stored: Uint8Array, payloadOffset: number) {
    this.header = new Header(stored)
    this.form = form
    this.stored = stored
    this.payloadOffset = payloadOffset
  }
}

/**
 * The mark of a removal.
 */
export class Removed {
  readonly _tag = "Removed"
  /** Holds what its header says. */
  readonly header: Header

  constructor(stored: Uint8Array) {
    this.header = new Header(stored)
  }
}

/**
 * Reports a value that begins as ours and is broken afterwards.
 */
export interface Broken {
  /** Tells it from other outcomes. */
  readonly _tag: "Broken"
}

/**
 * Reports a value that is not this key's, or not of a format that this release knows.
 */
export interface Foreign {
  /** Tells it from other outcomes. */
  readonly _tag: "Foreign"
  /** Why it is a miss. */
  readonly reason: "NotOurs" | "OtherKey" | "UnknownLetter"
}

/**
 * Gives what is to be stored under a Redis key: text for a payload that is text, bytes for one that
 * is bytes.
 *
 * **Details**
 *
 * Numbers are brought into the bounds of their fields: a fraction of a millisecond is dropped, a
 * life beyond 2.17 years is {@link longestLife}, and what is not a number is 0.
 */
export const encode = (key: string, fields: Fields, payload: Payload): string | Uint8Array =>
  typeof payload === "string" ? encodeText(key, fields, payload) : encodePacked(key, fields, payload)

/**
 * Gives what {@link encode} gives, for a payload that is text.
 */
export const encodeText = (key: string, fields: Fields, payload: string): string =>
  headerText(key, fields, plainJson) + payload

const encodePacked = (key: string, fields: Fields, { bytes, form }: Packed): Buffer => {
  const beginning = headerText(key, fields, form)
  const stored = Buffer.allocUnsafe(beginning.length + bytes.length)
  stored.write(beginning, "latin1")
  stored.set(bytes, beginning.length)
  return stored
}

/**
 * Reads what is stored under a Redis key. `check` gives what {@link keyCheck} does.
 */
export const read = (key: string, stored: Uint8Array, check: (key: string) => number = keyCheck): Read => {
  // The numbers are those of `offsets`, written out because this is on the way of every read.
  if (stored.length < 10 || stored[0] !== upperE || stored[1] !== one) return notOurs
  if (numberAt(stored, 6, 4) !== check(key)) return otherKey
  const kind = stored[4]
  const form = stored[2] === letterJson && stored[3] === letterNone ? plainJson : packedForm(stored[2], stored[3])
  if (form === undefined) return unknownLetter
  if (kind !== letterSet && kind !== letterFilled && kind !== letterRemoved) return unknownLetter
  if (!hasDigits(stored)) return broken
  const payloadOffset = headerLength + valueAt(stored, 5) * extensionUnitLength
  if (stored.length < payloadOffset) return broken
  return kind === letterRemoved ? new Removed(stored) : new Value(form, stored, payloadOffset)
}

/**
 * The check of a Redis key: the upper 24 bits of FNV-1a (32 bits) over its UTF-8.
 */
export const keyCheck = (key: string): number => checkFrom(key, 0, 0x811c9dc5) ?? keyCheckOf(Buffer.from(key))

/**
 * Gives {@link keyCheck} for keys that all begin with the same text, which is hashed once: most of
 * a key is its keyspace.
 */
export const keyCheckAfter = (beginning: string): ((key: string) => number) => {
  const hash = fnvOf(Buffer.from(beginning))
  const { length } = beginning
  return (key) => checkFrom(key, length, hash) ?? keyCheckOf(Buffer.from(key))
}

/**
 * The text of the payload, or `undefined` where its bytes are no UTF-8.
 */
export const payloadText = (stored: Uint8Array, payloadOffset: number): string | undefined => {
  const bytes = asBuffer(stored)
  const text = bytes.toString("utf8", payloadOffset)
  // Only what is no UTF-8 puts this character into a text, apart from the character itself.
  return text.includes("\ufffd") && !isUtf8(bytes.subarray(payloadOffset)) ? undefined : text
}

/**
 * The digits of a number in `width` places, most significant first.
 */
export const digitsOf = (value: number, width: number): string => {
  let digits = ""
  let rest = value
  for (let place = 0; place < width; place++) {
    const above = Math.floor(rest / 64)
    digits = alphabet.charAt(rest - above * 64) + digits
    rest = above
  }
  return digits
}

const numbersOfAName = 64 ** 6

const lookupSteps = 128

const upperE = 69
const one = 49
const colon = 58
const letterJson = 106
const letterNone = 45
const letterBinary = 98
const letterBrotli = 98
const letterSet = 115
const letterFilled = 102
const letterRemoved = 120

const kinds: { readonly [letter: number]: Kind } = {
  [letterSet]: "set",
  [letterFilled]: "filled",
  [letterRemoved]: "removed"
}

const packedForm = (codec: number | undefined, compression: number | undefined): Form | undefined => {
  const isCompressed = compression === letterBrotli
  if (!isCompressed && compression !== letterNone) return undefined
  if (codec === letterBinary) return isCompressed ? compressedBinary : plainBinary
  return codec === letterJson ? compressedJson : undefined
}

const broken: Broken = { _tag: "Broken" }
const notOurs: Foreign = { _tag: "Foreign", reason: "NotOurs" }
const otherKey: Foreign = { _tag: "Foreign", reason: "OtherKey" }
const unknownLetter: Foreign = { _tag: "Foreign", reason: "UnknownLetter" }

// The value of each byte as a digit, and 255 for what is none.
const values = new Uint8Array(256).fill(255)
for (let value = 0; value < 64; value++) values[alphabet.charCodeAt(value)] = value

// Two digits at a time, because every write makes a header.
const pairs: ReadonlyArray<string> = Array.from({ length: 4096 }, (_, value) => digitsOf(value, 2))

const pair = (value: number): string => pairs[value & 4095] ?? ""

const six = (value: number): string => {
  const above = Math.floor(value / 4096)
  return pair(above >>> 12) + pair(above) + pair(value % 4096)
}

// The header and the extension units.
const headerText = (
  key: string,
  { extension = "", kind, life, lookupTime, staleLife, stamp, writtenAt }: Fields,
  { beginnings }: Form
): string => {
  const check = keyCheck(key)
  const lookup = lookupTime > 0 ? pair(lookupDigits(lookupTime)) : "--"
  const units = alphabet.charAt(extension.length / extensionUnitLength)
  return `${beginnings[kind]}${units}${pair(check >>> 12)}${pair(check)}${stamp}${timeText(writtenAt)}${lifeText(life)}${lifeText(staleLife)}${lookup}:${extension}`
}

// The upper five digits stay the same for four seconds, and most values of a program live equally
// long, so both are remembered.
let lastUpper = -1
let lastUpperText = ""

const timeText = (writtenAt: number): string => {
  const at = within(writtenAt, latest)
  const upper = Math.floor(at / 4096)
  if (upper !== lastUpper) {
    lastUpper = upper
    lastUpperText = digitsOf(upper, 5)
  }
  return lastUpperText + pair(at - upper * 4096)
}

const latest = 64 ** 7 - 1

const within = (value: number, max: number): number => (value > 0 ? Math.min(Math.floor(value), max) : 0)

let lastLife = -1
let lastLifeText = ""

const lifeText = (life: number): string => {
  if (life !== lastLife) {
    lastLife = life
    lastLifeText = life === Number.POSITIVE_INFINITY ? forever : six(within(life, longestLife))
  }
  return lastLifeText
}

const lookupDigits = (lookupTime: number): number => Math.min(Math.round(Math.log2(1 + lookupTime) * lookupSteps), 4095)

// The check of a key whose hash as far as `start` is known, where the rest of it is ASCII.
const checkFrom = (key: string, start: number, before: number): number | undefined => {
  let hash = before
  let codes = 0
  for (let index = start; index < key.length; index++) {
    const code = key.charCodeAt(index)
    codes |= code
    hash = Math.imul(hash ^ code, 0x01000193)
  }
  return codes < 128 ? hash >>> 8 : undefined
}

const keyCheckOf = (bytes: Uint8Array): number => fnvOf(bytes) >>> 8

const fnvOf = (bytes: Uint8Array): number => {
  let hash = 0x811c9dc5
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash
}

// Both are within bounds: whoever asks has looked at the length, and a byte is one of 256.
const valueAt = (stored: Uint8Array, index: number): number => values[stored[index] as number] as number

const numberAt = (stored: Uint8Array, start: number, width: number): number => {
  let number = 0
  for (let index = start; index < start + width; index++) number = number * 64 + valueAt(stored, index)
  return number
}

const lifeAt = (stored: Uint8Array, start: number): number => {
  const life = numberAt(stored, start, 6)
  return life > longestLife ? Number.POSITIVE_INFINITY : life
}

const hasDigits = (stored: Uint8Array): boolean => {
  if (stored.length < headerLength || stored[43] !== colon) return false
  // What is no digit has the upper two bits, which no digit has.
  let all = valueAt(stored, 5)
  for (let index = 10; index < 43; index++) all |= valueAt(stored, index)
  return all < 64
}

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

// Written out, it takes a third of the 60 ns of a call into Node's own decoder.
const stampAt = (stored: Uint8Array, at: number): Stamp =>
  String.fromCharCode(
    stored[at] as number,
    stored[at + 1] as number,
    stored[at + 2] as number,
    stored[at + 3] as number,
    stored[at + 4] as number,
    stored[at + 5] as number,
    stored[at + 6] as number,
    stored[at + 7] as number,
    stored[at + 8] as number,
    stored[at + 9] as number,
    stored[at + 10] as number,
    stored[at + 11] as number
  )
