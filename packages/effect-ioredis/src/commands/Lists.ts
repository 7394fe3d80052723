/**
 * Commands on lists, as values for `RedisClient.run`, pipelines and transactions.
 *
 * **Details**
 *
 * A list is a sequence of texts with a left end, which is its beginning, and a right one. One
 * without elements is no key. Places count from 0 at the left end; negative ones count from the
 * right end, where -1 is the last. What Redis deprecates is left out: RPOPLPUSH is {@link lmove}
 * from `"right"` to `"left"`. What waits for elements to come (the names that begin with `b`) runs
 * on a connection of `RedisReservation.reserve`.
 *
 * **Example** (A queue)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { RedisClient } from "effect-ioredis"
 * import { Lists } from "effect-ioredis/commands"
 * import { SimulatedRedis } from "effect-ioredis/testing"
 *
 * const program = Effect.gen(function* () {
 *   const { run } = yield* RedisClient.RedisClient
 *   yield* run(Lists.rpush("todo", ["a", "b", "c", "d"])) // => 4
 *   yield* run(Lists.lpush("todo", ["first"])) // => 5
 *   yield* run(Lists.lpop("todo")) // => Option.some("first")
 *   yield* run(Lists.rpop("todo")) // => Option.some("d")
 *   yield* run(Lists.lmove("todo", "busy", { take: "left", put: "right" })) // => Option.some("a")
 *   yield* run(Lists.rpushx("todo", ["e"])) // => 3
 *   yield* run(Lists.lpushx("nobody", ["x"])) // => 0
 *   yield* run(Lists.lpopCount("todo", 2)) // => ["b", "c"]
 *   yield* run(Lists.rpopCount("todo", 2)) // => ["e"]
 *   yield* run(Lists.lmpop(["busy"], "left")) // => Option.some({ key: "busy", values: ["a"] })
 *   yield* run(Lists.llen("busy")) // => 0
 * })
 *
 * const Simulated = Layer.provide(RedisClient.layer(), SimulatedRedis.layer())
 * Effect.runPromise(Effect.provide(program, Simulated))
 * ```
 *
 * **Example** (Waiting for work)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { RedisClient, RedisReservation } from "effect-ioredis"
 * import { Lists } from "effect-ioredis/commands"
 * import { SimulatedRedis } from "effect-ioredis/testing"
 *
 * const program = Effect.gen(function* () {
 *   const redis = yield* RedisClient.RedisClient
 *   const reserved = yield* RedisReservation.reserve()
 *   const { run } = reserved
 *   yield* redis.run(Lists.rpush("todo", ["a", "b", "c", "d"]))
 *   const first = Lists.blpop(["urgent", "todo"], "5 seconds")
 *   yield* run(first) // => Option.some({ key: "todo", value: "a" })
 *   yield* run(Lists.brpop(["todo"], "5 seconds")) // => Option.some({ key: "todo", value: "d" })
 *   const ends = { take: "left", put: "right" } as const
 *   yield* run(Lists.blmove("todo", "busy", ends, "5 seconds")) // => Option.some("b")
 *   const rest = Lists.blmpop(["todo"], "left", "5 seconds", { count: 9 })
 *   yield* run(rest) // => Option.some({ key: "todo", values: ["c"] })
 *   yield* run(Lists.blpop(["todo"], "10 millis")) // => Option.none()
 * }).pipe(Effect.scoped)
 *
 * const Simulated = Layer.provide(RedisClient.layer(), SimulatedRedis.layer())
 * Effect.runPromise(Effect.provide(program, Simulated))
 * ```
 *
 * **Example** (Elements by their place and by their value)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { RedisClient } from "effect-ioredis"
 * import { Lists } from "effect-ioredis/commands"
 * import { SimulatedRedis } from "effect-ioredis/testing"
 *
 * const program = Effect.gen(function* () {
 *   const { run } = yield* RedisClient.RedisClient
 *   yield* run(Lists.rpush("log", ["a", "b", "a", "c"])) // => 4
 *   yield* run(Lists.lindex("log", -1)) // => Option.some("c")
 *   yield* run(Lists.lset("log", 1, "B")) // => undefined
 *   yield* run(Lists.linsert("log", { before: "B" }, "b")) // => Option.some(5)
 *   yield* run(Lists.lpos("log", "a", { rank: 2 })) // => Option.some(3)
 *   yield* run(Lists.lposCount("log", "a", "all")) // => [0, 3]
 *   yield* run(Lists.lrem("log", "a", { count: -1 })) // => 1
 *   yield* run(Lists.ltrim("log", -3, -1)) // => undefined
 *   yield* run(Lists.lrange("log", 0, -1)) // => ["b", "B", "c"]
 * })
 *
 * const Simulated = Layer.provide(RedisClient.layer(), SimulatedRedis.layer())
 * Effect.runPromise(Effect.provide(program, Simulated))
 * ```
 *
 * @since 0.1.0
 */
import { type Duration, Option, Result } from "effect"
import * as Answers from "../internal/Answers.ts"
import { blockSeconds } from "../internal/expiryWords.ts"
import * as Replies from "../internal/Replies.ts"
import * as RedisCommand from "../RedisCommand.ts"

/**
 * Names an end of a list: `"left"` is its beginning.
 *
 * @category models
 * @since 0.1.0
 */
export type End = "left" | "right"

/**
 * Names the place next to the first element that has a value.
 *
 * @category models
 * @since 0.1.0
 */
export type Beside =
  | {
      /** Names the element that comes after the place. */
      readonly before: RedisCommand.Argument
      readonly after?: never
    }
  | {
      readonly before?: never
      /** Names the element that comes before the place. */
      readonly after: RedisCommand.Argument
    }

/**
 * Sets where {@link lpos} and {@link lposCount} look for a value.
 *
 * @category models
 * @since 0.1.0
 */
export interface SearchOptions {
  /**
   * Sets with which match the answer begins: 1 is the first. Negative ones look from the right end
   * on, where -1 is the last match. It is not 0. Default: 1.
   */
  readonly rank?: number | undefined
  /** Sets how many elements are looked at; 0 is all. Default: 0. */
  readonly maxLength?: number | undefined
}

/**
 * Holds elements of a list, and says which one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Popped {
  /** Names the list. */
  readonly key: string
  /** Holds what was taken, the outermost first. */
  readonly values: ReadonlyArray<string>
}

/**
 * BLMOVE: moves an element from an end of a list to an end of another, which may be the same list,
 * and answers it. It waits for one to come, and answers nothing when the time is over.
 *
 * **Gotchas**
 *
 * It waits on the server, so it runs on a connection of `RedisReservation.reserve` alone. There a
 * time that is infinite, or 0, which is the same to Redis, is refused with the code `ARGUMENT`.
 *
 * @category lists
 * @since 0.1.0
 */
export const blmove = (
  from: string,
  to: string,
  ends: {
    /** Names the end that the element is taken from. */
    readonly take: End
    /** Names the end that it is put at. */
    readonly put: End
  },
  timeout: Duration.Input
): RedisCommand.RedisCommand<Option.Option<string>> =>
  RedisCommand.make("BLMOVE", [from, to, endWords[ends.take], endWords[ends.put], blockSeconds(timeout)], {
    decode: Replies.optionalText
  })

/**
 * BLMPOP: removes elements from an end of the first of several lists that has any, and answers
 * them, and where they were. It waits for some to come, and answers nothing when the time is over.
 *
 * **Gotchas**
 *
 * It waits on the server, so it runs on a connection of `RedisReservation.reserve` alone. There a
 * time that is infinite, or 0, which is the same to Redis, is refused with the code `ARGUMENT`.
 * What was taken is lost if the answer is.
 *
 * @category lists
 * @since 0.1.0
 */
export const blmpop = (
  keys: ReadonlyArray<string>,
  end: End,
  timeout: Duration.Input,
  options: {
    /** Sets how many are removed at most. Default: 1. */
    readonly count?: number | undefined
  } = {}
): RedisCommand.RedisCommand<Option.Option<Popped>> => {
  const words = options.count === undefined ? [] : ["COUNT", options.count]
  return RedisCommand.make("BLMPOP", [blockSeconds(timeout), keys.length, ...keys, endWords[end], ...words], {
    decode: Answers.optional(popped)
  })
}

/**
 * BLPOP: removes the element at the left end of the first of several lists that has any, and
 * answers it, and where it was. It waits for one to come, and answers nothing when the time is
 * over.
 *
 * **Details**
 *
 * Who has waited longest gets the first element.
 *
 * **Gotchas**
 *
 * It waits on the server, so it runs on a connection of `RedisReservation.reserve` alone. There a
 * time that is infinite, or 0, which is the same to Redis, is refused with the code `ARGUMENT`.
 * What was taken is lost if the answer is: {@link blmove} leaves it in another list.
 *
 * @category lists
 * @since 0.1.0
 */
export const blpop = (
  keys: ReadonlyArray<string>,
  timeout: Duration.Input
): RedisCommand.RedisCommand<Option.Option<{ readonly key: string; readonly value: string }>> =>
  RedisCommand.make("BLPOP", [...keys, blockSeconds(timeout)], { decode: poppedOne })

/**
 * BRPOP: removes the element at the right end of the first of several lists that has any.
 * Otherwise it is {@link blpop}.
 *
 * **Gotchas**
 *
 * It waits on the server, so it runs on a connection of `RedisReservation.reserve` alone. There a
 * time that is infinite, or 0, which is the same to Redis, is refused with the code `ARGUMENT`.
 * What was taken is lost if the answer is.
 *
 * @category lists
 * @since 0.1.0
 */
export const brpop = (
  keys: ReadonlyArray<string>,
  timeout: Duration.Input
): RedisCommand.RedisCommand<Option.Option<{ readonly key: string; readonly value: string }>> =>
  RedisCommand.make("BRPOP", [...keys, blockSeconds(timeout)], { decode: poppedOne })

const poppedOne = Answers.optional<{ readonly key: string; readonly value: string }>((reply) =>
  Result.map(Answers.pair(Answers.text, Answers.text)(reply), ([key, value]) => ({ key, value }))
)

/**
 * LINDEX: answers the element at a place.
 *
 * @category lists
 * @since 0.1.0
 */
export const lindex = (key: string, index: number): RedisCommand.RedisCommand<Option.Option<string>> =>
  RedisCommand.make("LINDEX", [key, index], { decode: Replies.optionalText })

/**
 * LINSERT: puts a value next to the first element that has another value, and answers how long the
 * list is then: nothing, if there is no such element.
 *
 * @category lists
 * @since 0.1.0
 */
export const linsert = (
  key: string,
  beside: Beside,
  value: RedisCommand.Argument
): RedisCommand.RedisCommand<Option.Option<number>> => {
  const words = beside.before === undefined ? ["AFTER", beside.after] : ["BEFORE", beside.before]
  return RedisCommand.make("LINSERT", [key, ...words, value], { decode: lengthIfInserted })
}

// 0 says that there is no list, and -1 that there is no such element.
const lengthIfInserted: RedisCommand.Decoder<Option.Option<number>> = (reply) =>
  Result.map(Replies.integer(reply), (length) => (length > 0 ? Option.some(length) : Option.none()))

/**
 * LLEN: answers how many elements a list has: 0 where there is no key.
 *
 * @category lists
 * @since 0.1.0
 */
export const llen = (key: string): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("LLEN", [key], { decode: Replies.integer })

/**
 * LMOVE: moves an element from an end of a list to an end of another, which may be the same list,
 * and answers it.
 *
 * @category lists
 * @since 0.1.0
 */
export const lmove = (
  from: string,
  to: string,
  ends: {
    /** Names the end that the element is taken from. */
    readonly take: End
    /** Names the end that it is put at. */
    readonly put: End
  }
): RedisCommand.RedisCommand<Option.Option<string>> =>
  RedisCommand.make("LMOVE", [from, to, endWords[ends.take], endWords[ends.put]], { decode: Replies.optionalText })

const endWords: { readonly [end in End]: string } = { left: "LEFT", right: "RIGHT" }

/**
 * LMPOP: removes elements from an end of the first of several lists that has any, and answers them,
 * the outermost first, and where they were.
 *
 * @category lists
 * @since 0.1.0
 */
export const lmpop = (
  keys: ReadonlyArray<string>,
  end: End,
  options: {
    /** Sets how many are removed at most. Default: 1. */
    readonly count?: number | undefined
  } = {}
): RedisCommand.RedisCommand<Option.Option<Popped>> => {
  const words = options.count === undefined ? [] : ["COUNT", options.count]
  return RedisCommand.make("LMPOP", [keys.length, ...keys, endWords[end], ...words], {
    decode: Answers.optional(popped)
  })
}

const popped: RedisCommand.Decoder<Popped> = (reply) =>
  Result.map(Answers.pair(Answers.text, texts)(reply), ([key, values]) => ({ key, values }))

/**
 * LPOP: removes the element at the left end, and answers it.
 *
 * **Gotchas**
 *
 * The element is lost if the answer is: {@link lmove} leaves it in another list.
 *
 * @category lists
 * @since 0.1.0
 */
export const lpop = (key: string): RedisCommand.RedisCommand<Option.Option<string>> =>
  RedisCommand.make("LPOP", [key], { decode: Replies.optionalText })

/**
 * LPOP with a count: removes so many elements at the left end, or all if there are fewer, and
 * answers them, the leftmost first.
 *
 * @category lists
 * @since 0.1.0
 */
export const lpopCount = (key: string, count: number): RedisCommand.RedisCommand<ReadonlyArray<string>> =>
  RedisCommand.make("LPOP", [key, count], { decode: textsOrNone })

/**
 * LPOS: finds the first element that has a value, and answers its place.
 *
 * @category lists
 * @since 0.1.0
 */
export const lpos = (
  key: string,
  value: RedisCommand.Argument,
  options: SearchOptions = {}
): RedisCommand.RedisCommand<Option.Option<number>> =>
  RedisCommand.make("LPOS", [key, value, ...searchWords(options)], { decode: Answers.optional(Replies.integer) })

/**
 * LPOS with COUNT: finds so many of the elements that have a value, or all of them, and answers
 * their places.
 *
 * @category lists
 * @since 0.1.0
 */
export const lposCount = (
  key: string,
  value: RedisCommand.Argument,
  count: number | "all",
  options: SearchOptions = {}
): RedisCommand.RedisCommand<ReadonlyArray<number>> =>
  RedisCommand.make("LPOS", [key, value, ...searchWords(options), "COUNT", count === "all" ? 0 : count], {
    decode: Answers.listOf(Replies.integer)
  })

const searchWords = ({ maxLength, rank }: SearchOptions): ReadonlyArray<string | number> => [
  ...(rank === undefined ? [] : ["RANK", rank]),
  ...(maxLength === undefined ? [] : ["MAXLEN", maxLength])
]

/**
 * LPUSH: adds values at the left end, one after the other, and answers how long the list is then.
 *
 * **Gotchas**
 *
 * The last of the values is the first element of the list.
 *
 * @category lists
 * @since 0.1.0
 */
export const lpush = (key: string, values: ReadonlyArray<RedisCommand.Argument>): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("LPUSH", [key, ...values], { decode: Replies.integer })

/**
 * LPUSHX: adds values at the left end of a list that is there, and answers how long it is then: 0
 * where there is none.
 *
 * @category lists
 * @since 0.1.0
 */
export const lpushx = (key: string, values: ReadonlyArray<RedisCommand.Argument>): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("LPUSHX", [key, ...values], { decode: Replies.integer })

/**
 * LRANGE: answers the elements from one place to another, both included: all of them from 0 to -1.
 *
 * @category lists
 * @since 0.1.0
 */
export const lrange = (key: string, start: number, stop: number): RedisCommand.RedisCommand<ReadonlyArray<string>> =>
  RedisCommand.make("LRANGE", [key, start, stop], { decode: texts })

/**
 * LREM: removes elements that have a value, and answers how many.
 *
 * **Details**
 *
 * With a count it is effectful: a second run would remove others. Without one it is idempotent.
 *
 * @category lists
 * @since 0.1.0
 */
export const lrem = (
  key: string,
  value: RedisCommand.Argument,
  options: {
    /**
     * Sets how many are removed at most: the first ones, or the last ones where it is negative. 0
     * is all. Default: 0.
     */
    readonly count?: number | undefined
  } = {}
): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("LREM", [key, options.count ?? 0, value], { decode: Replies.integer })

/**
 * LSET: puts a value in the place of an element. It fails where there is none.
 *
 * @category lists
 * @since 0.1.0
 */
export const lset = (key: string, index: number, value: RedisCommand.Argument): RedisCommand.RedisCommand<void> =>
  RedisCommand.make("LSET", [key, index, value], { decode: Answers.done })

/**
 * LTRIM: keeps the elements from one place to another, both included, and removes the others.
 *
 * @category lists
 * @since 0.1.0
 */
export const ltrim = (key: string, start: number, stop: number): RedisCommand.RedisCommand<void> =>
  RedisCommand.make("LTRIM", [key, start, stop], { decode: Answers.done })

/**
 * RPOP: removes the element at the right end, and answers it.
 *
 * @category lists
 * @since 0.1.0
 */
export const rpop = (key: string): RedisCommand.RedisCommand<Option.Option<string>> =>
  RedisCommand.make("RPOP", [key], { decode: Replies.optionalText })

/**
 * RPOP with a count: removes so many elements at the right end, or all if there are fewer, and
 * answers them, the rightmost first.
 *
 * @category lists
 * @since 0.1.0
 */
export const rpopCount = (key: string, count: number): RedisCommand.RedisCommand<ReadonlyArray<string>> =>
  RedisCommand.make("RPOP", [key, count], { decode: textsOrNone })

/**
 * RPUSH: adds values at the right end, and answers how long the list is then.
 *
 * @category lists
 * @since 0.1.0
 */
export const rpush = (key: string, values: ReadonlyArray<RedisCommand.Argument>): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("RPUSH", [key, ...values], { decode: Replies.integer })

/**
 * RPUSHX: adds values at the right end of a list that is there, and answers how long it is then: 0
 * where there is none.
 *
 * @category lists
 * @since 0.1.0
 */
export const rpushx = (key: string, values: ReadonlyArray<RedisCommand.Argument>): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("RPUSHX", [key, ...values], { decode: Replies.integer })

const texts = Answers.listOf(Answers.text)

// Where there is no key, Redis answers nil instead of a list.
const textsOrNone: RedisCommand.Decoder<ReadonlyArray<string>> = (reply) => texts(reply ?? [])
