import { Schema } from "effect"

/** What the process under a hostile server reports. Times are monotonic milliseconds, the same in every process. */

/** The counts are of the time since the cache was made. */
export const Sample = Schema.Struct({
  at: Schema.Finite,
  redis: Schema.Int,
  memory: Schema.Int,
  misses: Schema.Int,
  /** Of the reads that memory answered or missed, those for which Redis did not answer. */
  fallbacks: Schema.Int
})

export type Sample = typeof Sample.Type

export const Observed = Schema.Struct({
  samples: Schema.Array(Sample),
  calls: Schema.Int,
  /** Calls of the cache that failed: a defect, since their types say that they cannot. */
  failed: Schema.Int,
  /** Reads that were given another key's value. */
  wrong: Schema.Int,
  /** The largest resident set, bytes. */
  rss: Schema.Finite
})

export type Observed = typeof Observed.Type

export const ObservedLine = Schema.fromJsonString(Observed)

/** Part of every key and every value, and of nothing else. */
export const marker = "m4rk3r"
