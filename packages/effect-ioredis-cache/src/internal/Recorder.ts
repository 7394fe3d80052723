import { Clock, Context, Effect, Exit, Option } from "effect"
import { tallyOf } from "effect-ioredis/dispatch"
import type * as Cache from "../Cache.ts"
import type { RemoveOutcome } from "../Cache.ts"
import type { Found } from "./CacheTier.ts"
import * as Metrics from "./Metrics.ts"
import { now } from "./now.ts"
import { unwrap } from "./Wrapped.ts"

/** Counts what happens in one region, in metrics and in `Cache.stats`. */
export interface Recorder {
  readonly read: <Value>(found: Found<Value>) => Option.Option<Value>
  readonly write: (outcome: RemoveOutcome) => void
  readonly stale: () => void
  readonly lookup: (exit: Exit.Exit<unknown, unknown>) => void
  /** A stored value was taken as a miss. `problem` says why, without the value. */
  readonly unreadable: (keyHash: string, problem: string) => void
  /** The Clock's monotonic time in milliseconds: when an operation began. */
  readonly now: () => number
  readonly timed: (operation: string, source: string, startedAt: number) => void
}

/** Counts what `Cache.stats` shows. */
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
  const requests = (result: Metrics.ReadResult) => tallyOf(metrics.requests(result), context)
  const [hit, miss] = [requests("hit"), requests("miss")]
  const hits = { redis: hit, memory: hit, fallback: requests("fallback_hit") }
  const misses = { redis: miss, memory: miss, fallback: requests("fallback_miss") }
  const applied = tallyOf(metrics.writes("applied"), context)
  const writes = {
    Applied: applied,
    Absent: applied,
    Deferred: tallyOf(metrics.writes("deferred"), context),
    Rejected: tallyOf(metrics.writes("rejected"), context)
  }
  const durations = metrics.durations(context)
  const clock = Context.get(context, Clock.Clock)
  let lastUnreadable = Number.NEGATIVE_INFINITY
  return {
    read: ({ hit, source }) => {
      if (source === "fallback") counters.fallbacks++
      if (hit === undefined) {
        counters.misses++
        misses[source].count++
        return Option.none()
      }
      if (source === "redis") counters.redisHits++
      else counters.memoryHits++
      hits[source].count++
      return Option.some(unwrap(hit.value))
    },
    write: (outcome) => {
      writes[outcome].count++
    },
    stale: () => {
      counters.stale++
      metrics.requests("stale").updateUnsafe(1, context)
    },
    lookup: (exit) => {
      counters.lookups++
      metrics.lookups(Exit.isSuccess(exit) ? "success" : "failure").updateUnsafe(1, context)
    },
    unreadable: (keyHash, problem) => {
      counters.corrupt++
      metrics.requests("corrupt").updateUnsafe(1, context)
      const at = now(clock)
      const level = at - lastUnreadable < quietMillis ? "Debug" : "Warn"
      lastUnreadable = at
      Effect.runForkWith(context)(
        Effect.logWithLevel(level)("A stored value could not be read and is taken as a miss").pipe(
          Effect.annotateLogs({ region, keyHash, problem })
        )
      )
    },
    now: () => now(clock),
    timed: (operation, source, startedAt) => durations(operation)(source).record((now(clock) - startedAt) / 1000)
  }
}

// A wave is warned of when it begins: after a minute without one, so that there is at most one
// warning a minute.
const quietMillis = 60_000
