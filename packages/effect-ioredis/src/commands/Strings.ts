/**
 * Commands on strings, as values for `RedisClient.run`, pipelines and transactions.
 *
 * **Details**
 *
 * They are those of Redis' group of the same name that programs use most. What Redis deprecates is
 * left out: SETEX, PSETEX and SETNX are options of {@link set}, GETSET is {@link setget}.
 * Integers beyond 2^53 fail with the code `"REPLY"`: a command without a decoder gives a bigint.
 *
 * **Example** (Texts)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { RedisClient } from "effect-ioredis"
 * import { Strings } from "effect-ioredis/commands"
 * import { SimulatedRedis } from "effect-ioredis/testing"
 *
 * const program = Effect.gen(function* () {
 *   const { run } = yield* RedisClient.RedisClient
 *   yield* run(Strings.set("greeting", "hello", { timeToLive: "1 minute" })) // => true
 *   yield* run(Strings.set("greeting", "hi", { condition: "ifAbsent" })) // => false
 *   yield* run(Strings.append("greeting", " world")) // => 11
 *   yield* run(Strings.strlen("greeting")) // => 11
 *   yield* run(Strings.getrange("greeting", -5, -1)) // => "world"
 *   yield* run(Strings.setrange("greeting", 6, "Ada")) // => 11
 *   yield* run(Strings.setget("greeting", "hi")) // => Option.some("hello Adald")
 *   yield* run(Strings.getex("greeting", { timeToLive: "1 hour" })) // => Option.some("hi")
 *   yield* run(Strings.getdel("greeting")) // => Option.some("hi")
 *   yield* run(Strings.get("greeting")) // => Option.none()
 * })
 *
 * const Simulated = Layer.provide(RedisClient.layer(), SimulatedRedis.layer())
 * Effect.runPromise(Effect.provide(program, Simulated))
 * ```
 *
 * **Example** (Numbers, and several keys)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { RedisClient } from "effect-ioredis"
 * import { Strings } from "effect-ioredis/commands"
 * import { SimulatedRedis } from "effect-ioredis/testing"
 *
 * const program = Effect.gen(function* () {
 *   const { run } = yield* RedisClient.RedisClient
 *   yield* run(Strings.incr("visits")) // => 1
 *   yield* run(Strings.incrby("visits", 5)) // => 6
 *   yield* run(Strings.decr("visits")) // => 5
 *   yield* run(Strings.decrby("visits", 3)) // => 2
 *   yield* run(Strings.incrbyfloat("visits", 0.5)) // => 2.5
 *   yield* run(Strings.mset({ a: 1, b: "two" })) // => undefined
 *   yield* run(Strings.msetnx({ b: 2, c: 3 })) // => false
 *   yield* run(Strings.mget(["a", "c"])) // => [Option.some("1"), Option.none()]
 * })
 *
 * const Simulated = Layer.provide(RedisClient.layer(), SimulatedRedis.layer())
 * Effect.runPromise(Effect.provide(program, Simulated))
 * ```
 *
 * @since 0.1.0
 */
import type { Option } from "effect"
import * as Answers from "../internal/Answers.ts"
import { expiryWords } from "../internal/expiryWords.ts"
import * as Replies from "../internal/Replies.ts"
import * as RedisCommand from "../RedisCommand.ts"
import type { Expiry } from "./Keys.ts"

/**
 * Sets how {@link set} stores a value.
 *
 * @category models
 * @since 0.1.0
 */
export type SetOptions = {
  /** Stores it only where there is no such key, or only where there is one. Default: always. */
  readonly condition?: "ifAbsent" | "ifPresent" | undefined
} & (
  | (Expiry & { readonly keepTimeToLive?: never })
  | {
      readonly timeToLive?: never
      readonly expiresAt?: never
      /** Leaves the key the time that it had to live. Default: it lives for ever. */
      readonly keepTimeToLive: true
    }
)

/**
 * APPEND: adds to the end of a string, and answers how long it is then, in bytes.
 *
 * @category strings
 * @since 0.1.0
 */
export const append = (key: string, value: RedisCommand.Argument): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("APPEND", [key, value], { decode: Replies.integer })

/**
 * DECR: takes 1 from a number, which is 0 where there is no key, and answers what is left.
 *
 * @category strings
 * @since 0.1.0
 */
export const decr = (key: string): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("DECR", [key], { decode: Replies.integer })

/**
 * DECRBY: takes an integer from a number, and answers what is left.
 *
 * @category strings
 * @since 0.1.0
 */
export const decrby = (key: string, by: number): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("DECRBY", [key, by], { decode: Replies.integer })

/**
 * GET: answers the text of a key.
 *
 * @category strings
 * @since 0.1.0
 */
export const get = (key: string): RedisCommand.RedisCommand<Option.Option<string>> =>
  RedisCommand.make("GET", [key], { decode: Replies.optionalText })

/**
 * GETDEL: answers the text of a key and removes it.
 *
 * @category strings
 * @since 0.1.0
 */
export const getdel = (key: string): RedisCommand.RedisCommand<Option.Option<string>> =>
  RedisCommand.make("GETDEL", [key], { decode: Replies.optionalText })

/**
 * GETEX: answers the text of a key and lets it live for as long as is said. `"persist"`, as an
 * infinite time to live, lets it live for ever.
 *
 * @category strings
 * @since 0.1.0
 */
export const getex = (key: string, expiry: Expiry | "persist"): RedisCommand.RedisCommand<Option.Option<string>> => {
  const words = expiry === "persist" ? [] : expiryWords(expiry)
  return RedisCommand.make("GETEX", [key, ...(words.length === 0 ? ["PERSIST"] : words)], {
    decode: Replies.optionalText
  })
}

/**
 * GETRANGE: answers the part of a string from one byte to another, both included. Negative places
 * count from the end.
 *
 * @category strings
 * @since 0.1.0
 */
export const getrange = (key: string, start: number, end: number): RedisCommand.RedisCommand<string> =>
  RedisCommand.make("GETRANGE", [key, start, end], { decode: Answers.text })

/**
 * INCR: adds 1 to a number, which is 0 where there is no key, and answers the sum.
 *
 * @category strings
 * @since 0.1.0
 */
export const incr = (key: string): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("INCR", [key], { decode: Replies.integer })

/**
 * INCRBY: adds an integer to a number, and answers the sum.
 *
 * @category strings
 * @since 0.1.0
 */
export const incrby = (key: string, by: number): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("INCRBY", [key, by], { decode: Replies.integer })

/**
 * INCRBYFLOAT: adds a number that may have a fraction, and answers the sum.
 *
 * @category strings
 * @since 0.1.0
 */
export const incrbyfloat = (key: string, by: number): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("INCRBYFLOAT", [key, by], { decode: Answers.float })

/**
 * MGET: answers the texts of several keys, in their order.
 *
 * @category strings
 * @since 0.1.0
 */
export const mget = (keys: ReadonlyArray<string>): RedisCommand.RedisCommand<ReadonlyArray<Option.Option<string>>> =>
  RedisCommand.make("MGET", keys, { decode: Replies.optionalTexts(keys.length) })

/**
 * MSET: stores several values, for ever.
 *
 * @category strings
 * @since 0.1.0
 */
export const mset = (values: Readonly<Record<string, RedisCommand.Argument>>): RedisCommand.RedisCommand<void> =>
  RedisCommand.make("MSET", Object.entries(values).flat(), { decode: Answers.done })

/**
 * MSETNX: stores several values if none of their keys is there, and says whether it did.
 *
 * @category strings
 * @since 0.1.0
 */
export const msetnx = (values: Readonly<Record<string, RedisCommand.Argument>>): RedisCommand.RedisCommand<boolean> =>
  RedisCommand.make("MSETNX", Object.entries(values).flat(), { decode: Replies.one })

/**
 * SET: stores a value. `false` says that the condition was not met.
 *
 * **Details**
 *
 * Without an expiry the key lives for ever. With a condition it is effectful: once it may have
 * left, it is not sent again.
 *
 * @category strings
 * @since 0.1.0
 */
export const set = (
  key: string,
  value: RedisCommand.Argument,
  options: SetOptions = {}
): RedisCommand.RedisCommand<boolean> =>
  RedisCommand.make("SET", [key, value, ...wordsOf(options)], { decode: Replies.ok })

/**
 * SET with GET: stores a value, and answers what was there before, whether or not a condition was
 * met.
 *
 * @category strings
 * @since 0.1.0
 */
export const setget = (
  key: string,
  value: RedisCommand.Argument,
  options: SetOptions = {}
): RedisCommand.RedisCommand<Option.Option<string>> =>
  RedisCommand.make("SET", [key, value, ...wordsOf(options), "GET"], { decode: Replies.optionalText })

/**
 * SETRANGE: writes over a string from a byte on, and answers how long it is then. What is missing
 * before is filled with zeros.
 *
 * @category strings
 * @since 0.1.0
 */
export const setrange = (
  key: string,
  offset: number,
  value: RedisCommand.Argument
): RedisCommand.RedisCommand<number> => RedisCommand.make("SETRANGE", [key, offset, value], { decode: Replies.integer })

/**
 * STRLEN: answers how many bytes a string has: 0 where there is no key.
 *
 * @category strings
 * @since 0.1.0
 */
export const strlen = (key: string): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("STRLEN", [key], { decode: Replies.integer })

const wordsOf = ({ condition, ...options }: SetOptions): ReadonlyArray<string | number> => [
  ...(options.keepTimeToLive === true ? ["KEEPTTL"] : expiryWords(options)),
  ...(condition === undefined ? [] : [condition === "ifAbsent" ? "NX" : "XX"])
]
