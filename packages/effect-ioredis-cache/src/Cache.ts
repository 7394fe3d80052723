/**
 * A typed cache that keeps answering: programs ask for a region of it, and its methods cannot fail because of Redis. The types say so.
 *
 * **Details**
 *
 * A region has a name, a version, a schema for its keys and one for its values. Where it keeps them is a matter of the layer
 * (`HybridCache`, `MemoryCache.layerCache`), and the program does not change with it.
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
 * program.pipe(Effect.provide(HybridCache.layerConfig))
 * ```
 *
 * @since 0.1.0
 */
import { Context, Data, type Duration, Effect, type Option, type Schema } from "effect"
import type { Replay, WriteOutcome } from "./CacheTier.ts"

export type { Replay, WriteOutcome } from "./CacheTier.ts"

/**
 * What a region is.
 *
 * **Details**
 *
 * `timeToLive` is a duration or a function of key and value; default: the cache's own (300 seconds). `jitter` shortens each by up to that
 * share at random (0 to 1, default 0), so that what was stored together does not expire together. Within `staleFor` after it expired (default
 * 0), a value that this process still holds in memory is what `getOrSet` answers with when the lookup fails; it is counted as stale. `maxBytes` is the largest encoded value
 * (default 8 MiB). Raise `version` when the shape of the values changes: a new version never reads the old one's values.
 *
 * @category models
 * @since 0.1.0
 */
export interface RegionOptions<in out Key, in out Value> {
  readonly name: string
  readonly version: number
  readonly key: Schema.Codec<Key, unknown>
  readonly value: Schema.Codec<Value, unknown>
  readonly timeToLive?: Duration.Input | ((key: Key, value: Value) => Duration.Input) | undefined
  readonly jitter?: number | undefined
  readonly staleFor?: Duration.Input | undefined
  readonly maxBytes?: number | undefined
  /** What becomes in Redis of a value that was set while Redis was away. Default: `"ifUnchanged"`. */
  readonly replay?: Replay | undefined
  /**
   * For how long a removal leaves a mark in Redis, so that no older value takes its place. Default: 10 minutes with
   * `replay: "latest"`, else none is left.
   */
  readonly removedFor?: Duration.Input | undefined
}

/**
 * What one write may say for itself: how long the value lives, in place of the region's `timeToLive`.
 *
 * @category models
 * @since 0.1.0
 */
export interface WriteOptions {
  readonly timeToLive?: Duration.Input | undefined
}

/**
 * The values of one region.
 *
 * **Details**
 *
 * `getMany` takes one round trip and answers in the order asked. `getOrSet` runs one lookup per key at a time in this process: its failure
 * reaches every waiter and is not kept, it ends early only when every waiter has left, and its answer does not wait for the write. `clear`
 * empties the region on every master, by SCAN and UNLINK.
 *
 * Where a tracer is installed, each call is a span, `cache.get` and so on, with the name of its region. The gets of one tick share one command.
 *
 * A key or value that does not fit its schema is a miss and a `"Rejected"` write. `undefined`, `null`, `0`, `""` and `false` are values.
 *
 * **Gotchas**
 *
 * Values from memory are shared, not copied: treat them as read-only, as their types say.
 *
 * A lookup is shared: it runs in a fiber of its own, in the context of the caller that came first. Give it a scope of its own
 * (`Effect.scoped`) rather than that caller's. A lookup that asks for its own key is a defect, a {@link LookupCycleError}.
 * Where a fiber that it forked asks, which it may wait for or leave behind, that is told after 30 seconds. After a `remove`
 * or `set`, the next caller starts a new lookup beside the one that runs for those who came before. Lookups end with the cache's layer, and
 * then interrupt whoever still waits.
 *
 * @category models
 * @since 0.1.0
 */
export interface Region<in Key, in out Value, out E = never> {
  readonly get: (key: Key) => Effect.Effect<Option.Option<Value>, E>
  readonly getMany: (keys: ReadonlyArray<Key>) => Effect.Effect<ReadonlyArray<Option.Option<Value>>, E>
  readonly has: (key: Key) => Effect.Effect<boolean, E>
  readonly set: (key: Key, value: Value, options?: WriteOptions) => Effect.Effect<WriteOutcome, E>
  readonly setMany: (
    entries: ReadonlyArray<readonly [key: Key, value: Value]>,
    options?: WriteOptions
  ) => Effect.Effect<ReadonlyArray<WriteOutcome>, E>
  readonly remove: (key: Key) => Effect.Effect<WriteOutcome, E>
  readonly removeMany: (keys: ReadonlyArray<Key>) => Effect.Effect<ReadonlyArray<WriteOutcome>, E>
  /**
   * Lets what is there live for the `timeToLive` from now on, and never shortens it. An absent key is no failure,
   * and a value that has expired is absent, also while it is kept for `staleFor`. A region whose `timeToLive` is
   * a function wants one here.
   */
  readonly touch: (key: Key, options?: WriteOptions) => Effect.Effect<WriteOutcome, E>
  readonly clear: Effect.Effect<WriteOutcome, E>
  readonly getOrSet: <E2, R>(
    key: Key,
    lookup: Effect.Effect<Value, E2, R>,
    options?: WriteOptions
  ) => Effect.Effect<Value, E | E2, R>
}

/**
 * How reads ended and how many lookups ran since the cache was made, over all regions. `redisHits` came from Redis, `memoryHits` from
 * memory, `stale` counts expired values served in the place of a failed lookup, and `fallbacks` counts the reads that memory had to answer, or to miss, because Redis did not answer.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stats {
  readonly redisHits: number
  readonly memoryHits: number
  readonly misses: number
  readonly fallbacks: number
  readonly corrupt: number
  readonly stale: number
  readonly lookups: number
}

/**
 * Gives out regions. A region asked for twice by the same name and version is the same region.
 *
 * **Details**
 *
 * The caches of one client and prefix share what they promise: after a `set`, `remove` or `clear` that one of
 * them has acknowledged, none of them gives back what was there before. So they define a region alike, and
 * one that defines it otherwise is refused.
 *
 * **Gotchas**
 *
 * A strict `RedisCache` beside them counts as another process. They see what it writes while Redis answers.
 * In an outage they may still give back what was there before.
 *
 * @category models
 * @since 0.1.0
 */
export interface Cache {
  readonly region: <Key, Value>(options: RegionOptions<Key, Value>) => Effect.Effect<Region<Key, Value>>
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
 * A name or version that cannot be part of a key, and a definition that differs from an earlier one of the same name and version, are
 * mistakes in the program: they are a defect, a {@link RegionDefinitionError}, that says what to do. What functions in a definition do
 * (filters, transformations, a `timeToLive` of key and value) cannot be compared. Define a region once, not per call: comparing costs more
 * than a read.
 *
 * @category constructors
 * @since 0.1.0
 */
export const region = <Key, Value>(
  options: RegionOptions<Key, Value>
): Effect.Effect<Region<Key, Value>, never, Cache> => Effect.flatMap(Cache, (cache) => cache.region(options))

/**
 * A lookup that waits for itself: it would wait for ever. It is always a defect: the program has to be changed.
 *
 * @category errors
 * @since 0.1.0
 */
export class LookupCycleError extends Data.TaggedError("LookupCycleError")<{
  readonly region: string
  readonly message: string
}> {}

/**
 * A region that was defined in a way that cannot work. It is always a defect: the program has to be changed.
 *
 * @category errors
 * @since 0.1.0
 */
export class RegionDefinitionError extends Data.TaggedError("RegionDefinitionError")<{
  readonly region: string
  readonly message: string
}> {}
