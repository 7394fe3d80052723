import { type Context, Effect, type Scope } from "effect"
import { beginGauge, defineMetric } from "effect-ioredis/dispatch"
import type { WriteOutcome } from "../Cache.ts"
import type { Source } from "./CacheTier.ts"
import type { Answer } from "./Lease.ts"
import { once } from "./once.ts"

/**
 * The metrics of regions and of memory; a journal and near regions have their own. Dashboards
 * depend on their ids and attributes, and docs/monitoring.md lists them. Attributes have few
 * values: never a key. All have the attribute `cache.name`, which whoever builds a cache has put
 * into the context: see `named`.
 */

/**
 * Bounds the buckets of durations: finer at the lower end, where memory answers, and as those of
 * the client's operations from a millisecond on.
 */
const durations = [
  0.00001, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10
] as const

const requests = defineMetric({
  id: "cache.requests",
  kind: "counter",
  unit: "{request}",
  description: "Reads of keys, by what came of them and who answered",
  attributes: ["cache.name", "cache.region", "cache.result", "cache.source"]
})

const stale = defineMetric({
  id: "cache.stale",
  kind: "counter",
  unit: "{value}",
  description: "Expired values that were served, each after a miss",
  attributes: ["cache.name", "cache.region"]
})

const unreadable = defineMetric({
  id: "cache.unreadable",
  kind: "counter",
  unit: "{value}",
  description: "Stored values that could not be read, each a miss",
  attributes: ["cache.name", "cache.region"]
})

const writes = defineMetric({
  id: "cache.writes",
  kind: "counter",
  unit: "{write}",
  description: "Writes and removals, fills included, by what came of them",
  attributes: ["cache.name", "cache.region", "cache.outcome"]
})

const lookups = defineMetric({
  id: "cache.lookups",
  kind: "counter",
  unit: "{lookup}",
  description: "Lookups that have ended",
  attributes: ["cache.name", "cache.region", "cache.result"]
})

const lookupDuration = defineMetric({
  id: "cache.lookup.duration",
  kind: "histogram",
  unit: "s",
  description: "Duration of lookups, which is what whatever is behind the cache takes",
  attributes: ["cache.name", "cache.region", "cache.result"],
  boundaries: durations
})

const lookupsInFlight = defineMetric({
  id: "cache.lookups.in_flight",
  kind: "gauge",
  unit: "{lookup}",
  description: "Lookups that run now",
  attributes: ["cache.name", "cache.region"]
})

const lookupsShared = defineMetric({
  id: "cache.lookups.shared",
  kind: "counter",
  unit: "{request}",
  description: "Callers that waited for a lookup which ran for another",
  attributes: ["cache.name", "cache.region"]
})

const operationDuration = defineMetric({
  id: "cache.operation.duration",
  kind: "histogram",
  unit: "s",
  description: "Duration of operations, by where the answer came from, or by what came of a write",
  attributes: ["cache.name", "cache.region", "cache.operation", "cache.source", "cache.outcome"],
  boundaries: durations
})

const patience = defineMetric({
  id: "cache.patience",
  kind: "gauge",
  unit: "s",
  description: "The longest that a call waits for Redis altogether",
  attributes: ["cache.name"]
})

/** Shows a cache's patience in seconds: the shortest, where caches share a client. */
export const showPatience = (seconds: () => number): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(
    Effect.acquireRelease(
      Effect.contextWith((context: Context.Context<never>) =>
        Effect.sync(() => beginGauge(patience({}), seconds, context, (values) => Math.min(...values)))
      ),
      Effect.sync
    )
  )

const leases = defineMetric({
  id: "cache.leases",
  kind: "counter",
  unit: "{lease}",
  description: "Leases of keys that were asked for, by whose they were",
  attributes: ["cache.name", "cache.region", "cache.lease.holder"]
})

const tagMisses = defineMetric({
  id: "cache.tags.misses",
  kind: "counter",
  unit: "{value}",
  description: "Values that were no hit because a tag of theirs was invalidated",
  attributes: ["cache.name", "cache.region"]
})

const invalidations = defineMetric({
  id: "cache.tags.invalidations",
  kind: "counter",
  unit: "{tag}",
  description: "Tags that were invalidated, by what came of it",
  attributes: ["cache.name", "cache.outcome"]
})

/** Counts the tags that were invalidated. */
export const tagInvalidations = once((outcome: WriteOutcome) =>
  invalidations({ "cache.outcome": outcome.toLowerCase() })
)

/** Lists what may come of a write. */
export type WriteEnd = "applied" | "deferred" | "rejected"

/** Lists how a lookup may end. */
export type LookupResult = "success" | "failure"

/** Says where the answer of an operation came from; `none`: there is no answer, it failed. */
export type AnswerSource = Source | "stale" | "lookup" | "none"

/** The metrics of one region. */
export type RegionMetrics = ReturnType<typeof forRegion>

/**
 * The metrics of one region, each combination of attributes built once: building them costs ten
 * times as much as counting.
 */
export const forRegion = (region: string) => {
  const ofRegion = { "cache.region": region }
  return {
    requests: once((result: "hit" | "miss") =>
      once((source: Source) => requests({ ...ofRegion, "cache.result": result, "cache.source": source }))
    ),
    stale: stale(ofRegion),
    unreadable: unreadable(ofRegion),
    writes: once((outcome: WriteEnd) => writes({ ...ofRegion, "cache.outcome": outcome })),
    lookups: once((result: LookupResult) => lookups({ ...ofRegion, "cache.result": result })),
    lookupDuration: (context: Context.Context<never>) =>
      once((result: LookupResult) => lookupDuration({ ...ofRegion, "cache.result": result }, context)),
    lookupsInFlight: lookupsInFlight(ofRegion),
    lookupsShared: lookupsShared(ofRegion),
    operationDuration: (context: Context.Context<never>) =>
      once((operation: string) =>
        once((end: AnswerSource | WriteEnd) =>
          operationDuration({ ...ofRegion, "cache.operation": operation, [attributeOf(end)]: end }, context)
        )
      ),
    leases: once((answer: Answer) => leases({ ...ofRegion, "cache.lease.holder": holders[answer] })),
    tagMisses: tagMisses(ofRegion)
  }
}

/**
 * Shows the counts of a region that are rare before there is anything to count. One that is first
 * seen at its final value has not grown, and no alert would notice it.
 */
export const beginAtZero = (metrics: RegionMetrics, context: Context.Context<never>): void => {
  const { lookups, lookupsShared, stale, tagMisses, unreadable } = metrics
  for (const counter of [stale, unreadable, lookupsShared, tagMisses, lookups("success"), lookups("failure")]) {
    counter.updateUnsafe(0, context)
  }
}

const attributeOf = (end: AnswerSource | WriteEnd): "cache.outcome" | "cache.source" =>
  end === "applied" || end === "deferred" || end === "rejected" ? "cache.outcome" : "cache.source"

const holders: { readonly [answer in Answer]: string } = { Held: "own", "Another's": "other", Unknown: "unknown" }

/** The metrics of a memory. */
export const memory = {
  entries: defineMetric({
    id: "cache.memory.entries",
    kind: "gauge",
    unit: "{entry}",
    description: "Entries held in memory",
    attributes: ["cache.name"]
  })({}),
  limit: defineMetric({
    id: "cache.memory.limit",
    kind: "gauge",
    unit: "{entry}",
    description: "The most entries that memory holds",
    attributes: ["cache.name"]
  })({}),
  size: defineMetric({
    id: "cache.memory.size",
    kind: "gauge",
    unit: "By",
    description: "Encoded length of the values held in memory",
    attributes: ["cache.name"]
  })({}),
  sizeLimit: defineMetric({
    id: "cache.memory.size.limit",
    kind: "gauge",
    unit: "By",
    description: "The most that memory holds by encoded length, where that is bounded",
    attributes: ["cache.name"]
  })({}),
  evictions: defineMetric({
    id: "cache.memory.evictions",
    kind: "counter",
    unit: "{entry}",
    description: "Entries that made room for others before their time",
    attributes: ["cache.name"]
  })({})
}
