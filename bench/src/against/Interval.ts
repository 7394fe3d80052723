/** A median, and the interval that holds the true one in 95 of 100 runs. */
export interface Interval {
  readonly median: number
  readonly low: number
  readonly high: number
  readonly rounds: number
}

/**
 * The median of paired rounds and its 95 % interval, from order statistics.
 *
 * **Details**
 *
 * Each ratio lies above the true median with probability one half, whatever its distribution. So the number of ratios
 * below it is binomial, and the interval ends at the outermost ranks that leave out at most 2.5 % on each side: the
 * second and the eighth of nine. Below six rounds no rank does so, and the interval is everything above zero.
 */
export const make = (ratios: ReadonlyArray<number>): Interval => {
  const sorted = [...ratios].sort((a, b) => a - b)
  const rounds = sorted.length
  const outside = ranksOutside(rounds)
  return {
    median: medianOf(sorted),
    low: outside === 0 ? 0 : (sorted[outside - 1] ?? 0),
    high: outside === 0 ? Number.POSITIVE_INFINITY : (sorted[rounds - outside] ?? Number.POSITIVE_INFINITY),
    rounds
  }
}

const medianOf = (sorted: ReadonlyArray<number>): number => {
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

/** The rank of the interval's end, counted from the outside; 0 where even the outermost is too far inside. */
const ranksOutside = (rounds: number): number => {
  let rank = 0
  let probability = 0.5 ** rounds
  let tail = probability
  while (tail <= 0.025 && rank < rounds) {
    rank++
    probability *= (rounds - rank + 1) / rank
    tail += probability
  }
  return rank
}

/**
 * A cell counts if a commit, measured against itself, is seen to be as fast within three per cent. Which of the two is
 * the dividend is arbitrary there, so the upper end is held to the same bound as the lower.
 */
export const isSame = ({ high, low }: Interval): boolean => low >= 0.97 && high <= 1 / 0.97

/** A commit may lose one part in twenty of the speed of the other. */
const nowAtLeast = 0.95

/** The interval lies on one side of the bound, so that more rounds would not change what is said. */
export const isSettled = ({ high, low }: Interval): boolean => low >= nowAtLeast || high < nowAtLeast

export type Verdict = "≥ 0.95" | "slower" | "undecidable"

/** What the ratio then ÷ now means, given what the same measurement says of a commit against itself. */
export const verdict = (same: Interval, now: Interval): Verdict => {
  if (!isSame(same) || now.low === 0) return "undecidable"
  return now.low >= nowAtLeast ? "≥ 0.95" : "slower"
}
