import { Cause, Clock, Context, Effect, Exit, Option } from "effect"
import { beginGauge, type Tally, tallyOf } from "effect-ioredis/dispatch"
import type { RemoveOutcome } from "../Cache.ts"
import type { Found, Source } from "./CacheTier.ts"
import type { Answer } from "./Lease.ts"
import * as Metrics from "./Metrics.ts"
import { now } from "./now.ts"
import { unwrap } from "./Wrapped.ts"

/** Counts what happens in one region, in metrics and in `Cache.stats`. */
export interface Recorder {
  readonly read: <Value>(found: Found<Value>) => Option.Option<Value>
  readonly write: (outcome: RemoveOutcome) => void
  readonly stale: () => void
  /** Counts a lookup while it runs, how long that takes, and how it ends. */
  readonly lookup: <A, E, R>(lookup: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** A caller waits for the lookup of another. */
  readonly shared: () => void
  /** Redis has said whose a lease is, or has not. */
  readonly lease: (answer: Answer) => void
  /** A value was no hit because of its tags. */
  readonly tagMiss: () => void
  /** A stored value was taken as a miss. `problem` says why, without the value. */
  readonly unreadable: (keyHash: string, problem: string) => void
  /** The Clock's monotonic time in milliseconds: when an operation began. */
  readonly now: () => number
  readonly timed: (operation: string, end: Metrics.AnswerSource | Metrics.WriteEnd, startedAt: number) => void
  /** Ends what it shows. */
  readonly end: () => void
}

/** Counts what `Cache.stats` shows. */
export class Counters {
  readonly hits: { [source in Source]: number } = { redis: 0, memory: 0, near: 0, journal: 0, fallback: 0 }
  misses = 0
  fallbacks = 0
  corrupt = 0
  stale = 0
  lookups = 0
  failedLookups = 0
  lookupsInFlight = 0
  sharedLookups = 0
  readonly writes = { applied: 0, deferred: 0, rejected: 0 }
}

export const make = (region: string, counters: Counters, context: Context.Context<never>): Recorder => {
  const metrics = Metrics.forRegion(region)
  const hits = new Requests("hit", metrics, context)
  const misses = new Requests("miss", metrics, context)
  const writes = {
    applied: tallyOf(metrics.writes("applied"), context),
    deferred: tallyOf(metrics.writes("deferred"), context),
    rejected: tallyOf(metrics.writes("rejected"), context)
  }
  Metrics.beginAtZero(metrics, context)
  const durations = metrics.operationDuration(context)
  const lookupDurations = metrics.lookupDuration(context)
  const clock = Context.get(context, Clock.Clock)
  let lastUnreadable = Number.NEGATIVE_INFINITY
  let inFlight = 0

  const lookedUp = (exit: Exit.Exit<unknown, unknown>, startedAt: number): void => {
    const result = Exit.isSuccess(exit) ? "success" : "failure"
    inFlight--
    counters.lookupsInFlight--
    counters.lookups++
    if (result === "failure") counters.failedLookups++
    metrics.lookups(result).updateUnsafe(1, context)
    lookupDurations(result).record((now(clock) - startedAt) / 1000)
  }

  return {
    read: ({ hit, source }) => {
      if (source === "fallback") counters.fallbacks++
      if (hit === undefined) {
        counters.misses++
        misses.of(source).count++
        return Option.none()
      }
      counters.hits[source]++
      hits.of(source).count++
      return Option.some(unwrap(hit.value))
    },
    write: (outcome) => {
      const counted = outcomes[outcome]
      counters.writes[counted]++
      writes[counted].count++
    },
    stale: () => {
      counters.stale++
      metrics.stale.updateUnsafe(1, context)
    },
    // What is interrupted before it begins has not run.
    lookup: (lookup) =>
      Effect.suspend(() => {
        let startedAt: number | undefined
        const begun = Effect.suspend(() => {
          startedAt = now(clock)
          inFlight++
          counters.lookupsInFlight++
          return lookup
        })
        return Effect.onExit(begun, (exit) =>
          Effect.sync(() => (startedAt === undefined ? undefined : lookedUp(exit, startedAt)))
        )
      }),
    shared: () => {
      counters.sharedLookups++
      metrics.lookupsShared.updateUnsafe(1, context)
    },
    lease: (answer) => metrics.leases(answer).updateUnsafe(1, context),
    tagMiss: () => metrics.tagMisses.updateUnsafe(1, context),
    unreadable: (keyHash, problem) => {
      counters.corrupt++
      metrics.unreadable.updateUnsafe(1, context)
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
    timed: (operation, end, startedAt) => durations(operation)(end).record((now(clock) - startedAt) / 1000),
    end: beginGauge(metrics.lookupsInFlight, () => inFlight, context)
  }
}

/** Records how long an operation took that had to look up, unless nobody waited for its end. */
export const timedLookup =
  (recorder: Recorder, operation: string, startedAt: number, isStale: () => boolean) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.onExit(effect, (exit) =>
      Effect.sync(() => {
        if (Exit.isSuccess(exit)) recorder.timed(operation, isStale() ? "stale" : "lookup", startedAt)
        else if (!Cause.hasInterruptsOnly(exit.cause)) recorder.timed(operation, "none", startedAt)
      })
    )

// The tallies of one result. A source that never answers has no series.
class Requests {
  readonly #result: "hit" | "miss"
  readonly #metrics: Metrics.RegionMetrics
  readonly #context: Context.Context<never>
  readonly #tallies: { [source in Source]: Tally | undefined } = {
    redis: undefined,
    memory: undefined,
    near: undefined,
    journal: undefined,
    fallback: undefined
  }

  constructor(result: "hit" | "miss", metrics: Metrics.RegionMetrics, context: Context.Context<never>) {
    this.#result = result
    this.#metrics = metrics
    this.#context = context
  }

  of(source: Source): Tally {
    const tallies = this.#tallies
    tallies[source] ??= tallyOf(this.#metrics.requests(this.#result)(source), this.#context)
    return tallies[source]
  }
}

const outcomes = { Applied: "applied", Absent: "applied", Deferred: "deferred", Rejected: "rejected" } as const

// A wave is warned of when it begins: after a minute without one, so that there is at most one
// warning a minute.
const quietMillis = 60_000
