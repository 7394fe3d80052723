/**
 * Commands on hashes, as values for `RedisClient.run`, pipelines and transactions.
 *
 * **Details**
 *
 * A hash holds texts by field, and is gone with its last field. Fields come in no particular order.
 * HMSET, which Redis deprecates, is {@link hset}. Integers beyond 2^53 fail
 * with the code `"REPLY"`: a command without a decoder gives a bigint.
 *
 * **Example** (A record of fields)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { RedisClient } from "effect-ioredis"
 * import { Hashes } from "effect-ioredis/commands"
 * import { SimulatedRedis } from "effect-ioredis/testing"
 *
 * const program = Effect.gen(function* () {
 *   const { run } = yield* RedisClient.RedisClient
 *   yield* run(Hashes.hset("ada", { name: "Ada", city: "London" })) // => 2
 *   yield* run(Hashes.hsetnx("ada", "city", "Paris")) // => false
 *   yield* run(Hashes.hget("ada", "city")) // => Option.some("London")
 *   yield* run(Hashes.hmget("ada", ["name", "age"])) // => [Option.some("Ada"), Option.none()]
 *   yield* run(Hashes.hgetall("ada")) // => { name: "Ada", city: "London" }
 *   yield* run(Hashes.hkeys("ada")) // => ["name", "city"]
 *   yield* run(Hashes.hvals("ada")) // => ["Ada", "London"]
 *   yield* run(Hashes.hstrlen("ada", "city")) // => 6
 *   yield* run(Hashes.hdel("ada", ["city", "age"])) // => 1
 *   yield* run(Hashes.hexists("ada", "city")) // => false
 *   yield* run(Hashes.hlen("ada")) // => 1
 * })
 *
 * const Simulated = Layer.provide(RedisClient.layer(), SimulatedRedis.layer())
 * Effect.runPromise(Effect.provide(program, Simulated))
 * ```
 *
 * **Example** (Votes, and some of them)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { RedisClient } from "effect-ioredis"
 * import { Hashes } from "effect-ioredis/commands"
 * import { SimulatedRedis } from "effect-ioredis/testing"
 *
 * const program = Effect.gen(function* () {
 *   const { run } = yield* RedisClient.RedisClient
 *   yield* run(Hashes.hincrby("votes", "tea", 2)) // => 2
 *   yield* run(Hashes.hincrbyfloat("votes", "tea", 0.5)) // => 2.5
 *   yield* run(Hashes.hrandfield("votes")) // => Option.some("tea")
 *   yield* run(Hashes.hrandfields("votes", 2)) // => ["tea"]
 *   yield* run(Hashes.hrandfields("votes", 2, { repeated: true })) // => ["tea", "tea"]
 *   yield* run(Hashes.hrandfieldsWithValues("votes", 2)) // => [["tea", "2.5"]]
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
import * as Replies from "../internal/Replies.ts"
import * as RedisCommand from "../RedisCommand.ts"

/**
 * Sets how {@link hrandfields} and {@link hrandfieldsWithValues} draw fields.
 *
 * @category models
 * @since 0.1.0
 */
export interface DrawOptions {
  /**
   * Draws each field from all of them, so that one may come several times. Default: false, which
   * answers each at most once, and all of them where there are no more than were asked for.
   */
  readonly repeated?: boolean | undefined
}

/**
 * HDEL: removes fields, and answers how many were there.
 *
 * @category hashes
 * @since 0.1.0
 */
export const hdel = (key: string, fields: ReadonlyArray<string>): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("HDEL", [key, ...fields], { decode: Replies.integer })

/**
 * HEXISTS: says whether a field is there.
 *
 * @category hashes
 * @since 0.1.0
 */
export const hexists = (key: string, field: string): RedisCommand.RedisCommand<boolean> =>
  RedisCommand.make("HEXISTS", [key, field], { decode: Replies.one })

/**
 * HGET: answers the text of a field.
 *
 * @category hashes
 * @since 0.1.0
 */
export const hget = (key: string, field: string): RedisCommand.RedisCommand<Option.Option<string>> =>
  RedisCommand.make("HGET", [key, field], { decode: Replies.optionalText })

/**
 * HGETALL: answers all fields with their texts; none where there is no key.
 *
 * **Gotchas**
 *
 * It holds up the server for as long as it takes to copy every field.
 *
 * @category hashes
 * @since 0.1.0
 */
export const hgetall = (key: string): RedisCommand.RedisCommand<Readonly<Record<string, string>>> =>
  RedisCommand.make("HGETALL", [key], { decode: Answers.record })

/**
 * HINCRBY: adds an integer to a field, which is 0 where it is not there, and answers the sum.
 *
 * @category hashes
 * @since 0.1.0
 */
export const hincrby = (key: string, field: string, by: number): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("HINCRBY", [key, field, by], { decode: Replies.integer })

/**
 * HINCRBYFLOAT: adds a number that may have a fraction to a field, which is 0 where it is not
 * there, and answers the sum.
 *
 * @category hashes
 * @since 0.1.0
 */
export const hincrbyfloat = (key: string, field: string, by: number): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("HINCRBYFLOAT", [key, field, by], { decode: Answers.float })

/**
 * HKEYS: answers the names of all fields.
 *
 * **Gotchas**
 *
 * It holds up the server for as long as it takes to copy every name.
 *
 * @category hashes
 * @since 0.1.0
 */
export const hkeys = (key: string): RedisCommand.RedisCommand<ReadonlyArray<string>> =>
  RedisCommand.make("HKEYS", [key], { decode: Answers.listOf(Answers.text) })

/**
 * HLEN: answers how many fields there are: 0 where there is no key.
 *
 * @category hashes
 * @since 0.1.0
 */
export const hlen = (key: string): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("HLEN", [key], { decode: Replies.integer })

/**
 * HMGET: answers the texts of several fields, in their order.
 *
 * @category hashes
 * @since 0.1.0
 */
export const hmget = (
  key: string,
  fields: ReadonlyArray<string>
): RedisCommand.RedisCommand<ReadonlyArray<Option.Option<string>>> =>
  RedisCommand.make("HMGET", [key, ...fields], { decode: Replies.optionalTexts(fields.length) })

/**
 * HRANDFIELD: answers the name of some field.
 *
 * @category hashes
 * @since 0.1.0
 */
export const hrandfield = (key: string): RedisCommand.RedisCommand<Option.Option<string>> =>
  RedisCommand.make("HRANDFIELD", [key], { decode: Replies.optionalText })

/**
 * HRANDFIELD with a count: answers the names of some fields; none where there is no key.
 *
 * @category hashes
 * @since 0.1.0
 */
export const hrandfields = (
  key: string,
  count: number,
  options: DrawOptions = {}
): RedisCommand.RedisCommand<ReadonlyArray<string>> =>
  RedisCommand.make("HRANDFIELD", [key, drawn(count, options)], { decode: Answers.listOf(Answers.text) })

/**
 * HRANDFIELD WITHVALUES: answers some fields with their texts; none where there is no key.
 *
 * @category hashes
 * @since 0.1.0
 */
export const hrandfieldsWithValues = (
  key: string,
  count: number,
  options: DrawOptions = {}
): RedisCommand.RedisCommand<ReadonlyArray<readonly [field: string, value: string]>> =>
  RedisCommand.make("HRANDFIELD", [key, drawn(count, options), "WITHVALUES"], {
    decode: Answers.pairsOf(Answers.text)
  })

// Redis takes a negative count for one with repetitions.
const drawn = (count: number, { repeated }: DrawOptions): number => (repeated === true ? -count : count)

/**
 * HSET: stores several fields, and answers how many of them were not there before.
 *
 * @category hashes
 * @since 0.1.0
 */
export const hset = (
  key: string,
  fields: Readonly<Record<string, RedisCommand.Argument>>
): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("HSET", [key, ...Object.entries(fields).flat()], { decode: Replies.integer })

/**
 * HSETNX: stores a field if it is not there yet, and says whether it did.
 *
 * **Details**
 *
 * It is effectful: once it may have left, it is not sent again.
 *
 * @category hashes
 * @since 0.1.0
 */
export const hsetnx = (key: string, field: string, value: RedisCommand.Argument): RedisCommand.RedisCommand<boolean> =>
  RedisCommand.make("HSETNX", [key, field, value], { decode: Replies.one })

/**
 * HSTRLEN: answers how many bytes the text of a field has: 0 where it is not there.
 *
 * @category hashes
 * @since 0.1.0
 */
export const hstrlen = (key: string, field: string): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("HSTRLEN", [key, field], { decode: Replies.integer })

/**
 * HVALS: answers the texts of all fields.
 *
 * **Gotchas**
 *
 * It holds up the server for as long as it takes to copy every text.
 *
 * @category hashes
 * @since 0.1.0
 */
export const hvals = (key: string): RedisCommand.RedisCommand<ReadonlyArray<string>> =>
  RedisCommand.make("HVALS", [key], { decode: Answers.listOf(Answers.text) })
