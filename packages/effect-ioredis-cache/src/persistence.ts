/**
 * Lets Effect's `Persistence` and `PersistedCache` keep their values in a cache, which answers when
 * Redis does not.
 *
 * **When to use**
 *
 * Use where an answer that is lost costs no more than a second lookup. What must never be lost,
 * such as the steps of a workflow, belongs in a database: a cache forgets what memory has no room
 * for while Redis is away, and Redis evicts.
 *
 * **Details**
 *
 * Each store is a region of the cache, `persisted.` and its id, and has the promises of one:
 *
 * - No call fails because of Redis, or waits for it longer than the cache's `patience`.
 * - While Redis is away, this process reads what it has read and written, as far as memory holds
 *   it, and what it knows nothing of is not there.
 * - What is written or removed meanwhile is in the journal, and goes to Redis when that is back, as
 *   `replay` says. Until then other processes may see what was there before.
 *
 * A `PersistenceError` is left for what cannot be stored: a value without a JSON form, or one that
 * is larger than `maxBytes`. A stored value that cannot be read is not there. A cache that is
 * bypassed, or has closed, keeps nothing and does not fail, and what Redis held before may still be
 * read after it has closed. A removal fails then that Redis has not confirmed: nobody tells Redis
 * later.
 *
 * **Gotchas**
 *
 * - It is made for effect 4.1, whose persistence modules are unstable. With another minor version
 *   its layer dies with a message that says what to install.
 * - The values are in the cache's own form. Those of Effect's `layerRedis` are not seen, nor do
 *   they see these.
 * - A `PersistedCache` has a memory of its own before this one, and asks here for what that lacks.
 *
 * **Example** (Prices that are known while Redis is away)
 *
 * ```ts
 * import { Effect, Layer, Schema } from "effect"
 * import { Persistable, PersistedCache } from "effect/persistence"
 * import { HybridCache } from "effect-ioredis-cache"
 * import * as Persistence from "effect-ioredis-cache/persistence"
 *
 * class Price extends Persistable.Class<{ payload: { readonly of: string } }>()("Price", {
 *   primaryKey: ({ of }) => of,
 *   success: Schema.Number
 * }) {}
 *
 * const Live = Persistence.layer().pipe(Layer.provide(HybridCache.layerFromEnv()))
 *
 * const program = Effect.gen(function* () {
 *   const prices = yield* PersistedCache.make((_: Price) => Effect.succeed(42), {
 *     storeId: "prices",
 *     timeToLive: () => "1 hour"
 *   })
 *   return yield* prices.get(new Price({ of: "tea" }))
 * }).pipe(Effect.scoped, Effect.provide(Live))
 * ```
 *
 * @since 0.1.0
 */
import { Effect, Layer } from "effect"
import type { Persistence } from "effect/persistence"
import { requireEffect } from "effect-ioredis/dispatch"
import type * as Cache from "./Cache.ts"

/**
 * Sets what the regions of the stores have in common.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options
  extends Pick<
    Cache.RegionOptions<string, unknown>,
    "compression" | "jitter" | "maxBytes" | "near" | "removedFor" | "replay" | "tags"
  > {
  /**
   * Tells shapes of the values apart. A new version never reads the old one's values. Default: 1.
   */
  readonly version?: number | undefined
}

/**
 * Provides Effect's `Persistence`, and the `BackingPersistence` below it, on the cache of the
 * context.
 *
 * **Example** (Values that are small in Redis, and cleared by one write)
 *
 * ```ts
 * import { Layer } from "effect"
 * import { Compression, HybridCache } from "effect-ioredis-cache"
 * import * as Persistence from "effect-ioredis-cache/persistence"
 *
 * const Live = Persistence.layer({ compression: Compression.brotli(), tags: true }).pipe(
 *   Layer.provide(HybridCache.layerFromEnv())
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options: Options = {}
): Layer.Layer<Persistence.Persistence | Persistence.BackingPersistence, never, Cache.Cache> =>
  Layer.unwrap(
    Effect.andThen(
      requireEffect("effect-ioredis-cache/persistence"),
      // Another version of Effect may not even have the modules that this loads.
      Effect.map(
        Effect.promise(() => import("./internal/persistence/Backing.ts")),
        (backing) => backing.layer(options)
      )
    )
  )
