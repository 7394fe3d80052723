import { type Context, Effect, Exit, Option } from "effect"
import type * as Cache from "../Cache.ts"
import * as CacheKey from "../CacheKey.ts"
import type { Found, WriteOutcome } from "../CacheTier.ts"
import * as Metrics from "./Metrics.ts"

/** Counts what happens in one region, in metrics and in `Cache.stats`. */
export interface Recorder {
  readonly read: <Value>(found: Found<Value>) => Option.Option<Value>
  readonly write: (outcome: WriteOutcome) => void
  readonly stale: () => void
  readonly lookup: (exit: Exit.Exit<unknown, unknown>) => void
  readonly corrupt: (key: string) => Effect.Effect<void>
  readonly timed: <A, E>(
    operation: string,
    effect: Effect.Effect<A, E>,
    source: (result: A) => string
  ) => Effect.Effect<A, E>
}

/** What `Cache.stats` shows. */
export type Counters = { -readonly [K in keyof Cache.Stats]: Cache.Stats[K] }

export const makeCounters = (): Counters => ({
  redisHits: 0,
  memoryHits: 0,
  misses: 0,
  fallbacks: 0,
  corrupt: 0,
  stale: 0,
  lookups: 0
})

export const make = (region: string, counters: Counters, context: Context.Context<never>): Recorder => {
  const metrics = Metrics.forRegion(region)
  let saidCorrupt = false
  return {
    read: ({ hit, source }) => {
      const isHit = Option.isSome(hit)
      if (!isHit) counters.misses++
      else if (source === "redis") counters.redisHits++
      else counters.memoryHits++
      if (source === "fallback") counters.fallbacks++
      const result = isHit ? "hit" : "miss"
      metrics.requests(source === "fallback" ? `fallback_${result}` : result).updateUnsafe(1, context)
      return isHit ? Option.some(hit.value.value) : Option.none()
    },
    write: (outcome) => metrics.writes(outcome.toLowerCase()).updateUnsafe(1, context),
    stale: () => {
      counters.stale++
      metrics.requests("stale").updateUnsafe(1, context)
    },
    lookup: (exit) => {
      counters.lookups++
      metrics.lookups(Exit.isSuccess(exit) ? "success" : "failure").updateUnsafe(1, context)
    },
    corrupt: (key) =>
      Effect.suspend(() => {
        counters.corrupt++
        metrics.requests("corrupt").updateUnsafe(1, context)
        const level = saidCorrupt ? "Debug" : "Warn"
        saidCorrupt = true
        return Effect.logWithLevel(level)("A stored value could not be read and is taken as a miss").pipe(
          Effect.annotateLogs({ region, keyHash: CacheKey.hash(key) })
        )
      }),
    timed: (operation, effect, source) =>
      Effect.clockWith((clock) => {
        const startedAt = clock.monotonicTimeNanosUnsafe()
        return Effect.map(effect, (result) => {
          const seconds = Number(clock.monotonicTimeNanosUnsafe() - startedAt) / 1e9
          metrics.duration(operation, source(result)).updateUnsafe(seconds, context)
          return result
        })
      })
  }
}
