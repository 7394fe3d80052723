/**
 * Commands on sorted sets, as values for `RedisClient.run`, pipelines and transactions.
 *
 * **Details**
 *
 * A sorted set holds members, each with a score, in the order of their scores; members of one score
 * are in the order of their bytes. What Redis deprecates is left out: ZRANGEBYSCORE, ZRANGEBYLEX,
 * ZREVRANGE and their like are ranges of {@link zrange}. Scores are numbers of 64 bits as in
 * JavaScript, `Infinity` among them, and Redis refuses NaN.
 *
 * **Example** (Scores)
 *
 * ```ts
 * import { Effect, Layer, Option } from "effect"
 * import { RedisClient } from "effect-ioredis"
 * import { SortedSets } from "effect-ioredis/commands"
 * import { SimulatedRedis } from "effect-ioredis/testing"
 *
 * const program = Effect.gen(function* () {
 *   const { run } = yield* RedisClient.RedisClient
 *   yield* run(SortedSets.zadd("board", { ada: 36, alan: 41 })) // => 2
 *   yield* run(SortedSets.zadd("board", [["ada", 30]], { scores: "ifHigher" })) // => 0
 *   yield* run(SortedSets.zaddIncr("board", "ada", 6)) // => Option.some(42)
 *   yield* run(SortedSets.zaddIncr("board", "bob", 1, { scores: "ifLower" })) // => Option.some(1)
 *   yield* run(SortedSets.zincrby("board", "grace", 38.5)) // => 38.5
 *   yield* run(SortedSets.zcard("board")) // => 4
 *   yield* run(SortedSets.zscore("board", "alan")) // => Option.some(41)
 *   yield* run(SortedSets.zmscore("board", ["ada", "x"])) // => [Option.some(42), Option.none()]
 *   yield* run(SortedSets.zrank("board", "grace")) // => Option.some(1)
 *   yield* run(SortedSets.zrevrank("board", "grace")) // => Option.some(2)
 *   yield* run(SortedSets.zrandmember("nobody")) // => Option.none()
 *   yield* run(SortedSets.zrandmembers("nobody", 3)) // => []
 *   yield* run(SortedSets.zrandmembersWithScores("nobody", 3)) // => []
 *   yield* run(SortedSets.zrem("board", ["grace", "bob"])) // => 2
 *   yield* run(SortedSets.zpopmax("board")) // => [{ member: "ada", score: 42 }]
 *   yield* run(SortedSets.zpopmin("board", 2)) // => [{ member: "alan", score: 41 }]
 *   yield* run(SortedSets.zmpop(["none", "board"], "min")) // => Option.none()
 * })
 *
 * const Simulated = Layer.provide(RedisClient.layer(), SimulatedRedis.layer())
 * Effect.runPromise(Effect.provide(program, Simulated))
 * ```
 *
 * **Example** (Waiting for members)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { RedisClient, RedisReservation } from "effect-ioredis"
 * import { SortedSets } from "effect-ioredis/commands"
 * import { SimulatedRedis } from "effect-ioredis/testing"
 *
 * const program = Effect.gen(function* () {
 *   const redis = yield* RedisClient.RedisClient
 *   const { run } = yield* RedisReservation.reserve()
 *   yield* redis.run(SortedSets.zadd("due", { mail: 10, report: 20, backup: 30 }))
 *   const first = yield* run(SortedSets.bzpopmin(["due"], "5 seconds"))
 *   first // => Option.some({ key: "due", member: "mail", score: 10 })
 *   const last = yield* run(SortedSets.bzpopmax(["due"], "5 seconds"))
 *   last // => Option.some({ key: "due", member: "backup", score: 30 })
 *   const rest = yield* run(SortedSets.bzmpop(["due"], "min", "5 seconds", { count: 9 }))
 *   rest // => Option.some({ key: "due", entries: [{ member: "report", score: 20 }] })
 * }).pipe(Effect.scoped)
 *
 * const Simulated = Layer.provide(RedisClient.layer(), SimulatedRedis.layer())
 * Effect.runPromise(Effect.provide(program, Simulated))
 * ```
 *
 * **Example** (Ranges)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { RedisClient } from "effect-ioredis"
 * import { SortedSets } from "effect-ioredis/commands"
 * import { SimulatedRedis } from "effect-ioredis/testing"
 *
 * const program = Effect.gen(function* () {
 *   const { run } = yield* RedisClient.RedisClient
 *   yield* run(SortedSets.zadd("jobs", { mail: 10, report: 20, backup: 30, clean: 40 }))
 *   yield* run(SortedSets.zrange("jobs", { ranks: { to: 1 } })) // => ["mail", "report"]
 *   yield* run(SortedSets.zrange("jobs", { scores: { above: 20 } })) // => ["backup", "clean"]
 *   const latest: SortedSets.Range = { scores: {}, reversed: true, limit: { count: 2 } }
 *   yield* run(SortedSets.zrange("jobs", latest)) // => ["clean", "backup"]
 *   const last = SortedSets.zrangeWithScores("jobs", { ranks: { from: -1 } })
 *   yield* run(last) // => [{ member: "clean", score: 40 }]
 *   yield* run(SortedSets.zcount("jobs", { from: 20 })) // => 3
 *   yield* run(SortedSets.zrangestore("due", "jobs", { scores: { to: 20 } })) // => 2
 *   yield* run(SortedSets.zremrangebyscore("jobs", { below: 20 })) // => 1
 *   yield* run(SortedSets.zremrangebyrank("jobs", { from: -1 })) // => 1
 *
 *   yield* run(SortedSets.zadd("words", { ada: 0, bob: 0, bill: 0, cyd: 0 }))
 *   yield* run(SortedSets.zrange("words", { members: { above: "bill" } })) // => ["bob", "cyd"]
 *   yield* run(SortedSets.zlexcount("words", { above: "ada" })) // => 3
 *   yield* run(SortedSets.zremrangebylex("words", { to: "bill" })) // => 2
 * })
 *
 * const Simulated = Layer.provide(RedisClient.layer(), SimulatedRedis.layer())
 * Effect.runPromise(Effect.provide(program, Simulated))
 * ```
 *
 * **Example** (Several sorted sets)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { RedisClient } from "effect-ioredis"
 * import { SortedSets } from "effect-ioredis/commands"
 * import { SimulatedRedis } from "effect-ioredis/testing"
 *
 * const program = Effect.gen(function* () {
 *   const { run } = yield* RedisClient.RedisClient
 *   yield* run(SortedSets.zadd("mon", { ada: 1, alan: 2 }))
 *   yield* run(SortedSets.zadd("tue", { ada: 5, grace: 3 }))
 *   yield* run(SortedSets.zunion(["mon", "tue"])) // => ["alan", "grace", "ada"]
 *   yield* run(SortedSets.zunionstore("week", ["mon", "tue"], { aggregate: "max" })) // => 3
 *   yield* run(SortedSets.zinter(["mon", "tue"])) // => ["ada"]
 *   const weighted = SortedSets.zinterWithScores(["mon", "tue"], { weights: [10, 1] })
 *   yield* run(weighted) // => [{ member: "ada", score: 15 }]
 *   yield* run(SortedSets.zinterstore("both", ["mon", "tue"])) // => 1
 *   yield* run(SortedSets.zintercard(["mon", "tue"])) // => 1
 *   yield* run(SortedSets.zdiff(["mon", "tue"])) // => ["alan"]
 *   yield* run(SortedSets.zdiffWithScores(["tue", "mon"])) // => [{ member: "grace", score: 3 }]
 *   yield* run(SortedSets.zdiffstore("only", ["mon", "tue"])) // => 1
 *   yield* run(SortedSets.zunionWithScores(["both"])) // => [{ member: "ada", score: 6 }]
 * })
 *
 * const Simulated = Layer.provide(RedisClient.layer(), SimulatedRedis.layer())
 * Effect.runPromise(Effect.provide(program, Simulated))
 * ```
 *
 * @since 0.1.0
 */
import { type Duration, type Option, Result } from "effect"
import * as Answers from "../internal/Answers.ts"
import { blockSeconds } from "../internal/expiryWords.ts"
import * as Replies from "../internal/Replies.ts"
import * as RedisCommand from "../RedisCommand.ts"

/**
 * Describes a member of a sorted set, and its score.
 *
 * @category models
 * @since 0.1.0
 */
export interface ScoredMember {
  /** The member, as text. */
  readonly member: string
  /** What it is ordered by. */
  readonly score: number
}

/**
 * Sets which members are added, and which scores are changed: all, where nothing is said.
 *
 * @category models
 * @since 0.1.0
 */
export type AddCondition =
  | {
      /** Adds members that are not there, and leaves those that are alone. */
      readonly condition: "ifAbsent"
      readonly scores?: never
    }
  | {
      /** Adds no member, and changes the scores of those that are there. Default: does both. */
      readonly condition?: "ifPresent" | undefined
      /**
       * Changes a score only to one that is higher, or only to one that is lower. It keeps no
       * member from being added. Default: changes it to any.
       */
      readonly scores?: "ifHigher" | "ifLower" | undefined
    }

/**
 * Describes what lies between two bounds. `from` and `to` are part of it, `above` and `below` are
 * not. A side without a bound is open: `{}` is everything.
 *
 * @category models
 * @since 0.1.0
 */
export type Between<A> = (
  | {
      /** Sets the lower bound, which is part of it. Default: there is none. */
      readonly from?: A | undefined
      readonly above?: never
    }
  | {
      readonly from?: never
      /** Sets the lower bound, which is not part of it. */
      readonly above: A
    }
) &
  (
    | {
        /** Sets the upper bound, which is part of it. Default: there is none. */
        readonly to?: A | undefined
        readonly below?: never
      }
    | {
        readonly to?: never
        /** Sets the upper bound, which is not part of it. */
        readonly below: A
      }
  )

/**
 * Describes a part of a sorted set by the places of its members, from 0 on. Negative ones count
 * from the end: -1 is the last.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ranks {
  /** Sets the first place. Default: 0. */
  readonly from?: number | undefined
  /** Sets the last place, which is part of it. Default: -1. */
  readonly to?: number | undefined
}

/**
 * Says how much of a range is answered.
 *
 * @category models
 * @since 0.1.0
 */
export interface Limit {
  /** Sets how many are left out at its beginning. Default: 0. */
  readonly offset?: number | undefined
  /** Sets how many are taken at most. Default: all. */
  readonly count?: number | undefined
}

/**
 * Describes a part of a sorted set by ranks or by scores.
 *
 * @category models
 * @since 0.1.0
 */
export type RankOrScoreRange =
  | {
      /** Takes the members at these places; where it is reversed, they count from the end. */
      readonly ranks: Ranks
      readonly scores?: never
      readonly members?: never
      readonly limit?: never
      /** Begins with the highest score. Default: false. */
      readonly reversed?: boolean | undefined
    }
  | {
      readonly ranks?: never
      /** Takes the members with these scores. */
      readonly scores: Between<number>
      readonly members?: never
      /** Says how many of them are answered. Default: all. */
      readonly limit?: Limit | undefined
      /** Begins with the highest score. Default: false. */
      readonly reversed?: boolean | undefined
    }

/**
 * Describes a part of a sorted set by ranks, by scores, or by the members themselves.
 *
 * @category models
 * @since 0.1.0
 */
export type Range =
  | RankOrScoreRange
  | {
      readonly ranks?: never
      readonly scores?: never
      /** Takes the members that lie between two in the order of bytes, all having one score. */
      readonly members: Between<RedisCommand.Argument>
      /** Says how many of them are answered. Default: all. */
      readonly limit?: Limit | undefined
      /** Begins with the last member. Default: false. */
      readonly reversed?: boolean | undefined
    }

/**
 * Sets what becomes of the scores that a member has in several sorted sets.
 *
 * @category models
 * @since 0.1.0
 */
export interface CombineOptions {
  /** Multiplies the scores of each key with a number of its own, in the keys' order. Default: 1. */
  readonly weights?: ReadonlyArray<number> | undefined
  /** Takes the sum of a member's scores, the lowest, or the highest. Default: `"sum"`. */
  readonly aggregate?: "sum" | "min" | "max" | undefined
}

/**
 * BZMPOP: removes the members with the lowest or the highest scores from the first sorted set that
 * has any, and answers its key and them. It waits for some to come, and answers nothing when the
 * time is over.
 *
 * **Gotchas**
 *
 * It waits on the server, so it runs on a connection of `RedisReservation.reserve` alone. There a
 * time that is infinite, or 0, which is the same to Redis, is refused with the code `ARGUMENT`.
 * What was taken is lost if the answer is.
 *
 * @category sorted sets
 * @since 0.1.0
 */
export const bzmpop = (
  keys: ReadonlyArray<string>,
  end: "min" | "max",
  timeout: Duration.Input,
  options: {
    /** Sets how many are removed at most. Default: 1. */
    readonly count?: number | undefined
  } = {}
): RedisCommand.RedisCommand<Option.Option<Popped>> => {
  const words = options.count === undefined ? [] : ["COUNT", options.count]
  return RedisCommand.make("BZMPOP", [blockSeconds(timeout), keys.length, ...keys, end, ...words], { decode: popped })
}

/**
 * Holds a member of a sorted set with its score, and says which one.
 *
 * @category models
 * @since 0.1.0
 */
export interface PoppedMember extends ScoredMember {
  /** Names the sorted set. */
  readonly key: string
}

/**
 * BZPOPMAX: removes the member with the highest score from the first sorted set that has any, and
 * answers it. It waits for one to come, and answers nothing when the time is over.
 *
 * **Gotchas**
 *
 * It waits on the server, so it runs on a connection of `RedisReservation.reserve` alone. There a
 * time that is infinite, or 0, which is the same to Redis, is refused with the code `ARGUMENT`.
 * What was taken is lost if the answer is.
 *
 * @category sorted sets
 * @since 0.1.0
 */
export const bzpopmax = (
  keys: ReadonlyArray<string>,
  timeout: Duration.Input
): RedisCommand.RedisCommand<Option.Option<PoppedMember>> =>
  RedisCommand.make("BZPOPMAX", [...keys, blockSeconds(timeout)], { decode: poppedMember })

/**
 * BZPOPMIN: removes the member with the lowest score from the first sorted set that has any, and
 * answers it. It waits for one to come, and answers nothing when the time is over.
 *
 * **Gotchas**
 *
 * It waits on the server, so it runs on a connection of `RedisReservation.reserve` alone. There a
 * time that is infinite, or 0, which is the same to Redis, is refused with the code `ARGUMENT`.
 * What was taken is lost if the answer is.
 *
 * @category sorted sets
 * @since 0.1.0
 */
export const bzpopmin = (
  keys: ReadonlyArray<string>,
  timeout: Duration.Input
): RedisCommand.RedisCommand<Option.Option<PoppedMember>> =>
  RedisCommand.make("BZPOPMIN", [...keys, blockSeconds(timeout)], { decode: poppedMember })

const poppedMember = Answers.optional<PoppedMember>((reply) => {
  const [key = null, member = null, score = null] = Array.isArray(reply) ? reply : []
  return Result.all({ key: Answers.text(key), member: Answers.text(member), score: Answers.float(score) })
})

/**
 * ZADD: adds members or changes their scores, and answers how many were added.
 *
 * **Details**
 *
 * The members are a record of scores by member, or pairs of a member and its score.
 *
 * **Gotchas**
 *
 * What it counts may be too little after a loss of the connection: it is sent again, and what the
 * first one did is not counted twice.
 *
 * @category sorted sets
 * @since 0.1.0
 */
export const zadd = (
  key: string,
  members: Readonly<Record<string, number>> | ReadonlyArray<readonly [member: RedisCommand.Argument, score: number]>,
  options: AddCondition & {
    /** Counts the members whose score was changed too. Default: false. */
    readonly changed?: boolean | undefined
  } = {}
): RedisCommand.RedisCommand<number> =>
  RedisCommand.make(
    "ZADD",
    [key, ...addWords(options), ...(options.changed === true ? ["CH"] : []), ...scoredWords(members)],
    { decode: Replies.integer }
  )

/**
 * ZADD with INCR: adds to the score of a member, which is 0 where there is none, and answers the
 * sum: none where the condition was not met.
 *
 * **Gotchas**
 *
 * It is effectful: once it may have left, it is not sent again.
 *
 * @category sorted sets
 * @since 0.1.0
 */
export const zaddIncr = (
  key: string,
  member: RedisCommand.Argument,
  by: number,
  options: AddCondition = {}
): RedisCommand.RedisCommand<Option.Option<number>> =>
  RedisCommand.make("ZADD", [key, ...addWords(options), "INCR", scoreWord(by), member], {
    decode: Answers.optional(Answers.float)
  })

/**
 * ZCARD: answers how many members a sorted set has: 0 where there is no key.
 *
 * @category sorted sets
 * @since 0.1.0
 */
export const zcard = (key: string): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("ZCARD", [key], { decode: Replies.integer })

/**
 * ZCOUNT: answers how many members have a score between two bounds.
 *
 * @category sorted sets
 * @since 0.1.0
 */
export const zcount = (key: string, scores: Between<number>): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("ZCOUNT", [key, ...scoreBounds(scores)], { decode: Replies.integer })

/**
 * ZDIFF: answers the members of the first sorted set that are in none of the others.
 *
 * @category sorted sets
 * @since 0.1.0
 */
export const zdiff = (keys: ReadonlyArray<string>): RedisCommand.RedisCommand<ReadonlyArray<string>> =>
  RedisCommand.make("ZDIFF", [keys.length, ...keys], { decode: Answers.listOf(Answers.text) })

/**
 * ZDIFF with WITHSCORES: answers the members of the first sorted set that are in none of the
 * others, with their scores.
 *
 * @category sorted sets
 * @since 0.1.0
 */
export const zdiffWithScores = (keys: ReadonlyArray<string>): RedisCommand.RedisCommand<ReadonlyArray<ScoredMember>> =>
  RedisCommand.make("ZDIFF", [keys.length, ...keys, "WITHSCORES"], { decode: scoredMembers })

/**
 * ZDIFFSTORE: stores what {@link zdiff} answers in the place of what `to` holds, and answers their
 * number. Where there are none, `to` is removed.
 *
 * @category sorted sets
 * @since 0.1.0
 */
export const zdiffstore = (to: string, keys: ReadonlyArray<string>): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("ZDIFFSTORE", [to, keys.length, ...keys], { decode: Replies.integer })

/**
 * ZINCRBY: adds to the score of a member, which is 0 where there is none, and answers the sum.
 *
 * **Gotchas**
 *
 * It is effectful: once it may have left, it is not sent again.
 *
 * @category sorted sets
 * @since 0.1.0
 */
export const zincrby = (key: string, member: RedisCommand.Argument, by: number): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("ZINCRBY", [key, scoreWord(by), member], { decode: Answers.float })

/**
 * ZINTER: answers the members that are in all of several sorted sets, in the order of their scores
 * together.
 *
 * @category sorted sets
 * @since 0.1.0
 */
export const zinter = (
  keys: ReadonlyArray<string>,
  options: CombineOptions = {}
): RedisCommand.RedisCommand<ReadonlyArray<string>> =>
  RedisCommand.make("ZINTER", [keys.length, ...keys, ...combineWords(options)], {
    decode: Answers.listOf(Answers.text)
  })

/**
 * ZINTER with WITHSCORES: answers the members that are in all of several sorted sets, with their
 * scores together.
 *
 * @category sorted sets
 * @since 0.1.0
 */
export const zinterWithScores = (
  keys: ReadonlyArray<string>,
  options: CombineOptions = {}
): RedisCommand.RedisCommand<ReadonlyArray<ScoredMember>> =>
  RedisCommand.make("ZINTER", [keys.length, ...keys, ...combineWords(options), "WITHSCORES"], { decode: scoredMembers })

/**
 * ZINTERCARD: answers how many members are in all of several sorted sets.
 *
 * @category sorted sets
 * @since 0.1.0
 */
export const zintercard = (
  keys: ReadonlyArray<string>,
  options: {
    /** Counts no further than to this. Default: 0, which counts all. */
    readonly limit?: number | undefined
  } = {}
): RedisCommand.RedisCommand<number> =>
  RedisCommand.make(
    "ZINTERCARD",
    [keys.length, ...keys, ...(options.limit === undefined ? [] : ["LIMIT", options.limit])],
    { decode: Replies.integer }
  )

/**
 * ZINTERSTORE: stores what {@link zinter} answers, with its scores, in the place of what `to`
 * holds, and answers their number. Where there are none, `to` is removed.
 *
 * @category sorted sets
 * @since 0.1.0
 */
export const zinterstore = (
  to: string,
  keys: ReadonlyArray<string>,
  options: CombineOptions = {}
): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("ZINTERSTORE", [to, keys.length, ...keys, ...combineWords(options)], { decode: Replies.integer })

/**
 * ZLEXCOUNT: answers how many members lie between two, in the order of bytes.
 *
 * **Gotchas**
 *
 * Where members have different scores, they are in no such order, and the answer means nothing.
 *
 * @category sorted sets
 * @since 0.1.0
 */
export const zlexcount = (key: string, members: Between<RedisCommand.Argument>): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("ZLEXCOUNT", [key, ...memberBounds(members)], { decode: Replies.integer })

/**
 * Holds members of a sorted set with their scores, and says which one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Popped {
  /** Names the sorted set. */
  readonly key: string
  /** Holds what was taken, the outermost first. */
  readonly entries: ReadonlyArray<ScoredMember>
}

/**
 * ZMPOP: removes the members with the lowest or the highest scores from the first sorted set that
 * has any, and answers its key and them.
 *
 * **Gotchas**
 *
 * It is effectful: once it may have left, it is not sent again.
 *
 * @category sorted sets
 * @since 0.1.0
 */
export const zmpop = (
  keys: ReadonlyArray<string>,
  end: "min" | "max",
  options: {
    /** Sets how many are removed at most. Default: 1. */
    readonly count?: number | undefined
  } = {}
): RedisCommand.RedisCommand<Option.Option<Popped>> =>
  RedisCommand.make(
    "ZMPOP",
    [keys.length, ...keys, end, ...(options.count === undefined ? [] : ["COUNT", options.count])],
    { decode: popped }
  )

/**
 * ZMSCORE: answers the scores of several members, in their order.
 *
 * @category sorted sets
 * @since 0.1.0
 */
export const zmscore = (
  key: string,
  members: ReadonlyArray<RedisCommand.Argument>
): RedisCommand.RedisCommand<ReadonlyArray<Option.Option<number>>> =>
  RedisCommand.make("ZMSCORE", [key, ...members], {
    decode: Answers.eachOf(members.length, Answers.optional(Answers.float))
  })

/**
 * ZPOPMAX: removes the members with the highest scores, and answers them, the highest first.
 *
 * **Gotchas**
 *
 * It is effectful: once it may have left, it is not sent again.
 *
 * @category sorted sets
 * @since 0.1.0
 */
export const zpopmax = (key: string, count = 1): RedisCommand.RedisCommand<ReadonlyArray<ScoredMember>> =>
  RedisCommand.make("ZPOPMAX", [key, count], { decode: scoredMembers })

/**
 * ZPOPMIN: removes the members with the lowest scores, and answers them, the lowest first.
 *
 * **Gotchas**
 *
 * It is effectful: once it may have left, it is not sent again.
 *
 * @category sorted sets
 * @since 0.1.0
 */
export const zpopmin = (key: string, count = 1): RedisCommand.RedisCommand<ReadonlyArray<ScoredMember>> =>
  RedisCommand.make("ZPOPMIN", [key, count], { decode: scoredMembers })

/**
 * ZRANDMEMBER: answers some member.
 *
 * @category sorted sets
 * @since 0.1.0
 */
export const zrandmember = (key: string): RedisCommand.RedisCommand<Option.Option<string>> =>
  RedisCommand.make("ZRANDMEMBER", [key], { decode: Replies.optionalText })

/**
 * ZRANDMEMBER with a count: answers some members, all of them where there are fewer than asked for.
 *
 * @category sorted sets
 * @since 0.1.0
 */
export const zrandmembers = (
  key: string,
  count: number,
  options: {
    /** Lets a member come more than once: there are as many as asked for. Default: false. */
    readonly repeated?: boolean | undefined
  } = {}
): RedisCommand.RedisCommand<ReadonlyArray<string>> =>
  RedisCommand.make("ZRANDMEMBER", [key, options.repeated === true ? -count : count], {
    decode: Answers.listOf(Answers.text)
  })

/**
 * ZRANDMEMBER with WITHSCORES: answers some members with their scores, all of them where there are
 * fewer than asked for.
 *
 * @category sorted sets
 * @since 0.1.0
 */
export const zrandmembersWithScores = (
  key: string,
  count: number,
  options: {
    /** Lets a member come more than once: there are as many as asked for. Default: false. */
    readonly repeated?: boolean | undefined
  } = {}
): RedisCommand.RedisCommand<ReadonlyArray<ScoredMember>> =>
  RedisCommand.make("ZRANDMEMBER", [key, options.repeated === true ? -count : count, "WITHSCORES"], {
    decode: scoredMembers
  })

/**
 * ZRANGE: answers a part of a sorted set, in its order.
 *
 * **Details**
 *
 * `{ ranks: { to: 9 } }` are the first ten members, `{ scores: { above: 1, to: 5 } }` those with
 * scores greater than 1 and not greater than 5, and `{ members: { from: "a", below: "b" } }` those
 * that begin with an a. A range that is reversed is written with the same bounds.
 *
 * @category sorted sets
 * @since 0.1.0
 */
export const zrange = (key: string, range: Range): RedisCommand.RedisCommand<ReadonlyArray<string>> =>
  RedisCommand.make("ZRANGE", [key, ...rangeWords(range)], { decode: Answers.listOf(Answers.text) })

/**
 * ZRANGE with WITHSCORES: answers a part of a sorted set with its scores, in its order.
 *
 * @category sorted sets
 * @since 0.1.0
 */
export const zrangeWithScores = (
  key: string,
  range: RankOrScoreRange
): RedisCommand.RedisCommand<ReadonlyArray<ScoredMember>> =>
  RedisCommand.make("ZRANGE", [key, ...rangeWords(range), "WITHSCORES"], { decode: scoredMembers })

/**
 * ZRANGESTORE: stores a part of a sorted set in the place of what `to` holds, and answers how many
 * members it has. Where it has none, `to` is removed.
 *
 * @category sorted sets
 * @since 0.1.0
 */
export const zrangestore = (to: string, from: string, range: Range): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("ZRANGESTORE", [to, from, ...rangeWords(range)], { decode: Replies.integer })

/**
 * ZRANK: answers the place of a member, from 0 on, the lowest score first.
 *
 * @category sorted sets
 * @since 0.1.0
 */
export const zrank = (key: string, member: RedisCommand.Argument): RedisCommand.RedisCommand<Option.Option<number>> =>
  RedisCommand.make("ZRANK", [key, member], { decode: Answers.optional(Replies.integer) })

/**
 * ZREM: removes members, and answers how many were there.
 *
 * @category sorted sets
 * @since 0.1.0
 */
export const zrem = (key: string, members: ReadonlyArray<RedisCommand.Argument>): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("ZREM", [key, ...members], { decode: Replies.integer })

/**
 * ZREMRANGEBYLEX: removes the members that lie between two in the order of bytes, all having one
 * score, and answers how many.
 *
 * @category sorted sets
 * @since 0.1.0
 */
export const zremrangebylex = (
  key: string,
  members: Between<RedisCommand.Argument>
): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("ZREMRANGEBYLEX", [key, ...memberBounds(members)], { decode: Replies.integer })

/**
 * ZREMRANGEBYRANK: removes the members at places, and answers how many.
 *
 * **Gotchas**
 *
 * It is effectful: done twice, it removes the members that have moved up.
 *
 * @category sorted sets
 * @since 0.1.0
 */
export const zremrangebyrank = (key: string, ranks: Ranks): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("ZREMRANGEBYRANK", [key, ...rankBounds(ranks)], { decode: Replies.integer })

/**
 * ZREMRANGEBYSCORE: removes the members with a score between two bounds, and answers how many.
 *
 * @category sorted sets
 * @since 0.1.0
 */
export const zremrangebyscore = (key: string, scores: Between<number>): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("ZREMRANGEBYSCORE", [key, ...scoreBounds(scores)], { decode: Replies.integer })

/**
 * ZREVRANK: answers the place of a member, from 0 on, the highest score first.
 *
 * @category sorted sets
 * @since 0.1.0
 */
export const zrevrank = (
  key: string,
  member: RedisCommand.Argument
): RedisCommand.RedisCommand<Option.Option<number>> =>
  RedisCommand.make("ZREVRANK", [key, member], { decode: Answers.optional(Replies.integer) })

/**
 * ZSCORE: answers the score of a member.
 *
 * @category sorted sets
 * @since 0.1.0
 */
export const zscore = (key: string, member: RedisCommand.Argument): RedisCommand.RedisCommand<Option.Option<number>> =>
  RedisCommand.make("ZSCORE", [key, member], { decode: Answers.optional(Answers.float) })

/**
 * ZUNION: answers the members of several sorted sets, in the order of their scores together.
 *
 * @category sorted sets
 * @since 0.1.0
 */
export const zunion = (
  keys: ReadonlyArray<string>,
  options: CombineOptions = {}
): RedisCommand.RedisCommand<ReadonlyArray<string>> =>
  RedisCommand.make("ZUNION", [keys.length, ...keys, ...combineWords(options)], {
    decode: Answers.listOf(Answers.text)
  })

/**
 * ZUNION with WITHSCORES: answers the members of several sorted sets, with their scores together.
 *
 * @category sorted sets
 * @since 0.1.0
 */
export const zunionWithScores = (
  keys: ReadonlyArray<string>,
  options: CombineOptions = {}
): RedisCommand.RedisCommand<ReadonlyArray<ScoredMember>> =>
  RedisCommand.make("ZUNION", [keys.length, ...keys, ...combineWords(options), "WITHSCORES"], { decode: scoredMembers })

/**
 * ZUNIONSTORE: stores what {@link zunion} answers, with its scores, in the place of what `to`
 * holds, and answers their number. Where there are none, `to` is removed.
 *
 * @category sorted sets
 * @since 0.1.0
 */
export const zunionstore = (
  to: string,
  keys: ReadonlyArray<string>,
  options: CombineOptions = {}
): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("ZUNIONSTORE", [to, keys.length, ...keys, ...combineWords(options)], { decode: Replies.integer })

type Words = ReadonlyArray<RedisCommand.Argument>

const addWords = ({ condition, scores }: AddCondition): Words => [
  ...(condition === undefined ? [] : [condition === "ifAbsent" ? "NX" : "XX"]),
  ...(scores === undefined ? [] : [scores === "ifHigher" ? "GT" : "LT"])
]

const scoredWords = (members: Parameters<typeof zadd>[1]): Words =>
  (isPairs(members) ? members : Object.entries(members)).flatMap(([member, score]) => [scoreWord(score), member])

// Array.isArray does not tell a list that is read-only from a record.
const isPairs = (
  members: Parameters<typeof zadd>[1]
): members is ReadonlyArray<readonly [member: RedisCommand.Argument, score: number]> => Array.isArray(members)

const scoreWord = (score: number): string => {
  if (score === Number.POSITIVE_INFINITY) return "+inf"
  return score === Number.NEGATIVE_INFINITY ? "-inf" : String(score)
}

const rankBounds = ({ from = 0, to = -1 }: Ranks): readonly [number, number] => [from, to]

const scoreBounds = ({ above, below, from, to }: Between<number>): Bounds => [
  above === undefined ? scoreWord(from ?? Number.NEGATIVE_INFINITY) : `(${scoreWord(above)}`,
  below === undefined ? scoreWord(to ?? Number.POSITIVE_INFINITY) : `(${scoreWord(below)}`
]

const memberBounds = ({ above, below, from, to }: Between<RedisCommand.Argument>): Bounds => [
  above === undefined ? (from === undefined ? "-" : marked("[", from)) : marked("(", above),
  below === undefined ? (to === undefined ? "+" : marked("[", to)) : marked("(", below)
]

type Bounds = readonly [low: RedisCommand.Argument, high: RedisCommand.Argument]

const marked = (mark: "[" | "(", member: RedisCommand.Argument): RedisCommand.Argument =>
  member instanceof Uint8Array ? Uint8Array.of(mark.charCodeAt(0), ...member) : `${mark}${member}`

// Redis takes the upper bound first where a range of scores or members is reversed.
const rangeWords = ({ limit, reversed = false, ...range }: Range): Words => {
  const rev = reversed ? ["REV"] : []
  if (range.ranks !== undefined) return [...rankBounds(range.ranks), ...rev]
  const [low, high] = range.scores === undefined ? memberBounds(range.members) : scoreBounds(range.scores)
  return [
    ...(reversed ? [high, low] : [low, high]),
    range.scores === undefined ? "BYLEX" : "BYSCORE",
    ...rev,
    ...(limit === undefined ? [] : ["LIMIT", limit.offset ?? 0, limit.count ?? -1])
  ]
}

const combineWords = ({ aggregate, weights }: CombineOptions): Words => [
  ...(weights === undefined ? [] : ["WEIGHTS", ...weights.map(scoreWord)]),
  ...(aggregate === undefined ? [] : ["AGGREGATE", aggregate])
]

const scoredMembers: RedisCommand.Decoder<ReadonlyArray<ScoredMember>> = (reply) =>
  Result.map(Answers.pairsOf(Answers.float)(reply), (pairs) => pairs.map(([member, score]) => ({ member, score })))

// ZMPOP alone gives each member a list of its own.
const scoredMember: RedisCommand.Decoder<ScoredMember> = (reply) =>
  Result.map(Answers.pair(Answers.text, Answers.float)(reply), ([member, score]) => ({ member, score }))

const popped = Answers.optional<Popped>((reply) =>
  Result.map(Answers.pair(Answers.text, Answers.listOf(scoredMember))(reply), ([key, entries]) => ({ key, entries }))
)
