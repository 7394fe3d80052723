/** What was asked in one phase of the demo, and what came of it. Mutable: it is written to some hundred times a second. */
export interface Tally {
  requests: number
  answered: number
  /** One line per request that got no answer, or a wrong one. */
  readonly errors: Array<string>
  /** Milliseconds from the moment a request was due until its answer was there, one per answered request. */
  readonly latencies: Array<number>
}

export const make = (): Tally => ({ requests: 0, answered: 0, errors: [], latencies: [] })

export const slowest = (tally: Tally): number => tally.latencies.reduce((max, ms) => Math.max(max, ms), 0)

/** The latency that the given share of all answers did not exceed. */
export const percentile = (tally: Tally, share: number): number => {
  const sorted = tally.latencies.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0
}

export const total = (tallies: ReadonlyArray<Tally>) =>
  tallies.reduce(
    (sum, { requests, answered, errors }) => ({
      requests: sum.requests + requests,
      answered: sum.answered + answered,
      errors: sum.errors + errors.length
    }),
    { requests: 0, answered: 0, errors: 0 }
  )
