/**
 * Commands on streams, as values for `RedisClient.run`, pipelines and transactions.
 *
 * **Details**
 *
 * A stream holds entries in the order of their IDs, `1700000000000-0` and the like: milliseconds,
 * and a number that tells entries of one millisecond apart. The number may be left out where an ID
 * is asked for. Groups share the entries of a stream among their consumers, and keep each as
 * pending from when it was delivered until it is acknowledged.
 *
 * XREAD and XREADGROUP answer what is there; with `block` they wait for entries to come, on a
 * connection of `RedisReservation.reserve`.
 *
 * **Gotchas**
 *
 * - A stream whose entries are all gone stays, with its groups, until its key is removed.
 * - The fields of an entry are a record. Where Redis has a name twice in one entry, the last value
 *   counts; {@link xadd} writes each name once, and names that are whole numbers first.
 *
 * **Example** (Entries)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { RedisClient } from "effect-ioredis"
 * import { Streams } from "effect-ioredis/commands"
 * import { SimulatedRedis } from "effect-ioredis/testing"
 *
 * const program = Effect.gen(function* () {
 *   const { run } = yield* RedisClient.RedisClient
 *   yield* run(Streams.xadd("jobs", { to: "ada" }, { id: "1-0" })) // => "1-0"
 *   yield* run(Streams.xadd("jobs", { to: "bob" }, { id: "2-0" })) // => "2-0"
 *   yield* run(Streams.xadd("none", { to: "eve" }, { condition: "ifPresent" })) // => Option.none()
 *   yield* run(Streams.xlen("jobs")) // => 2
 *   yield* run(Streams.xrange("jobs", "-", "(2-0")) // => [{ id: "1-0", fields: { to: "ada" } }]
 *   const [newest] = yield* run(Streams.xrevrange("jobs", "+", "-", { count: 1 }))
 *   newest // => { id: "2-0", fields: { to: "bob" } }
 *   const { jobs } = yield* run(Streams.xread({ jobs: "1-0" }))
 *   jobs // => [{ id: "2-0", fields: { to: "bob" } }]
 *   yield* run(Streams.xtrim("jobs", { maxLength: 1 })) // => 1
 *   yield* run(Streams.xdel("jobs", ["2-0"])) // => 1
 *   const { entriesAdded, length } = yield* run(Streams.xinfoStream("jobs"))
 *   entriesAdded // => 2
 *   length // => 0
 * })
 *
 * const Simulated = Layer.provide(RedisClient.layer(), SimulatedRedis.layer())
 * Effect.runPromise(Effect.provide(program, Simulated))
 * ```
 *
 * **Example** (A group that shares the work)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { RedisClient } from "effect-ioredis"
 * import { Streams } from "effect-ioredis/commands"
 * import { SimulatedRedis } from "effect-ioredis/testing"
 *
 * const program = Effect.gen(function* () {
 *   const { run } = yield* RedisClient.RedisClient
 *   yield* run(Streams.xgroupCreate("jobs", "mail", "$", { makeStream: true })) // => undefined
 *   yield* run(Streams.xgroupCreateconsumer("jobs", "mail", "ada")) // => true
 *   yield* run(Streams.xadd("jobs", { to: "bob" }, { id: "1-0" })) // => "1-0"
 *   yield* run(Streams.xadd("jobs", { to: "eve" }, { id: "2-0" })) // => "2-0"
 *   const { jobs } = yield* run(Streams.xreadgroup("mail", "ada", { jobs: ">" }, { count: 1 }))
 *   jobs // => [{ id: "1-0", fields: Option.some({ to: "bob" }) }]
 *   yield* run(Streams.xack("jobs", "mail", ["1-0"])) // => 1
 *   const [group] = yield* run(Streams.xinfoGroups("jobs"))
 *   group?.lag // => Option.some(1)
 *   yield* run(Streams.xgroupSetid("jobs", "mail", "0")) // => undefined
 *   yield* run(Streams.xgroupDelconsumer("jobs", "mail", "ada")) // => 0
 *   yield* run(Streams.xgroupDestroy("jobs", "mail")) // => true
 * })
 *
 * const Simulated = Layer.provide(RedisClient.layer(), SimulatedRedis.layer())
 * Effect.runPromise(Effect.provide(program, Simulated))
 * ```
 *
 * **Example** (Work that a consumer left behind)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { RedisClient } from "effect-ioredis"
 * import { Streams } from "effect-ioredis/commands"
 * import { SimulatedRedis } from "effect-ioredis/testing"
 *
 * const program = Effect.gen(function* () {
 *   const { run } = yield* RedisClient.RedisClient
 *   yield* run(Streams.xadd("jobs", { to: "bob" }, { id: "1-0" })) // => "1-0"
 *   yield* run(Streams.xgroupCreate("jobs", "mail", "0")) // => undefined
 *   yield* run(Streams.xreadgroup("mail", "ada", { jobs: ">" }))
 *   const { consumers } = yield* run(Streams.xpending("jobs", "mail"))
 *   consumers // => { ada: 1 }
 *   const [pending] = yield* run(Streams.xpendingRange("jobs", "mail", "-", "+", 10))
 *   pending?.deliveries // => 1
 *   const claimed = yield* run(Streams.xclaim("jobs", "mail", "bob", 0, ["1-0"]))
 *   claimed // => [{ id: "1-0", fields: { to: "bob" } }]
 *   yield* run(Streams.xclaimJustid("jobs", "mail", "eve", 0, ["1-0"])) // => ["1-0"]
 *   const { entries } = yield* run(Streams.xautoclaim("jobs", "mail", "ada", 0))
 *   entries // => [{ id: "1-0", fields: { to: "bob" } }]
 *   const { ids } = yield* run(Streams.xautoclaimJustid("jobs", "mail", "bob", "1 hour"))
 *   ids // => []
 *   const all = yield* run(Streams.xinfoConsumers("jobs", "mail"))
 *   all.map(({ name }) => name) // => ["ada", "bob", "eve"]
 * })
 *
 * const Simulated = Layer.provide(RedisClient.layer(), SimulatedRedis.layer())
 * Effect.runPromise(Effect.provide(program, Simulated))
 * ```
 *
 * @since 0.1.0
 */
import { DateTime, Duration, Option, Result } from "effect"
import * as Answers from "../internal/Answers.ts"
import { blockMillis, millisOf } from "../internal/expiryWords.ts"
import * as Replies from "../internal/Replies.ts"
import * as RedisCommand from "../RedisCommand.ts"

/**
 * Holds an entry of a stream.
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry {
  /** Names it, such as `1700000000000-0`. */
  readonly id: string
  /** Holds its values by name: the last one of a name that it has twice. */
  readonly fields: Readonly<Record<string, string>>
}

/**
 * Holds an entry as a group delivers it.
 *
 * @category models
 * @since 0.1.0
 */
export interface DeliveredEntry {
  /** Names it, such as `1700000000000-0`. */
  readonly id: string
  /** Holds its values by name: none where it is pending still, but was deleted from the stream. */
  readonly fields: Option.Option<Readonly<Record<string, string>>>
}

/**
 * Says which entries of a stream stay: so many of the newest, or all from an ID on.
 *
 * @category models
 * @since 0.1.0
 */
export type Trim = (
  | {
      /** Keeps this many of the newest. */
      readonly maxLength: number
      readonly minId?: never
    }
  | {
      readonly maxLength?: never
      /** Keeps those of this ID and greater ones. */
      readonly minId: string
    }
) &
  (
    | {
        /**
         * Lets the server keep some more, which is much less work: it removes entries by the block
         * that it stores them in. Default: false.
         */
        readonly approximate?: false | undefined
        readonly limit?: never
      }
    | {
        /** Lets the server keep some more, which is much less work. */
        readonly approximate: true
        /** Sets how many entries may go at once; 0 is any number. Default: 10,000. */
        readonly limit?: number | undefined
      }
  )

/**
 * Sets how {@link xadd} adds an entry.
 *
 * @category models
 * @since 0.1.0
 */
export interface AddOptions {
  /**
   * Gives it an ID, greater than all that the stream has had; `1700000000000-*` leaves the number
   * to the server. Default: `*`, of the server's clock.
   */
  readonly id?: string | undefined
  /** Adds it only where the stream is there. Default: makes one where there is none. */
  readonly condition?: "ifPresent" | undefined
  /** Removes the oldest entries afterwards. Default: keeps them all. */
  readonly trim?: Trim | undefined
}

/**
 * Sets what {@link xclaim} and {@link xclaimJustid} note of the entries that they claim.
 *
 * @category models
 * @since 0.1.0
 */
export type ClaimOptions = {
  /** Sets how many times they count as delivered. Default: once more, or as often with JUSTID. */
  readonly deliveries?: number | undefined
  /** Claims entries of the stream that are nobody's, too. Default: false. */
  readonly force?: boolean | undefined
} & (
  | {
      /** Sets for how long they count as idle. Default: not at all. */
      readonly idle?: Duration.Input | undefined
      readonly deliveredAt?: never
    }
  | {
      readonly idle?: never
      /** Sets when they count as delivered. */
      readonly deliveredAt: DateTime.DateTime
    }
)

/**
 * Sets where {@link xautoclaim} and {@link xautoclaimJustid} begin, and how much they claim.
 *
 * @category models
 * @since 0.1.0
 */
export interface AutoclaimOptions {
  /** Sets the ID from which on it looks: `next` of the call before. Default: the first. */
  readonly start?: string | undefined
  /** Sets how many it claims at most; it looks at ten times as many. Default: 100. */
  readonly count?: number | undefined
}

/**
 * Says what is pending in a group.
 *
 * @category models
 * @since 0.1.0
 */
export interface PendingSummary {
  /** Counts the entries. */
  readonly count: number
  /** Holds the smallest ID; none where nothing is pending. */
  readonly firstId: Option.Option<string>
  /** Holds the greatest ID; none where nothing is pending. */
  readonly lastId: Option.Option<string>
  /** Counts those of each consumer that has any. */
  readonly consumers: Readonly<Record<string, number>>
}

/**
 * Holds an entry that was delivered and not yet acknowledged.
 *
 * @category models
 * @since 0.1.0
 */
export interface PendingEntry {
  /** Names the entry. */
  readonly id: string
  /** Names whom it was delivered to. */
  readonly consumer: string
  /** Says how long ago that was. */
  readonly idle: Duration.Duration
  /** Counts how many times it was. */
  readonly deliveries: number
}

/**
 * Says what a server knows of a stream.
 *
 * @category models
 * @since 0.1.0
 */
export interface StreamInfo {
  /** Counts its entries. */
  readonly length: number
  /** Counts its groups. */
  readonly groups: number
  /** Holds the greatest ID that an entry ever had. */
  readonly lastGeneratedId: string
  /** Holds the greatest ID that XDEL removed; `0-0` where it removed none. */
  readonly maxDeletedEntryId: string
  /** Counts all the entries that it ever had. */
  readonly entriesAdded: number
  /** Holds the oldest entry. */
  readonly firstEntry: Option.Option<Entry>
  /** Holds the newest entry. */
  readonly lastEntry: Option.Option<Entry>
  /** Counts the blocks that its entries are stored in. */
  readonly radixTreeKeys: number
  /** Counts the nodes of the tree that finds them. */
  readonly radixTreeNodes: number
}

/**
 * Says what a server knows of a group.
 *
 * @category models
 * @since 0.1.0
 */
export interface GroupInfo {
  /** Names it. */
  readonly name: string
  /** Counts its consumers. */
  readonly consumers: number
  /** Counts the entries that were delivered and not yet acknowledged. */
  readonly pending: number
  /** Holds the ID behind which it goes on. */
  readonly lastDeliveredId: string
  /** Counts the entries that it has read; none where the server cannot tell. */
  readonly entriesRead: Option.Option<number>
  /** Counts the entries that it has yet to read; none where the server cannot tell. */
  readonly lag: Option.Option<number>
}

/**
 * Says what a server knows of a consumer.
 *
 * @category models
 * @since 0.1.0
 */
export interface ConsumerInfo {
  /** Names it. */
  readonly name: string
  /** Counts the entries that were delivered to it and not yet acknowledged. */
  readonly pending: number
  /** Says how long ago it was last seen. */
  readonly idle: Duration.Duration
}

/**
 * XACK: acknowledges entries that were delivered to a group, and answers how many were pending.
 *
 * @category streams
 * @since 0.1.0
 */
export const xack = (key: string, group: string, ids: ReadonlyArray<string>): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("XACK", [key, group, ...ids], { decode: Replies.integer })

/**
 * XADD: adds an entry to a stream, and answers its ID; none where `"ifPresent"` is asked for and
 * there is no stream.
 *
 * **Gotchas**
 *
 * It is effectful: once it may have left, it is not sent again. An ID of one's own tells whether it
 * arrived, for the second one of an ID is refused.
 *
 * @category streams
 * @since 0.1.0
 */
export const xadd: {
  (
    key: string,
    fields: Readonly<Record<string, RedisCommand.Argument>>,
    options?: AddOptions & { readonly condition?: undefined }
  ): RedisCommand.RedisCommand<string>
  (
    key: string,
    fields: Readonly<Record<string, RedisCommand.Argument>>,
    options: AddOptions & { readonly condition: "ifPresent" }
  ): RedisCommand.RedisCommand<Option.Option<string>>
} = (
  key: string,
  fields: Readonly<Record<string, RedisCommand.Argument>>,
  { condition, id = "*", trim }: AddOptions = {}
  // The signatures say which of both it is.
): RedisCommand.RedisCommand<never> => {
  const words = [
    ...(condition === undefined ? [] : ["NOMKSTREAM"]),
    ...(trim === undefined ? [] : trimWords(trim)),
    id,
    ...Object.entries(fields).flat()
  ]
  const decode: RedisCommand.Decoder<unknown> = condition === undefined ? Answers.text : Replies.optionalText
  return RedisCommand.make("XADD", [key, ...words], { decode }) as RedisCommand.RedisCommand<never>
}

const trimWords = ({ approximate, limit, maxLength, minId }: Trim): ReadonlyArray<string | number> => [
  ...(minId === undefined ? ["MAXLEN"] : ["MINID"]),
  approximate === true ? "~" : "=",
  minId ?? maxLength,
  ...(limit === undefined ? [] : ["LIMIT", limit])
]

/**
 * XAUTOCLAIM: makes pending entries that have been idle for a time a consumer's own, and answers
 * them, how to go on, and which were deleted meanwhile.
 *
 * **Details**
 *
 * `next` is the `start` of the call that goes on; none where everything was looked at. Entries that
 * were deleted from the stream are not pending any longer. A Redis before 7.0 does not say which.
 *
 * @category streams
 * @since 0.1.0
 */
export const xautoclaim = (
  key: string,
  group: string,
  consumer: string,
  minIdle: Duration.Input,
  options: AutoclaimOptions = {}
): RedisCommand.RedisCommand<{
  /** Says where to go on; none at the end. */
  readonly next: Option.Option<string>
  /** Holds what was claimed. */
  readonly entries: ReadonlyArray<Entry>
  /** Names those that were pending, but deleted from the stream. */
  readonly deleted: ReadonlyArray<string>
}> =>
  RedisCommand.make("XAUTOCLAIM", autoclaimWords(key, group, consumer, minIdle, options), {
    decode: (reply) => {
      const [next, entries, deleted] = itemsOf(reply)
      return Result.all({
        next: cursor(next),
        entries: claimed(entry)(entries),
        deleted: orEmpty(Answers.text)(deleted)
      })
    }
  })

/**
 * XAUTOCLAIM with JUSTID: does as {@link xautoclaim}, but answers IDs alone, and does not count it
 * as a delivery.
 *
 * @category streams
 * @since 0.1.0
 */
export const xautoclaimJustid = (
  key: string,
  group: string,
  consumer: string,
  minIdle: Duration.Input,
  options: AutoclaimOptions = {}
): RedisCommand.RedisCommand<{
  /** Says where to go on; none at the end. */
  readonly next: Option.Option<string>
  /** Names what was claimed. */
  readonly ids: ReadonlyArray<string>
  /** Names those that were pending, but deleted from the stream. */
  readonly deleted: ReadonlyArray<string>
}> =>
  RedisCommand.make("XAUTOCLAIM", [...autoclaimWords(key, group, consumer, minIdle, options), "JUSTID"], {
    decode: (reply) => {
      const [next, ids, deleted] = itemsOf(reply)
      return Result.all({
        next: cursor(next),
        ids: claimed(Answers.text)(ids),
        deleted: orEmpty(Answers.text)(deleted)
      })
    }
  })

const autoclaimWords = (
  key: string,
  group: string,
  consumer: string,
  minIdle: Duration.Input,
  { count, start = "-" }: AutoclaimOptions
) => [key, group, consumer, idleMillis(minIdle), start, ...countWords(count)]

const cursor: RedisCommand.Decoder<Option.Option<string>> = (reply) =>
  Result.map(Answers.text(reply), (id) => (id === "0-0" ? Option.none() : Option.some(id)))

/**
 * XCLAIM: makes pending entries that have been idle for a time a consumer's own, and answers them.
 *
 * **Details**
 *
 * Left out are those that are not pending, those that were not idle for so long, and those that
 * were deleted from the stream, which are not pending any longer.
 *
 * @category streams
 * @since 0.1.0
 */
export const xclaim = (
  key: string,
  group: string,
  consumer: string,
  minIdle: Duration.Input,
  ids: ReadonlyArray<string>,
  options: ClaimOptions = {}
): RedisCommand.RedisCommand<ReadonlyArray<Entry>> =>
  RedisCommand.make("XCLAIM", [key, group, consumer, idleMillis(minIdle), ...ids, ...claimWords(options)], {
    decode: claimed(entry)
  })

/**
 * XCLAIM with JUSTID: does as {@link xclaim}, but answers IDs alone, and does not count it as a
 * delivery.
 *
 * @category streams
 * @since 0.1.0
 */
export const xclaimJustid = (
  key: string,
  group: string,
  consumer: string,
  minIdle: Duration.Input,
  ids: ReadonlyArray<string>,
  options: ClaimOptions = {}
): RedisCommand.RedisCommand<ReadonlyArray<string>> =>
  RedisCommand.make("XCLAIM", [key, group, consumer, idleMillis(minIdle), ...ids, ...claimWords(options), "JUSTID"], {
    decode: claimed(Answers.text)
  })

const claimWords = ({ deliveredAt, deliveries, force, idle }: ClaimOptions): ReadonlyArray<string | number> => [
  ...(idle === undefined ? [] : ["IDLE", idleMillis(idle)]),
  ...(deliveredAt === undefined ? [] : ["TIME", DateTime.toEpochMillis(deliveredAt)]),
  ...(deliveries === undefined ? [] : ["RETRYCOUNT", deliveries]),
  ...(force === true ? ["FORCE"] : [])
]

// An infinite time is the longest that is exact as a number.
const idleMillis = (idle: Duration.Input): number => Math.min(millisOf(idle), Number.MAX_SAFE_INTEGER)

const countWords = (count: number | undefined): ReadonlyArray<string | number> =>
  count === undefined ? [] : ["COUNT", count]

/**
 * XDEL: removes entries of a stream, and answers how many were there.
 *
 * @category streams
 * @since 0.1.0
 */
export const xdel = (key: string, ids: ReadonlyArray<string>): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("XDEL", [key, ...ids], { decode: Replies.integer })

/**
 * XGROUP CREATE: makes a group that reads what comes after an ID: `0` for all that there is, `$`
 * for what is added from now on. It fails with the code `BUSYGROUP` where there is such a group.
 *
 * @category streams
 * @since 0.1.0
 */
export const xgroupCreate = (
  key: string,
  group: string,
  id: string,
  options: {
    /** Makes the stream where there is none. Default: false, which fails then. */
    readonly makeStream?: boolean | undefined
    /** Sets how many entries it counts as read. Default: the server finds out where it can. */
    readonly entriesRead?: number | undefined
  } = {}
): RedisCommand.RedisCommand<void> =>
  RedisCommand.make(
    "XGROUP",
    ["CREATE", key, group, id, ...(options.makeStream === true ? ["MKSTREAM"] : []), ...readWords(options)],
    { decode: Answers.done }
  )

const readWords = ({ entriesRead }: { readonly entriesRead?: number | undefined }): ReadonlyArray<string | number> =>
  entriesRead === undefined ? [] : ["ENTRIESREAD", entriesRead]

/**
 * XGROUP CREATECONSUMER: makes a consumer of a group, and says whether there was none of that name.
 * {@link xreadgroup} and {@link xclaim} make theirs themselves.
 *
 * @category streams
 * @since 0.1.0
 */
export const xgroupCreateconsumer = (
  key: string,
  group: string,
  consumer: string
): RedisCommand.RedisCommand<boolean> =>
  RedisCommand.make("XGROUP", ["CREATECONSUMER", key, group, consumer], { decode: Replies.one })

/**
 * XGROUP DELCONSUMER: removes a consumer of a group, and answers how many entries were pending for
 * it.
 *
 * **Gotchas**
 *
 * These are pending no longer, and nobody gets them any more: claim them before.
 *
 * @category streams
 * @since 0.1.0
 */
export const xgroupDelconsumer = (key: string, group: string, consumer: string): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("XGROUP", ["DELCONSUMER", key, group, consumer], { decode: Replies.integer })

/**
 * XGROUP DESTROY: removes a group with all that is pending, and says whether there was one.
 *
 * @category streams
 * @since 0.1.0
 */
export const xgroupDestroy = (key: string, group: string): RedisCommand.RedisCommand<boolean> =>
  RedisCommand.make("XGROUP", ["DESTROY", key, group], { decode: Replies.one })

/**
 * XGROUP SETID: lets a group go on behind another ID; `$` is the newest. What is pending stays.
 *
 * @category streams
 * @since 0.1.0
 */
export const xgroupSetid = (
  key: string,
  group: string,
  id: string,
  options: {
    /** Sets how many entries it counts as read. Default: the server finds out where it can. */
    readonly entriesRead?: number | undefined
  } = {}
): RedisCommand.RedisCommand<void> =>
  RedisCommand.make("XGROUP", ["SETID", key, group, id, ...readWords(options)], { decode: Answers.done })

/**
 * XINFO CONSUMERS: answers what is known of each consumer of a group.
 *
 * @category streams
 * @since 0.1.0
 */
export const xinfoConsumers = (key: string, group: string): RedisCommand.RedisCommand<ReadonlyArray<ConsumerInfo>> =>
  RedisCommand.make("XINFO", ["CONSUMERS", key, group], {
    decode: Answers.listOf(
      named((of) =>
        Result.all({
          name: Answers.text(of("name")),
          pending: Replies.integer(of("pending")),
          idle: millis(of("idle"))
        })
      )
    )
  })

/**
 * XINFO GROUPS: answers what is known of each group of a stream.
 *
 * @category streams
 * @since 0.1.0
 */
export const xinfoGroups = (key: string): RedisCommand.RedisCommand<ReadonlyArray<GroupInfo>> =>
  RedisCommand.make("XINFO", ["GROUPS", key], {
    decode: Answers.listOf(
      named((of) =>
        Result.all({
          name: Answers.text(of("name")),
          consumers: Replies.integer(of("consumers")),
          pending: Replies.integer(of("pending")),
          lastDeliveredId: Answers.text(of("last-delivered-id")),
          entriesRead: Answers.optional(Replies.integer)(of("entries-read")),
          lag: Answers.optional(Replies.integer)(of("lag"))
        })
      )
    )
  })

/**
 * XINFO STREAM: answers what is known of a stream. It fails where there is none.
 *
 * @category streams
 * @since 0.1.0
 */
export const xinfoStream = (key: string): RedisCommand.RedisCommand<StreamInfo> =>
  RedisCommand.make("XINFO", ["STREAM", key], {
    decode: named((of) =>
      Result.all({
        length: Replies.integer(of("length")),
        groups: Replies.integer(of("groups")),
        lastGeneratedId: Answers.text(of("last-generated-id")),
        maxDeletedEntryId: Answers.text(of("max-deleted-entry-id")),
        entriesAdded: Replies.integer(of("entries-added")),
        firstEntry: Answers.optional(entry)(of("first-entry")),
        lastEntry: Answers.optional(entry)(of("last-entry")),
        radixTreeKeys: Replies.integer(of("radix-tree-keys")),
        radixTreeNodes: Replies.integer(of("radix-tree-nodes"))
      })
    )
  })

/**
 * XLEN: answers how many entries a stream has: 0 where there is none.
 *
 * @category streams
 * @since 0.1.0
 */
export const xlen = (key: string): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("XLEN", [key], { decode: Replies.integer })

/**
 * XPENDING: answers how much is pending in a group, and for whom.
 *
 * @category streams
 * @since 0.1.0
 */
export const xpending = (key: string, group: string): RedisCommand.RedisCommand<PendingSummary> =>
  RedisCommand.make("XPENDING", [key, group], {
    decode: (reply) => {
      const [count, firstId, lastId, consumers] = itemsOf(reply)
      return Result.all({
        count: Replies.integer(count),
        firstId: Replies.optionalText(firstId),
        lastId: Replies.optionalText(lastId),
        consumers: Result.map(orEmpty(Answers.pair(Answers.text, Answers.float))(consumers), Object.fromEntries<number>)
      })
    }
  })

/**
 * XPENDING with a range: answers the entries that are pending in a group, from one ID to another,
 * `-` and `+` for the first and the last.
 *
 * @category streams
 * @since 0.1.0
 */
export const xpendingRange = (
  key: string,
  group: string,
  start: string,
  end: string,
  count: number,
  options: {
    /** Answers those of one consumer. Default: of all. */
    readonly consumer?: string | undefined
    /** Answers those that have been idle for this long. Default: all. */
    readonly minIdle?: Duration.Input | undefined
  } = {}
): RedisCommand.RedisCommand<ReadonlyArray<PendingEntry>> => {
  const { consumer, minIdle } = options
  const idle = minIdle === undefined ? [] : ["IDLE", idleMillis(minIdle)]
  const words = [key, group, ...idle, start, end, count, ...(consumer === undefined ? [] : [consumer])]
  return RedisCommand.make("XPENDING", words, { decode: Answers.listOf(pendingEntry) })
}

const pendingEntry: RedisCommand.Decoder<PendingEntry> = (reply) => {
  const [id, consumer, idle, deliveries] = itemsOf(reply)
  return Result.all({
    id: Answers.text(id),
    consumer: Answers.text(consumer),
    idle: millis(idle),
    deliveries: Replies.integer(deliveries)
  })
}

/**
 * XRANGE: answers the entries of a stream from one ID to another, both included.
 *
 * **Details**
 *
 * `-` is the first and `+` the last; `(` before an ID leaves that one out.
 *
 * @category streams
 * @since 0.1.0
 */
export const xrange = (
  key: string,
  start: string,
  end: string,
  options: CountOption = {}
): RedisCommand.RedisCommand<ReadonlyArray<Entry>> =>
  RedisCommand.make("XRANGE", [key, start, end, ...countWords(options.count)], { decode: orEmpty(entry) })

/**
 * Sets how much of a stream is answered.
 *
 * @category models
 * @since 0.1.0
 */
export interface CountOption {
  /** Sets how many entries there are at most. Default: all. */
  readonly count?: number | undefined
}

/**
 * Sets how much of streams is answered, and how long a reader waits for it.
 *
 * @category models
 * @since 0.1.0
 */
export interface ReadOptions extends CountOption {
  /**
   * Sets how long it waits on the server where there is nothing: then it runs on a connection of
   * `RedisReservation.reserve` alone. There a time that is infinite, or 0, which is the same to
   * Redis, is refused with the code `ARGUMENT`. Default: it does not wait.
   */
  readonly block?: Duration.Input | undefined
}

/**
 * XREAD: answers the entries of several streams that come after an ID of each: `0` for all, `$` for
 * none that is there already.
 *
 * **Details**
 *
 * Every key is in the answer, with an empty list where there is nothing new. `count` is that of
 * each stream; 0 is all. With `block` it waits for the first stream that has something new, and
 * answers an empty list for each where the time is over.
 *
 * @category streams
 * @since 0.1.0
 */
export const xread = <Key extends string>(
  streams: Readonly<Record<Key, string>>,
  options: ReadOptions = {}
): RedisCommand.RedisCommand<{ readonly [key in Key]: ReadonlyArray<Entry> }> =>
  RedisCommand.make("XREAD", [...readOptionWords(options), ...streamWords(streams)], {
    decode: perStream(streams, entry)
  })

const readOptionWords = ({ block, count }: ReadOptions): ReadonlyArray<string | number> => [
  ...countWords(count),
  ...(block === undefined ? [] : ["BLOCK", blockMillis(block)])
]

/**
 * XREADGROUP: delivers entries of several streams to a consumer of a group, and answers them.
 *
 * **Details**
 *
 * `>` delivers what nobody of the group has got yet. An ID delivers once more what is pending for
 * this consumer after that ID: `0` for all. Every key is in the answer, with an empty list where
 * there is nothing. It fails with the code `NOGROUP` where a stream has no such group. With `block`
 * it waits for what is new to the group, but not for what is pending.
 *
 * **Gotchas**
 *
 * It is effectful: once it may have left, it is not sent again. What was delivered although the
 * answer was lost is pending, and `0` finds it.
 *
 * @category streams
 * @since 0.1.0
 */
export const xreadgroup = <Key extends string>(
  group: string,
  consumer: string,
  streams: Readonly<Record<Key, string>>,
  options: ReadOptions & {
    /** Does not note what is delivered as pending. Default: false. */
    readonly noAck?: boolean | undefined
  } = {}
): RedisCommand.RedisCommand<{ readonly [key in Key]: ReadonlyArray<DeliveredEntry> }> => {
  const words = [...readOptionWords(options), ...(options.noAck === true ? ["NOACK"] : []), ...streamWords(streams)]
  return RedisCommand.make("XREADGROUP", ["GROUP", group, consumer, ...words], {
    decode: perStream(streams, deliveredEntry)
  })
}

const streamWords = (streams: Readonly<Record<string, string>>): ReadonlyArray<string> => [
  "STREAMS",
  ...Object.keys(streams),
  ...Object.values(streams)
]

/**
 * XREVRANGE: answers the entries of a stream from one ID back to a smaller one, newest first.
 *
 * @category streams
 * @since 0.1.0
 */
export const xrevrange = (
  key: string,
  end: string,
  start: string,
  options: CountOption = {}
): RedisCommand.RedisCommand<ReadonlyArray<Entry>> =>
  RedisCommand.make("XREVRANGE", [key, end, start, ...countWords(options.count)], { decode: orEmpty(entry) })

/**
 * XTRIM: removes the oldest entries of a stream, and answers how many.
 *
 * @category streams
 * @since 0.1.0
 */
export const xtrim = (key: string, trim: Trim): RedisCommand.RedisCommand<number> =>
  RedisCommand.make("XTRIM", [key, ...trimWords(trim)], { decode: Replies.integer })

const entry: RedisCommand.Decoder<Entry> = (reply) =>
  Result.map(Answers.pair(Answers.text, Answers.record)(reply), ([id, fields]) => ({ id, fields }))

const deliveredEntry: RedisCommand.Decoder<DeliveredEntry> = (reply) =>
  Result.map(Answers.pair(Answers.text, Answers.optional(Answers.record))(reply), ([id, fields]) => ({ id, fields }))

// Nil is an empty list: COUNT 0, and what has nothing to tell.
const orEmpty =
  <A>(decode: RedisCommand.Decoder<A>): RedisCommand.Decoder<ReadonlyArray<A>> =>
  (reply) =>
    reply === null ? Result.succeed([]) : Answers.listOf(decode)(reply)

// A Redis before 7.0 has nil in the place of what was deleted.
const claimed =
  <A>(decode: RedisCommand.Decoder<A>): RedisCommand.Decoder<ReadonlyArray<A>> =>
  (reply) =>
    Answers.listOf(decode)(Array.isArray(reply) ? reply.filter((item) => item !== null) : reply)

const perStream =
  <Key extends string, A>(
    streams: Readonly<Record<Key, string>>,
    decode: RedisCommand.Decoder<A>
  ): RedisCommand.Decoder<{ readonly [key in Key]: ReadonlyArray<A> }> =>
  (reply) =>
    Result.map(orEmpty(Answers.pair(Answers.text, Answers.listOf(decode)))(reply), (found) => {
      const all: ReadonlyArray<readonly [string, ReadonlyArray<A>]> = Object.keys(streams).map((key) => [key, []])
      // Every key of the type is among those that were asked for.
      return Object.fromEntries([...all, ...found]) as { readonly [key in Key]: ReadonlyArray<A> }
    })

// Names and what belongs to them, in turns; nil for a name that is not there.
const named =
  <A>(decode: (of: (name: string) => RedisCommand.Reply) => Result.Result<A, string>): RedisCommand.Decoder<A> =>
  (reply) =>
    Result.flatMap(Answers.pairsOf(Replies.asItCame)(reply), (pairs) => {
      const replies = new Map(pairs)
      return decode((name) => replies.get(name) ?? null)
    })

// Four items, or nil for those that are not there.
const itemsOf = (
  reply: RedisCommand.Reply
): readonly [RedisCommand.Reply, RedisCommand.Reply, RedisCommand.Reply, RedisCommand.Reply] =>
  Array.isArray(reply)
    ? [reply[0] ?? null, reply[1] ?? null, reply[2] ?? null, reply[3] ?? null]
    : [null, null, null, null]

const millis: RedisCommand.Decoder<Duration.Duration> = (reply) => Result.map(Replies.integer(reply), Duration.millis)
