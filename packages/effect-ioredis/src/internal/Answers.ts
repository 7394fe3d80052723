/** Decoders of what typed commands answer, and what puts them together. They throw at no reply. */
import { Option, Result } from "effect"
import type { Decoder, Reply } from "../RedisCommand.ts"
import { asItCame, expected } from "./Replies.ts"

/** Takes a text. */
export const text: Decoder<string> = (reply) => (typeof reply === "string" ? Result.succeed(reply) : expected("text"))

/** Takes bytes, of a command that asks for them. */
export const bytes: Decoder<Uint8Array> = (reply) =>
  reply instanceof Uint8Array ? Result.succeed(reply) : expected("bytes")

/**
 * Takes a number that Redis writes as text, as it does with all that may have a fraction. Not every
 * integer beyond 2^53 is one.
 */
export const float: Decoder<number> = (reply) => {
  const number = typeof reply === "string" ? numberOf(reply) : reply
  if (typeof reply === "string" && isRounded(reply, number)) {
    return expected("a number that is exact. RedisCommand.make without a decoder gives the text")
  }
  return typeof number === "number" && !Number.isNaN(number) ? Result.succeed(number) : expected("a number")
}

/** Takes the word that says that all went well. */
export const done: Decoder<void> = (reply) => (reply === "OK" ? Result.void : expected("OK"))

/** Takes nil for nothing. */
export const optional =
  <A>(decode: Decoder<A>): Decoder<Option.Option<A>> =>
  (reply) =>
    reply === null ? none : Result.map(decode(reply), Option.some)

/** Takes a list. */
export const listOf =
  <A>(decode: Decoder<A>): Decoder<ReadonlyArray<A>> =>
  (reply) =>
    Array.isArray(reply) ? Result.all(reply.map((item: Reply) => decode(item))) : expected("a list")

/** Takes a list of texts for a set. */
export const textSet: Decoder<ReadonlySet<string>> = (reply) =>
  Result.map(listOf(text)(reply), (members) => new Set(members))

/** Takes a list with one element for each of so many. */
export const eachOf =
  <A>(count: number, decode: Decoder<A>): Decoder<ReadonlyArray<A>> =>
  (reply) =>
    Array.isArray(reply) && reply.length === count ? listOf(decode)(reply) : expected(`a list of ${count}`)

/** Takes a list in which a name and what belongs to it take turns. */
export const pairsOf =
  <A>(decode: Decoder<A>): Decoder<ReadonlyArray<readonly [name: string, value: A]>> =>
  (reply) => {
    if (!Array.isArray(reply) || reply.length % 2 !== 0) return expected("a list of pairs")
    return Result.all(
      Array.from({ length: reply.length / 2 }, (_, index) =>
        Result.all([text(reply[index * 2]), decode(reply[index * 2 + 1])] as const)
      )
    )
  }

/** Reads what belongs to a name; nil where the name is missing. */
export type Field = <A>(name: string, decode: Decoder<A>) => Result.Result<A, string>

/** Takes a list in which names and what belongs to them take turns, of which some are read. */
export const fields =
  <A>(read: (field: Field) => Result.Result<A, string>): Decoder<A> =>
  (reply) =>
    Result.flatMap(pairsOf(asItCame)(reply), (pairs) => {
      const found = new Map(pairs)
      return read((name, decode) => decode(found.get(name) ?? null))
    })

/** Takes a list in which names and texts take turns for a record. */
export const record: Decoder<Readonly<Record<string, string>>> = (reply) =>
  Result.map(pairsOf(text)(reply), Object.fromEntries)

/** Takes a list of two. */
export const pair =
  <A, B>(first: Decoder<A>, second: Decoder<B>): Decoder<readonly [A, B]> =>
  (reply) =>
    Array.isArray(reply) && reply.length === 2
      ? Result.all([first(reply[0]), second(reply[1])] as const)
      : expected("a list of two")

const none = Result.succeed(Option.none<never>())

// INCRBYFLOAT counts in more digits than a number has. A score is a number to Redis too.
const isRounded = (text: string, number: unknown): boolean =>
  typeof number === "number" &&
  Number.isInteger(number) &&
  !Number.isSafeInteger(number) &&
  /^-?\d+$/.test(text) &&
  BigInt(text) !== BigInt(number)

const numberOf = (text: string): number => {
  if (text === "inf") return Number.POSITIVE_INFINITY
  if (text === "-inf") return Number.NEGATIVE_INFINITY
  return text.trim() === "" ? Number.NaN : Number(text)
}
