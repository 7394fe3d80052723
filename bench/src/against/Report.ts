import * as Interval from "./Interval.ts"
import type { Measurement } from "./Measure.ts"

/** The measurements as a table, with what the columns mean. */
export const format = (then: string, measurements: ReadonlyArray<Measurement>): string => {
  const rows = measurements.map((measurement) => {
    const { cell, now, same } = measurement
    return [
      cell.name.padEnd(12),
      range(same).padStart(15),
      (now.rounds === 0 ? "–" : now.median.toFixed(3)).padStart(7),
      range(now).padStart(15),
      String(now.rounds).padStart(7),
      verdictOf(measurement)
    ].join("  ")
  })
  return [
    `Processor time per call, ${then} ÷ now: above 1 now is faster.`,
    "Ratios are medians of paired rounds; intervals are the 95 % of order statistics. A/A is the commit against itself.",
    "",
    [
      "cell".padEnd(12),
      "A/A 95 %".padStart(15),
      "ratio".padStart(7),
      "95 %".padStart(15),
      "rounds".padStart(7),
      "verdict"
    ].join("  "),
    ...rows
  ].join("\n")
}

const range = ({ high, low }: Interval.Interval): string => (low === 0 ? "–" : `${low.toFixed(3)} – ${high.toFixed(3)}`)

const verdictOf = ({ failure, now, same }: Measurement): string => {
  if (failure !== undefined) return `does not count: ${failure}`
  if (now.rounds === 0) return "does not count: no time was left"
  return Interval.verdict(same, now)
}

/** A cell that counts is slower than it may be. */
export const isSlower = ({ failure, now, same }: Measurement): boolean =>
  failure === undefined && Interval.verdict(same, now) === "slower"
