/**
 * A typed cache that keeps answering: programs ask for a region of it, and its methods cannot fail
 * because of Redis. The types say so.
 *
 * **Details**
 *
 * A region has a name, a version, a schema for its keys and one for its values. Where it keeps them
 * is a matter of the layer (`HybridCache`, `MemoryCache.layerCache`), and the program does not
 * change with it.
 *
 * **Example** (One lookup per key at a time, its answer kept for five minutes)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Cache, HybridCache } from "effect-ioredis-cache"
 *
 * const findUser = (id: number) => Effect.succeed({ id, name: "Ada" })
 *
 * const program = Effect.gen(function*() {
 *   const users = yield* Cache.region({
 *     name: "users",
 *     version: 1,
 *     key: Schema.Int,
 *     value: Schema.Struct({ id: Schema.Int, name: Schema.String }),
 *     timeToLive: "5 minutes"
 *   })
 *   return yield* users.getOrSet(42, findUser(42))
 * })
 *
 * program.pipe(Effect.provide(HybridCache.layerFromEnv()))
 * ```
 *
 * @since 0.1.0
 */
import { Context, Data, type Duration, Effect, type Option, Schema } from "effect"
import type { RedisClient, RuntimeSettings } from "effect-ioredis"
import type { RefreshPolicy } from "./RefreshPolicy.ts"

import type { Compression } from "./Compression.ts"
import type * as CacheCodec from "./internal/CacheCodec.ts"

/**
 * Tells what became of a write.
 *
 * **Details**
 *
 * - `"Applied"`: Redis confirmed it (for memory alone: memory has it).
 * - `"Deferred"`: Redis did not confirm it; this process has it.
 * - `"Rejected"`: it cannot be stored. It was logged and counted, and the key was removed, so that
 *   no older value is served.
 *
 * @category models
 * @since 0.1.0
 */
export type WriteOutcome = "Applied" | "Deferred" | "Rejected"

/**
 * Tells what became of a removal.
 *
 * **Details**
 *
 * `"Absent"`: it is applied, Redis said that there was nothing to remove, and this process had
 * nothing either. The others say what they say of every write.
 *
 * **Gotchas**
 *
 * `"Applied"` does not say that there was something. What was there is not known where the command
 * had to be sent again, where a write of this process for the key was not confirmed, and in a
 * region that leaves marks (`removedFor`) without `replay: "latest"`. A value that has expired and
 * is kept for `staleFor` was there.
 *
 * @category models
 * @since 0.1.0
 */
export type RemoveOutcome = WriteOutcome | "Absent"

/**
 * Chooses what becomes in Redis of a value that was set while Redis was away.
 *
 * **Details**
 *
 * - `"ifUnchanged"`: it is written for the rest of its life if the key still holds what this
 *   process last knew there. Otherwise the key is unlinked, and so it is where this process knew
 *   nothing of it.
 * - `"latest"`: of two values the one written later stays. It is for values that are their own
 *   truth, such as sessions. A removal leaves a mark for `removedFor`.
 * - `"invalidate"`: the key is unlinked.
 * - `"overwrite"`: it is written, whatever is there. It is for regions that one process alone
 *   writes.
 *
 * **Gotchas**
 *
 * - `"latest"` cannot tell two processes apart that write within their clocks' error, and a mark
 *   that has expired no longer holds off an older value.
 * - `"overwrite"` with a second writer breaks the promise for that one: it may read this process's
 *   older value after its own `"Applied"` write.
 *
 * @category models
 * @since 0.1.0
 */
export type Replay = "ifUnchanged" | "latest" | "invalidate" | "overwrite"

/**
 * A form in which values are stored, other than JSON.
 *
 * @category models
 * @since 0.1.0
 */
export interface Codec {
  /** Tells it from other forms. */
  readonly _tag: "Binary"
  /** Makes the codec of a region, for the cache alone. */
  readonly [CacheCodec.TypeId]: CacheCodec.Make
}

/**
 * Defines a region.
 *
 * **Details**
 *
 * Values are stored as JSON, in the form given by `Schema.toCodecJson`, where no `codec` says
 * otherwise. Dates, bigints, bytes,
 * options, classes, brands, collections and recursive types come back as they were, and so do
 * `undefined`, `null`, `0`, `""` and `false`. Lists and objects nest up to 500 deep.
 *
 * **Gotchas**
 *
 * - JSON has no negative zero: `-0` comes back as `0`.
 * - A union whose members have the same JSON form comes back as one of them: `null` and `undefined`
 *   (`Schema.NullishOr`, `Schema.optional(Schema.NullOr(…))`), a bigint or a date and a string that
 *   reads the same, `NaN` and `"NaN"`. Use a tagged union.
 * - `Schema.Any` is not checked: a date in it comes back as a string. Use a precise schema, or
 *   `Schema.Json`.
 * - A `Schema.Redacted` value is written in the clear, and an `Error` loses its stack.
 * - Fields that the schema does not declare are dropped.
 * - A schema that works asynchronously is no use here: nothing fits it.
 *
 * @category models
 * @since 0.1.0
 */
export interface RegionOptions<in out Key, in out Value, out Hard extends Duration.Input | undefined = undefined> {
  /** Names the region. It is part of every key, and a label of its metrics. */
  readonly name: string
  /**
   * Tells shapes of the values apart. Raise it when the shape changes: a new version never reads
   * the old one's values.
   */
  readonly version: number
  /** Describes the keys. A key that does not fit is a miss and a `"Rejected"` write. */
  readonly key: Schema.Codec<Key, unknown>
  /** Describes the values. A stored value that does not fit is a miss. */
  readonly value: Schema.Codec<Value, unknown>
  /**
   * Sets how long values live, `Duration.infinity` for ever. Default: the cache's own, which is 300
   * seconds. A life that ends is at most 2.17 years.
   */
  readonly timeToLive?: Duration.Input | ((key: Key, value: Value) => Duration.Input) | undefined
  /**
   * Shortens each life by up to this share at random, from 0 to 1, so that what was stored together
   * does not expire together. Default: 0.
   */
  readonly jitter?: number | undefined
  /**
   * Sets for how long after its end a value may be the answer of a `getOrSet` whose lookup fails or
   * takes too long. Redis keeps it for as long, and so any process can serve it. It is counted as
   * stale, and to a `get` it is a miss. Default: 0.
   */
  readonly staleFor?: Duration.Input | undefined
  /**
   * Sets when a value is looked up anew although there is one, such as
   * `RefreshPolicy.ahead()`. The caller is given at once what there is, expired by less than
   * `staleFor` included. Default: a value is looked up when it has expired, and its caller waits.
   */
  readonly refresh?: RefreshPolicy | undefined
  /** Sets how long a lookup may take. Default: as long as it takes. */
  readonly lookupTimeout?: LookupTimeout<Hard> | undefined
  /**
   * Sets for how long a lookup that failed is not tried again. Meanwhile a `getOrSet` of the key
   * gives the expired value, or fails likewise at once. A `set` or `remove` of the key ends that.
   * The last 10,000 failures of the region are remembered. Default: 0. Where the lookup was to
   * refresh a value, 0 is 1 second.
   */
  readonly retryAfterFailure?: Duration.Input | undefined
  /** Bounds the encoded size of a value, in bytes. Default: 8 MiB. */
  readonly maxBytes?: number | undefined
  /**
   * Chooses the form in which values are stored: `binary` of `effect-ioredis-cache/BinaryCodec`.
   * Default: JSON.
   */
  readonly codec?: Codec | undefined
  /** Says which values are compressed in Redis. Default: none. */
  readonly compression?: Compression | undefined
  /**
   * Chooses what becomes in Redis of a value that was set while Redis was away. Default:
   * `"ifUnchanged"`.
   */
  readonly replay?: Replay | undefined
  /**
   * Sets for how long a removal leaves a mark in Redis, so that no older value takes its place.
   * Default: 10 minutes with `replay: "latest"`, else none is left.
   */
  readonly removedFor?: Duration.Input | undefined
  /**
   * Gives every value a tag of the region, so that `clear` takes as long with a million values as
   * with ten: one write makes all of them misses, and they are unlinked in the background. Each
   * read asks for one key more. Default: false.
   */
  readonly tags?: boolean | undefined
  /**
   * Lets one process at a time look a key up, and not only one caller of each process. The others
   * wait for its value, for `patience` altogether and a second in a strict cache, and look up for
   * themselves then. A value whose lookup began before another process's `remove` is not stored
   * after it. A cache on memory alone ignores it. Default: false. See `docs/configuration.md`.
   */
  readonly lease?: boolean | undefined
  /**
   * Lets memory answer while Redis answers too, for as long as Redis tells of every write of other
   * processes. Default: each read asks Redis. See `docs/near_cache.md`.
   */
  readonly near?: NearOptions | undefined
}

/**
 * Sets how old what memory answers may be.
 *
 * **Details**
 *
 * A read never returns a value that another process's write has replaced, if Redis acknowledged
 * that write `maxStaleness` or longer before the read began. When that cannot be known, Redis is
 * asked.
 *
 * **Gotchas**
 *
 * - It is for values that are read often and written rarely: every write of the region is told to
 *   every process that holds it near.
 * - `MemoryCache` holds 1,000 entries by default, which is too few for most near regions.
 * - SWAPDB is told to nobody, and is not supported.
 * - A `RedisCache` and a cache on memory alone ignore it.
 *
 * @category models
 * @since 0.1.0
 */
export interface NearOptions {
  /** Bounds how old a value may be, from 100 milliseconds up; 1 to 5 seconds are usual. */
  readonly maxStaleness: Duration.Input
}

/**
 * Sets how long a lookup may take.
 *
 * @category models
 * @since 0.1.0
 */
export interface LookupTimeout<out Hard extends Duration.Input | undefined = Duration.Input | undefined> {
  /**
   * Sets how long a caller waits for a lookup where there is an expired value, which it is given
   * then. The lookup goes on, and its value is stored. It has no effect without `staleFor`.
   */
  readonly soft?: Duration.Input | undefined
  /**
   * Sets when a lookup is interrupted. It has failed then, with a {@link LookupTimeoutError}, and
   * whoever waits is given the expired value or that error.
   */
  readonly hard?: Hard | undefined
}

/**
 * The error that lookups of a region have besides their own: none where there is no `hard` timeout.
 *
 * @category utility types
 * @since 0.1.0
 */
export type LookupErrorOf<Hard extends Duration.Input | undefined> = [Hard] extends [undefined]
  ? never
  : LookupTimeoutError

/**
 * Sets how one value is written.
 *
 * @category models
 * @since 0.1.0
 */
export interface WriteOptions {
  /** Sets how long the value lives, in the place of the region's `timeToLive`. */
  readonly timeToLive?: Duration.Input | undefined
  /**
   * Names the groups that the value belongs to, at most 20 of them: it is a miss after an
   * {@link invalidateTag} of any. A tag is of the whole cache, over all regions. Default: none.
   *
   * A tag that no write used for 30 days is forgotten, and its values are misses then. `touch`
   * takes no tags: the value keeps those that it has.
   */
  readonly tags?: ReadonlyArray<string> | undefined
}

/**
 * The values of one region.
 *
 * **Details**
 *
 * Where a tracer is installed, each call is a span, `cache.get` and so on, with the name of its
 * region. The gets of one tick share one command.
 *
 * A key or value that does not fit its schema is a miss and a `"Rejected"` write. `undefined`,
 * `null`, `0`, `""` and `false` are values.
 *
 * **Gotchas**
 *
 * Values are shared, not copied: several reads of one write may be given the same object, so treat
 * values as read-only, as their types say.
 *
 * The value of a lookup may be stored after a `remove` of another process that ran meanwhile,
 * unless the region has `lease` or `removedFor`.
 *
 * A lookup is shared: it runs in a fiber of its own, in the context of the caller that came first.
 * Give it a scope of its own (`Effect.scoped`) rather than that caller's. A lookup that asks for
 * its own key is a defect, a {@link LookupCycleError}. Where a fiber that it forked asks, which it
 * may wait for or leave behind, that is told after 30 seconds. After a `remove` or `set`, the next
 * caller starts a new lookup beside the one that runs for those who came before. Lookups end with
 * the cache's layer, and then interrupt whoever still waits.
 *
 * @category models
 * @since 0.1.0
 */
export interface Region<in Key, in out Value, out E = never, out LookupError = never> {
  /** Reads a key. */
  readonly get: (key: Key) => Effect.Effect<Option.Option<Value>, E>
  /** Reads several keys in one round trip, and answers in the order asked. */
  readonly getMany: (keys: ReadonlyArray<Key>) => Effect.Effect<ReadonlyArray<Option.Option<Value>>, E>
  /** Tells whether a `get` would find a value. It reads the value. */
  readonly has: (key: Key) => Effect.Effect<boolean, E>
  /**
   * Tells for how long a `get` would go on finding the value, `Duration.infinity` for ever. It
   * reads the value.
   */
  readonly timeToLive: (key: Key) => Effect.Effect<Option.Option<Duration.Duration>, E>
  /** Stores a value. */
  readonly set: (key: Key, value: Value, options?: WriteOptions) => Effect.Effect<WriteOutcome, E>
  /** Stores several values, and answers in their order. */
  readonly setMany: (
    entries: ReadonlyArray<readonly [key: Key, value: Value]>,
    options?: WriteOptions
  ) => Effect.Effect<ReadonlyArray<WriteOutcome>, E>
  /** Removes a key, and says where it knows that there was nothing. That is no failure. */
  readonly remove: (key: Key) => Effect.Effect<RemoveOutcome, E>
  /** Removes several keys, and answers in their order, as `remove` does for each. */
  readonly removeMany: (keys: ReadonlyArray<Key>) => Effect.Effect<ReadonlyArray<RemoveOutcome>, E>
  /**
   * Lets what is there live for the `timeToLive` from now on, and never shortens it. An absent key
   * is no failure (`"Applied"`: read it to know), and a value that has expired is absent, also
   * while it is kept for `staleFor`. A region whose `timeToLive` is a function wants one here.
   *
   * A `touch` only extends: what ends in Redis during an outage has ended, although this process
   * served it meanwhile. Where an outage may last longer than the life that is left, use `set` to
   * renew a session.
   */
  readonly touch: (key: Key, options?: WriteOptions) => Effect.Effect<WriteOutcome, E>
  /**
   * Removes every value of the region, on every master, by SCAN and UNLINK. Where the region has
   * `tags`, one write makes all of them misses first.
   */
  readonly clear: Effect.Effect<WriteOutcome, E>
  /**
   * Reads a key, and where there is nothing runs the lookup and stores its value.
   *
   * One lookup for each key runs at a time in this process, or with `lease` in all. Its failure
   * reaches everyone who waits and is not kept (but for `retryAfterFailure`), it ends early only
   * when everyone who waits has left, and the answer does not wait for the write. Where there is an
   * expired value that may still be served, a failure is answered with that.
   */
  readonly getOrSet: <E2, R>(
    key: Key,
    lookup: Effect.Effect<Value, E2, R>,
    options?: WriteOptions
  ) => Effect.Effect<Value, E | E2 | LookupError, R>
  /**
   * Reads several keys, runs one lookup for all that is missing, and answers in the order asked.
   *
   * The lookup is given the missing keys and answers with pairs of key and value, such as a `Map`,
   * in any order. A key that it leaves out has no value: its answer is none, and nothing is stored.
   * Keys that are being looked up are waited for and not looked up again, and a `getOrSet` of a
   * missing key waits for this lookup. Its failure is that of the whole call, unless expired values
   * may be served for all of its keys. A key that does not fit its schema is not looked up.
   */
  readonly getOrSetMany: <K extends Key, E2, R>(
    keys: ReadonlyArray<K>,
    lookup: (missing: readonly [K, ...Array<K>]) => Effect.Effect<Iterable<readonly [key: Key, value: Value]>, E2, R>,
    options?: WriteOptions
  ) => Effect.Effect<ReadonlyArray<Option.Option<Value>>, E | E2 | LookupError, R>
  /**
   * Looks a key up whatever there is, stores the value and answers with it.
   *
   * Calls that overlap share one lookup, and whoever finds nothing meanwhile joins it. A lookup
   * that `getOrSet` has begun before goes on for its callers, and its value is not stored. The new
   * value takes the place of what is in Redis when the lookup begins. It is no `set`: it gives way
   * to one that comes meanwhile, and after an outage nothing of it is told to Redis. A failure is
   * given to the caller, and leaves what there is.
   */
  readonly refresh: <E2, R>(
    key: Key,
    lookup: Effect.Effect<Value, E2, R>,
    options?: WriteOptions
  ) => Effect.Effect<Value, E | E2 | LookupError, R>
}

/**
 * Tells how full a memory is.
 *
 * @category models
 * @since 0.1.0
 */
export interface MemoryStats {
  /** Counts the entries. */
  readonly entries: number
  /** The most entries that it holds. */
  readonly limit: number
  /** The encoded length of all values together. */
  readonly bytes: number
  /** The most bytes that it holds, where they are bounded. */
  readonly maxBytes?: number
  /** Counts the entries that made room for others before their time. */
  readonly evictions: number
}

/**
 * Tells how full a journal is, and what became of what was in it.
 *
 * @category models
 * @since 0.1.0
 */
export interface JournalStats {
  /** Counts the keys with a write that Redis has not confirmed, also those being sent. */
  readonly entries: number
  /** Counts those that wait to be replayed, which `limit` bounds. */
  readonly deferred: number
  /** The most deferred keys. */
  readonly limit: number
  /** The encoded length of the deferred values. */
  readonly bytes: number
  /** The most bytes of deferred values. */
  readonly maxBytes: number
  /** Counts the times at which it was full. */
  readonly overflows: number
  /** Counts writes that Redis will not be told of: it was full, or the user may not write. */
  readonly lost: number
  /**
   * Counts what came of replays: `failed` ones are tried again, and something newer has taken the
   * place of what is `superseded`.
   */
  readonly replays: Readonly<Record<"confirmed" | "refused" | "failed" | "superseded", number>>
}

/**
 * Tells how near regions hear of writes.
 *
 * @category models
 * @since 0.1.0
 */
export interface NearStats {
  /** Counts the servers that near regions want to hear of. */
  readonly wanted: number
  /** Counts those that tell of writes now. */
  readonly heard: number
  /** Names the permissions that a server said are missing, as an ACL spells them. */
  readonly missing?: string
}

/**
 * The settings of one region, as far as they are not those of all. Times are as `Duration.format`
 * writes them.
 *
 * @category models
 * @since 0.1.0
 */
export interface RegionStats {
  /** Says how far it uses Redis. */
  readonly mode?: RuntimeSettings.Mode
  /** The longest that its reads wait for Redis. */
  readonly patience?: string
  /** The longest that its writes wait for Redis. */
  readonly writePatience?: string
  /** Says how long its values live, in the place of what its definition says. */
  readonly timeToLive?: string
}

/**
 * Tells how a cache fares, over all of its regions, without asking Redis, in values that are good
 * as JSON.
 *
 * **Details**
 *
 * What is counted is counted since the cache was made: two looks at it give a rate.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stats {
  /** Names the cache: as its client, or `memory`. */
  readonly name: string
  /** Says since when it counts, as ISO 8601 writes it. */
  readonly since: string
  /**
   * Counts the reads that were answered with a value, by who answered: Redis, memory alone, memory
   * of a near region, the journal, or memory because Redis did not answer (`fallback`).
   */
  readonly hits: Readonly<Record<"redis" | "memory" | "near" | "journal" | "fallback", number>>
  /** Counts the reads that Redis answered with a value. */
  readonly redisHits: number
  /** Counts the reads that memory or the journal answered with a value. */
  readonly memoryHits: number
  /** Counts the reads that found nothing. */
  readonly misses: number
  /** Counts the reads that memory had to answer, or to miss, because Redis did not answer. */
  readonly fallbacks: number
  /** Counts the stored values that could not be read. */
  readonly corrupt: number
  /** Counts the expired values that were served. The read has counted as a miss before. */
  readonly stale: number
  /** Counts the lookups that ran. */
  readonly lookups: number
  /** Counts those among them that failed. */
  readonly failedLookups: number
  /** Counts the lookups that run now. */
  readonly lookupsInFlight: number
  /** Counts the callers that waited for the lookup of another. */
  readonly sharedLookups: number
  /** Counts the keys that were written or removed, by what came of it. */
  readonly writes: { readonly applied: number; readonly deferred: number; readonly rejected: number }
  /** Tells how full its memory is, where it has one. Other caches may have a part in it. */
  readonly memory?: MemoryStats
  /** Tells how full its journal is, where it has one. Other caches may have a part in it. */
  readonly journal?: JournalStats
  /** Tells how its near regions hear of writes, where it may have some. */
  readonly near?: NearStats
  /** Tells how its client fares, where it has one: circuits and connections. */
  readonly redis?: RedisClient.Stats
  /** The settings that are in effect. Times are as `Duration.format` writes them. */
  readonly settings: {
    /** Says what every key begins with. */
    readonly prefix: string
    /** Says how long values live in regions that name no life. */
    readonly timeToLive: string
    /** The longest that a call waits for Redis, where it is bounded. */
    readonly patience?: string
    /** The longest that a write waits for Redis, where that is not the patience of reads. */
    readonly writePatience?: string
    /** Says how far it uses Redis, where that is not as usual. */
    readonly mode?: RuntimeSettings.Mode
    /** Tells of regions of which settings say something else than of all. */
    readonly regions?: { readonly [region: string]: RegionStats }
  }
}

/**
 * Gives out regions. A region asked for twice by the same name and version is the same region.
 *
 * **Details**
 *
 * The caches of one client and prefix share what they promise: after a `set`, `remove` or `clear`
 * that one of them has acknowledged, none of them gives back what was there before. So they define
 * a region alike, and one that defines it otherwise is refused.
 *
 * **Gotchas**
 *
 * A strict `RedisCache` beside them counts as another process. They see what it writes while Redis
 * answers. In an outage they may still give back what was there before.
 *
 * @category models
 * @since 0.1.0
 */
export interface Cache {
  /** Gives the region of a definition. */
  readonly region: <Key, Value, Hard extends Duration.Input | undefined = undefined>(
    options: RegionOptions<Key, Value, Hard>
  ) => Effect.Effect<Region<Key, Value, never, LookupErrorOf<Hard>>>
  /** Makes every value a miss that was written with the tag, in whichever region. */
  readonly invalidateTag: (tag: string) => Effect.Effect<WriteOutcome>
  /** Tells how the cache fares. */
  readonly stats: Effect.Effect<Stats>
}

/**
 * Service tag for the cache.
 *
 * @category services
 * @since 0.1.0
 */
export const Cache: Context.Service<Cache, Cache> = Context.Service<Cache>("effect-ioredis-cache/Cache")

/**
 * The region of the `Cache` in the context.
 *
 * **Gotchas**
 *
 * A name or version that cannot be part of a key, and a definition that differs from an earlier one
 * of the same name and version, are mistakes in the program: they are a defect, a
 * {@link RegionDefinitionError}, that says what to do. What functions in a definition do (filters,
 * transformations, a `timeToLive` of key and value) cannot be compared. Define a region once, not
 * per call: comparing costs more than a read.
 *
 * **Example** (What its methods answer)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Cache, MemoryCache } from "effect-ioredis-cache"
 *
 * const program = Effect.gen(function* () {
 *   const jobs = yield* Cache.region({
 *     name: "jobs",
 *     version: 1,
 *     key: Schema.Int,
 *     value: Schema.String
 *   })
 *
 *   yield* jobs.get(1) // => Option.none()
 *   yield* jobs.getOrSet(1, Effect.succeed("Engineer")) // => "Engineer"
 *   yield* jobs.getOrSet(1, Effect.succeed("never looked up")) // => "Engineer"
 *
 *   yield* jobs.set(2, "Pilot", { timeToLive: "1 minute" }) // => "Applied"
 *   yield* jobs.getMany([2, 3]) // => [Option.some("Pilot"), Option.none()]
 *   yield* jobs.remove(1) // => "Applied"
 *   yield* jobs.remove(1) // => "Absent"
 *   yield* jobs.has(1) // => false
 * })
 *
 * Effect.runPromise(Effect.provide(program, MemoryCache.layerCache))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const region = <Key, Value, Hard extends Duration.Input | undefined = undefined>(
  options: RegionOptions<Key, Value, Hard>
): Effect.Effect<Region<Key, Value, never, LookupErrorOf<Hard>>, never, Cache> =>
  Effect.flatMap(Cache, (cache) => cache.region(options))

/**
 * A lookup that took longer than the `hard` timeout of its region, and was interrupted.
 *
 * @category errors
 * @since 0.1.0
 */
export class LookupTimeoutError extends Schema.TaggedError<LookupTimeoutError>()("LookupTimeoutError", {
  /** Names the region of the lookup. */
  region: Schema.String,
  /** Says how long it was allowed to take. */
  duration: Schema.Duration,
  /** Says in one line what happened. */
  message: Schema.String
}) {}

/**
 * Makes every value a miss that was written with the tag, in whichever region of the `Cache` in the
 * context.
 *
 * **Details**
 *
 * A tag stands in Redis as a random token, and a value carries the tokens of its tags. Invalidating
 * a tag is one write of another token, with all that is promised of writes: `"Applied"` says that
 * Redis has it and no process reads those values any more, `"Deferred"` that this process reads
 * none of them, and that Redis is told as soon as it is back.
 *
 * **Gotchas**
 *
 * A read of a value with tags needs their tokens as well. They are asked for side by side with the
 * value where this process has read it before, and after it otherwise.
 *
 * **Example** (All that is known of a user)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Cache, MemoryCache } from "effect-ioredis-cache"
 *
 * const program = Effect.gen(function* () {
 *   const jobs = yield* Cache.region({
 *     name: "jobs",
 *     version: 1,
 *     key: Schema.Int,
 *     value: Schema.String
 *   })
 *
 *   yield* jobs.set(1, "Engineer", { tags: ["user:42"] }) // => "Applied"
 *   yield* jobs.set(2, "Pilot", { tags: ["user:43"] }) // => "Applied"
 *   yield* Cache.invalidateTag("user:42") // => "Applied"
 *   yield* jobs.getMany([1, 2]) // => [Option.none(), Option.some("Pilot")]
 * })
 *
 * Effect.runPromise(Effect.provide(program, MemoryCache.layerCache))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const invalidateTag = (tag: string): Effect.Effect<WriteOutcome, never, Cache> =>
  Effect.flatMap(Cache, (cache) => cache.invalidateTag(tag))

/**
 * A lookup that waits for itself: it would wait for ever. It is always a defect: the program has to
 * be changed.
 *
 * @category errors
 * @since 0.1.0
 */
export class LookupCycleError extends Data.TaggedError("LookupCycleError")<{
  /** Names the region of the lookup. */
  readonly region: string
  /** Says what waits for what. */
  readonly message: string
}> {}

/**
 * A region that was defined in a way that cannot work. It is always a defect: the program has to be
 * changed.
 *
 * @category errors
 * @since 0.1.0
 */
export class RegionDefinitionError extends Data.TaggedError("RegionDefinitionError")<{
  /** Names the region. */
  readonly region: string
  /** Says what is wrong, and what to do. */
  readonly message: string
}> {}
