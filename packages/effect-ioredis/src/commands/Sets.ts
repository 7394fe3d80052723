/**
 * Commands on sets, as values for `RedisClient.run`, pipelines and transactions.
 *
 * **Details**
 *
 * A set holds every member once, in no particular order. One without members is no key, and a key
 * that is not there counts as an empty set.
 *
 * **Example** (Members)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { RedisClient } from "effect-ioredis"
 * import { Sets } from "effect-ioredis/commands"
 * import { SimulatedRedis } from "effect-ioredis/testing"
 *
 * const program = Effect.gen(function* () {
 *   const { run } = yield* RedisClient.RedisClient
 *   yield* run(Sets.sadd("online", ["ada", "bob", "ada"])) // => 2
 *   yield* run(Sets.sismember("online", "ada")) // => true
 *   yield* run(Sets.smismember("online", ["bob", "cyd"])) // => [true, false]
 *   yield* run(Sets.smove("online", "away", "bob")) // => true
 *   yield* run(Sets.smembers("online")) // => new Set(["ada"])
 *   yield* run(Sets.scard("away")) // => 1
 *   yield* run(Sets.srandmember("away")) // => Option.some("bob")
 *   yield* run(Sets.srandmemberCount("away", 2, { repeats: true })) // => ["bob", "bob"]
 *   yield* run(Sets.spop("away")) // => Option.some("bob")
 *   yield* run(Sets.spopCount("away", 3)) // => new Set()
 *   yield* run(Sets.srem("online", ["ada", "cyd"])) // => 1
 * })
 *
 * const Simulated = Layer.provide(RedisClient.layer(), SimulatedRedis.layer())
 * Effect.runPromise(Effect.provide(program, Simulated))
 * ```
 *
 * **Example** (What sets have in common)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { RedisClient } from "effect-ioredis"
 * import { Sets } from "effect-ioredis/commands"
 * import { SimulatedRedis } from "effect-ioredis/testing"
 *
 * const program = Effect.gen(function* () {
 *   const { run } = yield* RedisClient.RedisClient
 *   yield* run(Sets.sadd("ada", ["chess", "tea"])) // => 2
 *   yield* run(Sets.sadd("bob", ["chess", "golf"])) // => 2
 *   yield* run(Sets.sinter(["ada", "bob"])) // => new Set(["chess"])
 *   yield* run(Sets.sintercard(["ada", "bob"], { limit: 5 })) // => 1
 *   yield* run(Sets.sdiff(["ada", "bob"])) // => new Set(["tea"])
 *   yield* run(Sets.sunion(["ada", "nobody"])) // => new Set(["chess", "tea"])
 *   yield* run(Sets.sinterstore("both", ["ada", "bob"])) // => 1
 *   yield* run(Sets.sdiffstore("only ada", ["ada", "bob"])) // => 1
 *   yield* run(Sets.sunionstore("either", ["ada", "bob"])) // => 3
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
 * SADD: adds members, and answers how many were not there before.
 *
 * @category sets
 * @since 0.1.0
 */
export const sadd = (key: string, members: ReadonlyArray<RedisCommand.Argument>): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("SADD", [key, ...members], { decode: Replies.integer })

/**
 * SCARD: answers how many members a set has.
 *
 * @category sets
 * @since 0.1.0
 */
export const scard = (key: string): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("SCARD", [key], { decode: Replies.integer })

/**
 * SDIFF: answers the members of the first set that none of the others has.
 *
 * @category sets
 * @since 0.1.0
 */
export const sdiff = (keys: ReadonlyArray<string>): RedisCommand.RedisCommand<ReadonlySet<string>> =>
  RedisCommand.make("SDIFF", keys, { decode: Answers.textSet })

/**
 * SDIFFSTORE: stores the members of the first set that none of the others has in the place of what
 * `to` holds, and answers how many they are.
 *
 * @category sets
 * @since 0.1.0
 */
export const sdiffstore = (to: string, keys: ReadonlyArray<string>): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("SDIFFSTORE", [to, ...keys], { decode: Replies.integer })

/**
 * SINTER: answers the members that all of the sets have.
 *
 * @category sets
 * @since 0.1.0
 */
export const sinter = (keys: ReadonlyArray<string>): RedisCommand.RedisCommand<ReadonlySet<string>> =>
  RedisCommand.make("SINTER", keys, { decode: Answers.textSet })

/**
 * SINTERCARD: counts the members that all of the sets have, and answers the number.
 *
 * @category sets
 * @since 0.1.0
 */
export const sintercard = (
  keys: ReadonlyArray<string>,
  options: {
    /** Sets where counting ends; 0 is never. Default: 0. */
    readonly limit?: number | undefined
  } = {}
): RedisCommand.RedisCommand<number> => {
  const words = options.limit === undefined ? [] : ["LIMIT", options.limit]
  return RedisCommand.make("SINTERCARD", [keys.length, ...keys, ...words], { decode: Replies.integer })
}

/**
 * SINTERSTORE: stores the members that all of the sets have in the place of what `to` holds, and
 * answers how many they are.
 *
 * @category sets
 * @since 0.1.0
 */
export const sinterstore = (to: string, keys: ReadonlyArray<string>): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("SINTERSTORE", [to, ...keys], { decode: Replies.integer })

/**
 * SISMEMBER: looks for a member, and answers whether it is there.
 *
 * @category sets
 * @since 0.1.0
 */
export const sismember = (key: string, member: RedisCommand.Argument): RedisCommand.RedisCommand<boolean> =>
  RedisCommand.make("SISMEMBER", [key, member], { decode: Replies.one })

/**
 * SMEMBERS: answers all members.
 *
 * **Gotchas**
 *
 * It holds up the server for as long as it takes to put them all into one answer.
 *
 * @category sets
 * @since 0.1.0
 */
export const smembers = (key: string): RedisCommand.RedisCommand<ReadonlySet<string>> =>
  RedisCommand.make("SMEMBERS", [key], { decode: Answers.textSet })

/**
 * SMISMEMBER: looks for several members, and answers of each whether it is there, in their order.
 *
 * @category sets
 * @since 0.1.0
 */
export const smismember = (
  key: string,
  members: ReadonlyArray<RedisCommand.Argument>
): RedisCommand.RedisCommand<ReadonlyArray<boolean>> =>
  RedisCommand.make("SMISMEMBER", [key, ...members], { decode: Answers.eachOf(members.length, Replies.one) })

/**
 * SMOVE: moves a member from one set to another, and says whether it was there.
 *
 * @category sets
 * @since 0.1.0
 */
export const smove = (from: string, to: string, member: RedisCommand.Argument): RedisCommand.RedisCommand<boolean> =>
  RedisCommand.make("SMOVE", [from, to, member], { decode: Replies.one })

/**
 * SPOP: removes a member by chance, and answers it.
 *
 * @category sets
 * @since 0.1.0
 */
export const spop = (key: string): RedisCommand.RedisCommand<Option.Option<string>> =>
  RedisCommand.make("SPOP", [key], { decode: Replies.optionalText })

/**
 * SPOP with a count: removes so many members by chance, or all if there are fewer, and answers
 * them.
 *
 * @category sets
 * @since 0.1.0
 */
export const spopCount = (key: string, count: number): RedisCommand.RedisCommand<ReadonlySet<string>> =>
  RedisCommand.make("SPOP", [key, count], { decode: Answers.textSet })

/**
 * SRANDMEMBER: answers a member by chance.
 *
 * @category sets
 * @since 0.1.0
 */
export const srandmember = (key: string): RedisCommand.RedisCommand<Option.Option<string>> =>
  RedisCommand.make("SRANDMEMBER", [key], { decode: Replies.optionalText })

/**
 * SRANDMEMBER with a count: answers so many members by chance.
 *
 * **Gotchas**
 *
 * A negative count means the opposite of `repeats`.
 *
 * @category sets
 * @since 0.1.0
 */
export const srandmemberCount = (
  key: string,
  count: number,
  options: {
    /**
     * Draws each from all members, so that one may come several times and there are always as many
     * as were asked for. Default: false, which answers all members where there are fewer.
     */
    readonly repeats?: boolean | undefined
  } = {}
): RedisCommand.RedisCommand<ReadonlyArray<string>> =>
  RedisCommand.make("SRANDMEMBER", [key, options.repeats === true ? -count : count], {
    decode: Answers.listOf(Answers.text)
  })

/**
 * SREM: removes members, and answers how many were there.
 *
 * @category sets
 * @since 0.1.0
 */
export const srem = (key: string, members: ReadonlyArray<RedisCommand.Argument>): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("SREM", [key, ...members], { decode: Replies.integer })

/**
 * SUNION: answers the members that any of the sets has.
 *
 * @category sets
 * @since 0.1.0
 */
export const sunion = (keys: ReadonlyArray<string>): RedisCommand.RedisCommand<ReadonlySet<string>> =>
  RedisCommand.make("SUNION", keys, { decode: Answers.textSet })

/**
 * SUNIONSTORE: stores the members that any of the sets has in the place of what `to` holds, and
 * answers how many they are.
 *
 * @category sets
 * @since 0.1.0
 */
export const sunionstore = (to: string, keys: ReadonlyArray<string>): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("SUNIONSTORE", [to, ...keys], { decode: Replies.integer })
