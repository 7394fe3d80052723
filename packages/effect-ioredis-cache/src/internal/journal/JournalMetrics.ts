import { defineMetric } from "effect-ioredis/dispatch"
import { once } from "../once.ts"

/** The metrics of a journal: see `Metrics.ts`. */

const journalReplays = defineMetric({
  id: "cache.journal.replays",
  kind: "counter",
  unit: "{write}",
  description: "Writes that were told to Redis later, by what came of it",
  attributes: ["cache.name", "cache.result"]
})

/** Lists how the replay of one write may end. */
export type ReplayResult = "confirmed" | "refused" | "failed" | "superseded"

export const entries = defineMetric({
  id: "cache.journal.entries",
  kind: "gauge",
  unit: "{entry}",
  description: "Keys with a write that Redis has not confirmed",
  attributes: ["cache.name"]
})({})

export const deferred = defineMetric({
  id: "cache.journal.deferred",
  kind: "gauge",
  unit: "{entry}",
  description: "Keys with a write that waits to be replayed, which are those that the limit bounds",
  attributes: ["cache.name"]
})({})

export const limit = defineMetric({
  id: "cache.journal.limit",
  kind: "gauge",
  unit: "{entry}",
  description: "The most deferred keys",
  attributes: ["cache.name"]
})({})

export const size = defineMetric({
  id: "cache.journal.size",
  kind: "gauge",
  unit: "By",
  description: "Encoded length of the deferred values",
  attributes: ["cache.name"]
})({})

export const sizeLimit = defineMetric({
  id: "cache.journal.size.limit",
  kind: "gauge",
  unit: "By",
  description: "The most that the journal holds by encoded length",
  attributes: ["cache.name"]
})({})

export const overflows = defineMetric({
  id: "cache.journal.overflows",
  kind: "counter",
  unit: "{overflow}",
  description: "Times at which the journal was full, so that a region was given up in Redis",
  attributes: ["cache.name"]
})({})

export const lost = defineMetric({
  id: "cache.journal.lost",
  kind: "counter",
  unit: "{write}",
  description: "Writes that Redis will not be told of: the journal was full or closed, or the user may not write",
  attributes: ["cache.name"]
})({})

export const replays = once((result: ReplayResult) => journalReplays({ "cache.result": result }))
