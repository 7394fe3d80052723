/**
 * Commands on the bits of strings, as values for `RedisClient.run`, pipelines and transactions.
 *
 * **Details**
 *
 * The first bit is the highest one of the first byte. Bits beyond the end are 0. Integers beyond
 * 2^53 fail with the code `"REPLY"`: a command without a decoder gives bigints.
 *
 * **Example** (Who was there on two days)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { RedisClient } from "effect-ioredis"
 * import { Bitmaps } from "effect-ioredis/commands"
 * import { SimulatedRedis } from "effect-ioredis/testing"
 *
 * const program = Effect.gen(function* () {
 *   const { run } = yield* RedisClient.RedisClient
 *   yield* run(Bitmaps.setbit("monday", 7, 1)) // => 0
 *   yield* run(Bitmaps.setbit("monday", 9, 1)) // => 0
 *   yield* run(Bitmaps.setbit("tuesday", 9, 1)) // => 0
 *   yield* run(Bitmaps.getbit("tuesday", 7)) // => 0
 *   yield* run(Bitmaps.bitcount("monday")) // => 2
 *   yield* run(Bitmaps.bitcount("monday", { start: 8, end: -1, unit: "bits" })) // => 1
 *   yield* run(Bitmaps.bitop("and", "both", ["monday", "tuesday"])) // => 2
 *   yield* run(Bitmaps.bitpos("both", 1)) // => Option.some(9)
 * })
 *
 * const Simulated = Layer.provide(RedisClient.layer(), SimulatedRedis.layer())
 * Effect.runPromise(Effect.provide(program, Simulated))
 * ```
 *
 * **Example** (Small counters in one string)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { RedisClient } from "effect-ioredis"
 * import { Bitmaps } from "effect-ioredis/commands"
 * import { SimulatedRedis } from "effect-ioredis/testing"
 *
 * const program = Effect.gen(function* () {
 *   const { run } = yield* RedisClient.RedisClient
 *   const third = { type: "u4", index: 2 } as const
 *   const changes = Bitmaps.bitfield("counters", [
 *     { operation: "set", ...third, value: 15 },
 *     { operation: "incrby", ...third, by: 1, overflow: "fail" },
 *     { operation: "get", ...third }
 *   ])
 *   yield* run(changes) // => [Option.some(0), Option.none(), Option.some(15)]
 * })
 *
 * const Simulated = Layer.provide(RedisClient.layer(), SimulatedRedis.layer())
 * Effect.runPromise(Effect.provide(program, Simulated))
 * ```
 *
 * @since 0.1.0
 */
import { Option, Result } from "effect"
import * as Answers from "../internal/Answers.ts"
import * as Replies from "../internal/Replies.ts"
import * as RedisCommand from "../RedisCommand.ts"

/**
 * One bit.
 *
 * @category models
 * @since 0.1.0
 */
export type Bit = 0 | 1

/**
 * Says which part of a string {@link bitcount} and {@link bitpos} look at. Negative places count
 * from the end.
 *
 * @category models
 * @since 0.1.0
 */
export interface Range {
  /** Is the first place. */
  readonly start: number
  /** Is the last place, which belongs to the part. */
  readonly end: number
  /** Says what the places count. Default: bytes. */
  readonly unit?: "bytes" | "bits" | undefined
}

/**
 * Says from which byte on {@link bitpos} looks at a string.
 *
 * @category models
 * @since 0.1.0
 */
export type OpenRange = {
  /** Is the first byte. A negative one counts from the end. */
  readonly start: number
  readonly end?: never
  readonly unit?: never
}

/**
 * Describes an integer among bits: its sign and its width, as `"i8"` and `"u12"`. The widest are
 * `"i64"` and `"u63"`.
 *
 * @category models
 * @since 0.1.0
 */
export type IntegerType = `u${UpTo63}` | `i${UpTo63 | 64}`

type UpTo63 = OneTo9 | `${1 | 2 | 3 | 4 | 5}${0 | OneTo9}` | `6${0 | 1 | 2 | 3}`
type OneTo9 = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9

/**
 * Says where an integer is: from a bit on, or in an array of integers of that type.
 *
 * @category models
 * @since 0.1.0
 */
export type IntegerPlace = {
  /** Says what integer it is. */
  readonly type: IntegerType
} & (
  | {
      /** Is the place of its first bit. */
      readonly offset: number
      readonly index?: never
    }
  | {
      readonly offset?: never
      /** Counts the integers of that type before it. */
      readonly index: number
    }
)

/**
 * Describes one of the things that {@link bitfield} does: it reads an integer, sets it, or adds to
 * it.
 *
 * @category models
 * @since 0.1.0
 */
export type BitfieldOperation =
  | (IntegerPlace & { readonly operation: "get" })
  | (IntegerPlace & {
      readonly operation: "set"
      /** Is what it becomes. */
      readonly value: number | bigint
      /** Says what happens if it does not fit. Default: wrap. */
      readonly overflow?: Overflow | undefined
    })
  | (IntegerPlace & {
      readonly operation: "incrby"
      /** Is added to it. */
      readonly by: number | bigint
      /** Says what happens if the sum does not fit. Default: wrap. */
      readonly overflow?: Overflow | undefined
    })

/**
 * Says what becomes of an integer that does not fit: `"wrap"` goes on at the other end,
 * `"saturate"` takes the greatest or the least that fits, `"fail"` leaves the bits as they are.
 *
 * @category models
 * @since 0.1.0
 */
export type Overflow = "wrap" | "saturate" | "fail"

/**
 * BITCOUNT: counts the bits that are 1; in the whole string, unless a range is given.
 *
 * @category bitmaps
 * @since 0.1.0
 */
export const bitcount = (key: string, range?: Range): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("BITCOUNT", [key, ...(range === undefined ? [] : rangeWords(range))], { decode: Replies.integer })

/**
 * BITFIELD: does several things with integers among the bits of a string, one after the other, and
 * answers the integer of each.
 *
 * **Details**
 *
 * A `"get"` answers the integer, a `"set"` what it was before, an `"incrby"` what it is then.
 * Nothing is answered for what did not fit and had to `"fail"`. The string grows as far as the
 * last integer that is written.
 *
 * With only `"get"` it reads, with `"incrby"` it is effectful: once it may have left, it is not
 * sent again.
 *
 * @category bitmaps
 * @since 0.1.0
 */
export const bitfield = (
  key: string,
  operations: ReadonlyArray<BitfieldOperation>
): RedisCommand.RedisCommand<ReadonlyArray<Option.Option<number>>> =>
  RedisCommand.make("BITFIELD", [key, ...operations.flatMap(operationWords)], {
    decode: Answers.eachOf(operations.length, Answers.optional(Replies.integer))
  })

const operationWords = (operation: BitfieldOperation): ReadonlyArray<RedisCommand.Argument> => {
  const place = operation.offset === undefined ? `#${operation.index}` : operation.offset
  switch (operation.operation) {
    case "get":
      return ["GET", operation.type, place]
    case "set":
      return [...overflowWords(operation.overflow), "SET", operation.type, place, operation.value]
    case "incrby":
      return [...overflowWords(operation.overflow), "INCRBY", operation.type, place, operation.by]
  }
}

// It holds for all that follows, and so each one says it.
const overflowWords = (overflow: Overflow = "wrap"): ReadonlyArray<string> => [
  "OVERFLOW",
  overflow === "saturate" ? "SAT" : overflow.toUpperCase()
]

/**
 * BITOP: combines the bits of strings into another, and answers how many bytes that has. `"not"`
 * takes one string.
 *
 * **Details**
 *
 * The result lives for ever. Where no string has a byte, the destination is removed.
 *
 * **Gotchas**
 *
 * It holds up the server for as long as it takes to read every string. Where the destination is one
 * of them, it is effectful: once it may have left, it is not sent again.
 *
 * @category bitmaps
 * @since 0.1.0
 */
export const bitop: {
  (operation: "not", destination: string, from: string): RedisCommand.RedisCommand<number>
  (operation: "and" | "or" | "xor", destination: string, from: ReadonlyArray<string>): RedisCommand.RedisCommand<number>
} = (operation: string, destination: string, from: string | ReadonlyArray<string>) =>
  RedisCommand.make("BITOP", [operation.toUpperCase(), destination, ...(typeof from === "string" ? [from] : from)], {
    decode: Replies.integer
  })

/**
 * BITPOS: answers the place of the first bit that is 0, or 1; in the whole string, unless a range
 * is given. It counts from the first bit of the string.
 *
 * **Details**
 *
 * Without an end, a string that is all ones is followed by zeros: its first 0 comes behind its last
 * byte.
 *
 * @category bitmaps
 * @since 0.1.0
 */
export const bitpos = (
  key: string,
  bit: Bit,
  range?: Range | OpenRange
): RedisCommand.RedisCommand<Option.Option<number>> => {
  const words = range === undefined ? [] : range.end === undefined ? [range.start] : rangeWords(range)
  return RedisCommand.make("BITPOS", [key, bit, ...words], { decode: place })
}

// -1 where there is no such bit.
const place: RedisCommand.Decoder<Option.Option<number>> = (reply) =>
  Result.map(Replies.integer(reply), (place) => (place === -1 ? Option.none() : Option.some(place)))

const rangeWords = ({ end, start, unit }: Range): ReadonlyArray<string | number> =>
  unit === "bits" ? [start, end, "BIT"] : [start, end]

/**
 * GETBIT: answers one bit of a string.
 *
 * @category bitmaps
 * @since 0.1.0
 */
export const getbit = (key: string, offset: number): RedisCommand.RedisCommand<Bit> =>
  RedisCommand.make("GETBIT", [key, offset], { decode: oneBit })

/**
 * SETBIT: sets one bit of a string, and answers what it was before. The string grows as far as the
 * bit.
 *
 * **Gotchas**
 *
 * The first bit far beyond the end of a string holds up the server while it makes room for all bits
 * before, of which there may be 4,294,967,295.
 *
 * @category bitmaps
 * @since 0.1.0
 */
export const setbit = (key: string, offset: number, bit: Bit): RedisCommand.RedisCommand<Bit> =>
  RedisCommand.make("SETBIT", [key, offset, bit], { decode: oneBit })

const oneBit: RedisCommand.Decoder<Bit> = (reply) =>
  reply === 0 || reply === 1 ? Result.succeed(reply) : Replies.expected("0 or 1")
