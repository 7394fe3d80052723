import { Schema } from "effect"

/** What the main program and a worker say to each other: one line of JSON each way, a reply to every command. */

/** Monotonic milliseconds, the same in every process of this machine. The fault lasts from `fault` to `healed`. */
export const Marks = Schema.Struct({
  start: Schema.Finite,
  fault: Schema.Finite,
  healed: Schema.Finite,
  end: Schema.Finite
})

export type Marks = typeof Marks.Type

/**
 * `Pause` is answered when every call has its answer; `Report` is asked for while paused. With `awaitsClears` it waits until
 * what was cleared is gone from Redis, for as long as a cache may pause between two tries.
 */
export const Command = Schema.Union([
  Schema.TaggedStruct("Resume", {}),
  Schema.TaggedStruct("Pause", {}),
  Schema.TaggedStruct("Report", { marks: Marks, awaitsClears: Schema.Boolean })
])

export type Command = typeof Command.Type

export const BreakerState = Schema.Literals(["Closed", "HalfOpen", "Open"])

export type BreakerState = typeof BreakerState.Type

export const bucketMillis = 100

/** A tenth of a second in one process. Times are milliseconds. */
export const Bucket = Schema.Struct({
  calls: Schema.Int,
  redis: Schema.Int,
  memory: Schema.Int,
  lookups: Schema.Int,
  misses: Schema.Int,
  p99: Schema.Finite,
  max: Schema.Finite,
  journal: Schema.Finite,
  loopDelay: Schema.Finite,
  breaker: BreakerState
})

export type Bucket = typeof Bucket.Type

/** A latency as it was, and with the event loop's own delay taken off. */
export const Latency = Schema.Struct({ raw: Schema.Finite, lessDelay: Schema.Finite })

export type Latency = typeof Latency.Type

/** A read that contradicts an acknowledged write. `at` is milliseconds since the fault began. */
export const Contradiction = Schema.Struct({
  region: Schema.String,
  operation: Schema.String,
  key: Schema.Int,
  returned: Schema.Int,
  acknowledged: Schema.Int,
  at: Schema.Finite
})

export type Contradiction = typeof Contradiction.Type

/** One shared key: when this process last had a write of it acknowledged (0: never), and the stamp of the value it reads now (0: none). */
export const SharedKey = Schema.Struct({ written: Schema.Finite, read: Schema.Finite })

/** What one worker saw from `start` to `end`. */
export const Observed = Schema.Struct({
  buckets: Schema.Array(Bucket),
  calls: Schema.Int,
  answered: Schema.Int,
  reads: Schema.Int,
  writes: Schema.Struct({ applied: Schema.Int, deferred: Schema.Int, rejected: Schema.Int }),
  clears: Schema.Struct({ applied: Schema.Int, deferred: Schema.Int }),
  contradicted: Schema.Int,
  examples: Schema.Array(Contradiction),
  slowest: Schema.Struct({ operation: Schema.String, ...Latency.fields }),
  slowestLessDelay: Schema.Struct({ operation: Schema.String, ...Latency.fields }),
  openReads: Schema.Struct({ count: Schema.Int, p99: Latency }),
  /** From `healed` until the circuit was closed and a value came from Redis; null: not before `end`. */
  backMillis: Schema.NullOr(Schema.Finite),
  journalMax: Schema.Finite,
  journalLeft: Schema.Finite,
  loopDelayMax: Schema.Finite,
  /**
   * Keys of its own for which Redis holds a value, and of those an older one than was acknowledged, and of those again
   * one that only a `clear` has taken out; null: could not be read.
   */
  inRedis: Schema.NullOr(Schema.Struct({ held: Schema.Int, older: Schema.Int, cleared: Schema.Int })),
  shared: Schema.Struct({
    reads: Schema.Int,
    olderThanOwn: Schema.Int,
    /** Reads of a value that this process had written before its last acknowledged write of that key. */
    broughtBack: Schema.Int,
    /** When it read another's value that it had read before its last acknowledged write of that key. */
    foreignBroughtBack: Schema.Array(Schema.Finite),
    keys: Schema.Array(SharedKey)
  })
})

export type Observed = typeof Observed.Type

export const CommandLine = Schema.fromJsonString(Command)

export const ObservedLine = Schema.fromJsonString(Schema.NullOr(Observed))
