/**
 * Decides when a value is looked up anew although there is one.
 *
 * **Details**
 *
 * Whatever the policy, the caller is given what there is, and a value that has expired by less than
 * the region's `staleFor` is given at once too. The refresh runs as the lookup of its key: one at a
 * time in this process, joined by whoever finds nothing. It goes on when its caller has its answer,
 * in the scope of the cache. Its value takes the place of what it found in Redis when it began, and
 * gives way to a `set`, `remove` or `clear` that came meanwhile.
 *
 * A refresh that fails leaves what there is, and is not tried again for the region's
 * `retryAfterFailure`, or for one second.
 *
 * **Gotchas**
 *
 * The lookup that refreshes is the one of the caller that came first, in its context. A scope of
 * that caller may be closed by then.
 *
 * **Example** (A value that nobody waits for)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Cache, MemoryCache, RefreshPolicy } from "effect-ioredis-cache"
 *
 * const program = Effect.gen(function* () {
 *   const rates = yield* Cache.region({
 *     name: "rates",
 *     version: 1,
 *     key: Schema.String,
 *     value: Schema.Finite,
 *     timeToLive: "1 minute",
 *     staleFor: "1 hour",
 *     refresh: RefreshPolicy.ahead()
 *   })
 *   yield* rates.getOrSet("EUR", Effect.succeed(1.08)) // => 1.08
 * })
 *
 * Effect.runPromise(Effect.provide(program, MemoryCache.layerCache))
 * ```
 *
 * @since 0.1.0
 */
import type { Duration } from "effect"

/**
 * Decides when a value is looked up anew although there is one.
 *
 * **Details**
 *
 * - `Ahead`: before it expires, the earlier the longer its lookup took.
 * - `FromAge`: from an age on.
 * - `AfterExpiry`: only after it has expired.
 *
 * @category models
 * @since 0.1.0
 */
export type RefreshPolicy =
  | { readonly _tag: "Ahead"; readonly beta: number }
  | { readonly _tag: "FromAge"; readonly age: Duration.Input }
  | { readonly _tag: "AfterExpiry" }

/**
 * Refreshes a value before it expires, at a moment drawn at random for each read: the longer its
 * lookup took and the closer its end, the likelier (XFetch).
 *
 * **Details**
 *
 * A read refreshes the value where less is left of its life than the time of its lookup, times
 * `beta`, times `-ln` of a random number. So processes that share a value do not all refresh it at
 * once, and nobody has to know how long lookups take: the stored value says it.
 *
 * **Gotchas**
 *
 * A value that was `set` has no time of a lookup, and is refreshed only when it has expired.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ahead = (
  options: {
    /** Makes refreshes earlier above 1, and later below. It is more than 0. Default: 1. */
    readonly beta?: number | undefined
  } = {}
): RefreshPolicy => ({ _tag: "Ahead", beta: options.beta ?? 1 })

/**
 * Refreshes a value at the first read after it has reached an age. The age of a looked up value
 * counts from when its lookup began.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromAge = (age: Duration.Input): RefreshPolicy => ({ _tag: "FromAge", age })

/**
 * Refreshes a value at the first read after it has expired, which is given the expired value: stale
 * while revalidating. It has no effect without `staleFor`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const afterExpiry: RefreshPolicy = { _tag: "AfterExpiry" }
