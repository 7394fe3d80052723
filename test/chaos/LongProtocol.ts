import { Schema } from "effect"

/** What the worker of the long outage answers. Times are monotonic milliseconds, sizes bytes. */

export const Sample = Schema.Struct({
  at: Schema.Finite,
  heap: Schema.Finite,
  /** After a forced collection; null: there was none. */
  heapAfterGc: Schema.NullOr(Schema.Finite),
  rss: Schema.Finite,
  /** The most since the sample before. */
  journal: Schema.Finite,
  /** Writes acknowledged so far. */
  written: Schema.Int
})

export type Sample = typeof Sample.Type

export const Observed = Schema.Struct({
  samples: Schema.Array(Sample),
  asked: Schema.Int,
  written: Schema.Int,
  failed: Schema.Int,
  reads: Schema.Int,
  contradicted: Schema.Int,
  /** When Redis first confirmed a write again; null: never. */
  backAt: Schema.NullOr(Schema.Finite),
  journalLeft: Schema.Finite,
  inRedis: Schema.NullOr(Schema.Struct({ held: Schema.Int, older: Schema.Int }))
})

export type Observed = typeof Observed.Type

export const LongLine = Schema.fromJsonString(Schema.NullOr(Observed))
