import { type Context, Metric } from "effect"
import { type Distribution, distributionOf, showGauge } from "effect-ioredis/dispatch"

/** The metrics of `effect-ioredis-cache`. Attributes have few values: never a key. */

const seconds = [0.00001, 0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]

/**
 * Lists how a read may end. `fallback_*` were answered by memory because Redis did not answer.
 */
export type ReadResult = "hit" | "miss" | "stale" | "fallback_hit" | "fallback_miss" | "corrupt"

/** Lists how a lookup may end. */
export type LookupResult = "success" | "failure"

export interface RegionMetrics {
  readonly requests: (result: ReadResult) => Metric.Metric<number, Metric.CounterState<number>>
  readonly writes: (outcome: string) => Metric.Metric<number, Metric.CounterState<number>>
  readonly lookups: (result: LookupResult) => Metric.Metric<number, Metric.CounterState<number>>
  readonly durations: (context: Context.Context<never>) => (operation: string) => (source: string) => Distribution
}

/**
 * The metrics of one region, each combination of attributes built once: building them costs ten
 * times as much as counting.
 */
export const forRegion = (region: string): RegionMetrics => ({
  requests: once((result) =>
    Metric.counter("cache_requests_total", {
      description: "Reads, by region and result",
      incremental: true,
      attributes: { region, result }
    })
  ),
  writes: once((outcome) =>
    Metric.counter("cache_writes_total", {
      description: "Writes, by region and outcome",
      incremental: true,
      attributes: { region, outcome }
    })
  ),
  lookups: once((result) =>
    Metric.counter("cache_lookups_total", {
      description: "Lookups run by getOrSet, by region and result",
      incremental: true,
      attributes: { region, result }
    })
  ),
  durations: (context) =>
    once((operation) =>
      once((source) =>
        distributionOf(
          "cache_operation_duration_seconds",
          {
            description: "How long operations took, by region, operation and where the answer came from",
            boundaries: seconds,
            attributes: { region, operation, source }
          },
          context
        )
      )
    )
})

const entries = Metric.gauge("cache_entries", { description: "Entries held in memory" })

/** Shows the number of entries in a memory. */
export const showEntries = (read: () => number) => showGauge(entries, read)

const journalEntries = Metric.gauge("cache_journal_entries", {
  description: "Keys with a write that Redis has not confirmed"
})

/** Shows the number of keys in a journal. */
export const showJournalEntries = (read: () => number) => showGauge(journalEntries, read)

const nearLinks = Metric.gauge("cache_near_links", {
  description: "Servers that tell near regions of writes"
})

/** Shows the number of servers that tell of writes. */
export const showNearLinks = (read: () => number) => showGauge(nearLinks, read)

/** Counts what servers tell. */
export const nearNotices = Metric.counter("cache_near_notices_total", {
  description: "Keys that a server told of as written, and times at which it had forgotten all",
  incremental: true
})

/** Counts what that takes from near regions. */
export const nearDemotions = Metric.counter("cache_near_demotions_total", {
  description: "Values that near regions no longer answer from memory, because they were written",
  incremental: true
})

function once<A>(build: (label: string) => A): (label: string) => A {
  const built = new Map<string, A>()
  return (label) => {
    const found = built.get(label)
    if (found !== undefined) return found
    const made = build(label)
    built.set(label, made)
    return made
  }
}
