/**
 * Makes parts of a program's health of its cache: the journal of writes that Redis has not
 * confirmed, and the links that near regions hear of writes by.
 *
 * **Details**
 *
 * None of them keeps a program from serving, so that they are optional unless said otherwise, and
 * never worse than degraded. A cache on memory alone has neither, and is always up.
 *
 * **Example** (All that a cache may say)
 *
 * ```ts
 * import { Layer } from "effect"
 * import * as Health from "effect-ioredis/Health"
 * import { HybridCache } from "effect-ioredis-cache"
 * import * as CacheHealth from "effect-ioredis-cache/CacheHealth"
 *
 * const HealthLive = Health.layer([
 *   Health.redis(),
 *   CacheHealth.journal({ limit: 0.5 }),
 *   CacheHealth.near()
 * ]).pipe(Layer.provide(HybridCache.layerFromEnv()))
 * ```
 *
 * @since 0.1.0
 */
import { Effect } from "effect"
import * as Health from "effect-ioredis/Health"
import * as Cache from "./Cache.ts"
import { checkFullness } from "./internal/options.ts"

/**
 * Makes a part of the journal: it is degraded while it is nearly full, with the cause
 * `"AlmostFull"`.
 *
 * **Details**
 *
 * A journal that is full gives up what it holds of a region, and empties that region in Redis: no
 * value is wrong afterwards, and many have to be looked up again. It counts entries and bytes.
 *
 * **Gotchas**
 *
 * A `limit` that makes no sense is a mistake in the program, and so a defect: a `ConfigError`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const journal = (
  options: Health.PartOptions & {
    /** Sets how full it may be, above 0 and up to 1. Default: 0.8. */
    readonly limit?: number | undefined
  } = {}
): Effect.Effect<Health.Part, never, Cache.Cache> => {
  const { limit = 0.8 } = options
  const part = partOf("cache journal", options, ({ journal }) => {
    const share = journal === undefined ? 0 : fullness(journal)
    if (share < limit) return Health.up
    const reason = `${Math.round(share * 100)} % of what it may hold are writes that Redis has not confirmed`
    return Health.degraded({ cause: "AlmostFull", reason })
  })
  return Effect.andThen(Effect.orDie(checkFullness(limit)), part)
}

/**
 * Makes a part of the links of near regions: it is degraded while a server does not tell of writes,
 * and its keys are asked for at each read.
 *
 * **Details**
 *
 * Its cause is `"NotHeard"`, or `"NotPermitted"` where the server's user may not hear of writes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const near = (options: Health.PartOptions = {}): Effect.Effect<Health.Part, never, Cache.Cache> =>
  partOf("cache near", options, ({ near }) => (near === undefined ? Health.up : nearCondition(near)))

// By its entries or its bytes, whichever is fuller.
const fullness = ({ bytes, deferred, limit, maxBytes }: Cache.JournalStats): number =>
  Math.max(deferred / limit, bytes / maxBytes)

const nearCondition = ({ heard, missing, wanted }: Cache.NearStats): Health.Condition => {
  if (heard >= wanted) return Health.up
  const reason = `${wanted - heard} of ${wanted} servers do not tell near regions of writes`
  return missing === undefined
    ? Health.degraded({ cause: "NotHeard", reason })
    : Health.degraded({ cause: "NotPermitted", reason: `${reason}: their user lacks ${missing}` })
}

// What is asked is at hand, so that it may be asked often.
const partOf = (
  what: string,
  { critical = false, interval = "5 seconds", name = what, timeout }: Health.PartOptions,
  conditionOf: (stats: Cache.Stats) => Health.Condition
): Effect.Effect<Health.Part, never, Cache.Cache> =>
  Effect.map(Cache.Cache, ({ stats }) => ({
    name,
    critical,
    interval,
    timeout,
    check: Effect.map(stats, conditionOf)
  }))
