/**
 * Memory as a cache: alone, for programs without Redis and for tests, or below a `HybridCache`,
 * where it answers while Redis does not.
 *
 * @since 0.1.0
 */
import { Clock, Context, type Duration, Effect, Layer, type Scope } from "effect"
import { makeOperationLines } from "effect-ioredis/dispatch"
import * as Cache from "./Cache.ts"
import * as MemoryStore from "./internal/MemoryStore.ts"
import * as MemoryTier from "./internal/MemoryTier.ts"
import { named } from "./internal/named.ts"
import { checkMemory } from "./internal/options.ts"
import * as Region from "./internal/Region.ts"

/**
 * Holds the values of a `HybridCache` in this process. The least recently used make room for new
 * ones.
 *
 * @category services
 * @since 0.1.0
 */
export class MemoryCache extends Context.Service<
  MemoryCache,
  {
    /**
     * Counts the entries held, those included that expired in the last minute and were not asked
     * for since.
     */
    readonly size: Effect.Effect<number>
    /** Holds the values, for the cache that stands on it. */
    readonly [MemoryStore.TypeId]: MemoryStore.MemoryStore
  }
>()("effect-ioredis-cache/MemoryCache") {}

/**
 * Options of a `MemoryCache`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Bounds the number of entries, from 1 to 8,388,608. Default: 1,000. */
  readonly maxEntries?: number | undefined
  /** Bounds the encoded length of all values together, from 1 up. Default: no bound. */
  readonly maxBytes?: number | undefined
}

/**
 * Makes a `MemoryCache`.
 *
 * **Details**
 *
 * What has expired makes room once a minute, as long as the scope is open, even if nobody asks for
 * it. That takes turns with the rest of the program after each 1,000 entries, and keeps no process
 * alive.
 *
 * **Gotchas**
 *
 * Options that make no sense are a mistake in the program, and so a defect: a `ConfigError` that
 * names each of them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (
  options: Options = {}
): Effect.fn.Return<MemoryCache["Service"], never, Scope.Scope> {
  yield* Effect.orDie(checkMemory(options))
  const store = yield* named("memory")(MemoryStore.make(options))
  return { size: Effect.sync(store.size), [MemoryStore.TypeId]: store }
})

/**
 * Provides a `MemoryCache`.
 *
 * **Example** (Watching how full it is)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { MemoryCache } from "effect-ioredis-cache"
 *
 * const program = Effect.gen(function* () {
 *   const memory = yield* MemoryCache.MemoryCache
 *   yield* memory.size // => 0
 * })
 *
 * Effect.runSync(program.pipe(Effect.provide(MemoryCache.layer({ maxEntries: 100 }))))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: Options): Layer.Layer<MemoryCache> => Layer.effect(MemoryCache, make(options))

/**
 * A `Cache` on memory alone: for programs without Redis, and for tests. `timeToLive` is for regions
 * that name none (default 300 seconds).
 *
 * **Example** (A cache without Redis)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Cache, MemoryCache } from "effect-ioredis-cache"
 *
 * const program = Effect.gen(function* () {
 *   const users = yield* Cache.region({
 *     name: "users",
 *     version: 1,
 *     key: Schema.Int,
 *     value: Schema.String
 *   })
 *   yield* users.set(1, "ada") // => "Applied"
 *   yield* users.get(1) // => Option.some("ada")
 * })
 *
 * const layer = MemoryCache.layerCacheWith({ maxEntries: 10_000, timeToLive: "1 minute" })
 * Effect.runPromise(Effect.provide(program, layer))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerCacheWith = (
  options: Options & {
    /** For regions that name none. Default: 300 seconds. */
    readonly timeToLive?: Duration.Input | undefined
    /** Writes lines at debug level about single operations. Default: false. */
    readonly logOperations?: boolean | undefined
  } = {}
): Layer.Layer<Cache.Cache> =>
  Layer.effect(
    Cache.Cache,
    Effect.gen(function* () {
      yield* Effect.orDie(checkMemory(options))
      const memory = yield* make(options)
      const store = memory[MemoryStore.TypeId]
      const context = yield* Effect.context<never>()
      return yield* Region.makeCache({
        name: "memory",
        tier: MemoryTier.make(store, yield* Clock.Clock),
        timeToLive: options.timeToLive,
        told: { operationLog: makeOperationLines(options.logOperations === true, "memory", context) },
        stats: Effect.sync(() => ({ memory: store.stats() }))
      })
    }).pipe(named("memory"))
  )

/**
 * Provides `layerCacheWith` with its defaults.
 *
 * **Gotchas**
 *
 * It is one memory wherever a program provides it, because layers are built once for each
 * reference. A second one is `layerCacheWith()`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerCache: Layer.Layer<Cache.Cache> = layerCacheWith()
