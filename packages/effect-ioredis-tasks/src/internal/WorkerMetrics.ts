import type { Dispatch } from "effect-ioredis/dispatch"
import type { Ending } from "./Handling.ts"
import * as Metrics from "./Metrics.ts"
import type { Settlement } from "./scripts/work.ts"

/** A settlement, with what is counted of it. */
export interface Settling extends Settlement {
  /** Names the kind of task. */
  readonly task: string
  /** Says why it is dead, if it is. */
  readonly reason: Metrics.Reason | undefined
}

/** How a handler ended that had a task in hand. */
export interface Ended {
  /** Names the kind of task. */
  readonly task: string
  /** What becomes of it, if that is this worker's to say. */
  readonly ending: Ending | undefined
  /** Why it was to be left off, if it was. */
  readonly why: string | undefined
  /** Names what it failed with, or why it was interrupted. */
  readonly errorType: string | undefined
  readonly millis: number
  /** Says whether another may have run the task at the same time. */
  readonly mayOverlap: boolean
}

/** Counts what one worker does. */
export interface WorkerMetrics {
  /** A handler begins with a task that may be begun since a moment of the server's clock. */
  readonly begun: (task: string, attempt: number, due: number) => void
  readonly ended: (end: Ended) => void
  /** Redis has taken a settlement, or refused it: another has the task, or had it. */
  readonly settled: (settling: Settling, isOwn: boolean) => void
  /** A round has ended after so many milliseconds. */
  readonly worked: (millis: number, errorType: string | undefined) => void
}

/** Counts by the metrics of a queue, whose keys are where `key` is. */
export const make = (metrics: Metrics.Metrics, dispatch: Dispatch, key: string): WorkerMetrics => ({
  begun: (task, attempt, due) => {
    metrics.consumed(task).count++
    if (attempt === 1) metrics.wait(task).record(Math.max(0, dispatch.nodeOf(key).time() - due) / 1000)
  },
  ended: ({ ending, errorType = Metrics.success, mayOverlap, millis, task, why }) => {
    if (why === "Lapsed" || why === "Lost") metrics.lapses.count++
    if (mayOverlap) metrics.overlaps.count++
    // What was handed back at once had no handler here.
    if (why === undefined && (ending?.kind === "back" || ending?.kind === "undecided")) return
    metrics
      .processing(task)(errorType)
      .record(millis / 1000)
  },
  settled: ({ kind, reason, task }, isOwn) => {
    if (!isOwn) metrics.late.count++
    else if (kind === "retry" || kind === "lost") metrics.retries(task).count++
    else if (reason !== undefined) metrics.deadLetters(task)(reason).count++
  },
  worked: (millis, errorType = Metrics.success) => {
    metrics.working(errorType).record(millis / 1000)
  }
})
