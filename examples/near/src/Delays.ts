import { Schema } from "effect"

/** What a reader says of the prices that it was shown. All times are in milliseconds. */
export const Report = Schema.Struct({
  prices: Schema.Int,
  /** From the beginning of a write to the read that showed it. */
  p50: Schema.Finite,
  p99: Schema.Finite,
  /** The same without the time for which the reader itself was late. */
  p99OfRedis: Schema.Finite,
  reads: Schema.Int,
  /** Those of them that memory answered. */
  fromMemory: Schema.Int
})

export type Report = typeof Report.Type

/** Collects how long writes took to be seen by a loop that reads again and again. */
export interface Delays {
  /** Notes that the loop went on this much later than it had asked for. */
  readonly wokeUp: (at: number, late: number) => void
  /** Notes that something written then was read now for the first time. */
  readonly saw: (writtenAt: number, at: number) => void
  readonly count: () => number
  readonly figures: () => Pick<Report, "prices" | "p50" | "p99" | "p99OfRedis">
}

/** Makes an empty collection. */
export const make = (): Delays => {
  const whole: Array<number> = []
  const ofRedis: Array<number> = []
  let turns: Array<{ readonly at: number; readonly late: number }> = []
  return {
    wokeUp: (at, late) => turns.push({ at, late: Math.max(0, late) }),
    saw: (writtenAt, at) => {
      // What the loop was late by before the write is no part of the delay.
      const late = turns.reduce((sum, turn) => sum + Math.min(turn.late, Math.max(0, turn.at - writtenAt)), 0)
      turns = []
      whole.push(at - writtenAt)
      ofRedis.push(Math.max(0, at - writtenAt - late))
    },
    count: () => whole.length,
    figures: () => ({
      prices: whole.length,
      p50: percentile(whole, 0.5),
      p99: percentile(whole, 0.99),
      p99OfRedis: percentile(ofRedis, 0.99)
    })
  }
}

/** The value below which that share of all lies; 0 where there is none. */
const percentile = (values: ReadonlyArray<number>, share: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
}
