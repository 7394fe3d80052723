import type { Figures } from "./Figures.ts"
import { millis } from "./millis.ts"
import type { Limits } from "./Row.ts"

/** One figure beside what it is held to. */
export interface Finding {
  readonly what: string
  readonly asked: string
  readonly measured: string
  readonly holds: boolean
}

/** Every promise of a row, kept or not. */
export const of = (limits: Limits, figures: Figures): ReadonlyArray<Finding> => [
  ...back(limits, figures),
  wait(limits, figures),
  failures(limits, figures),
  lost(limits, figures),
  none("executed twice", figures.library.twice),
  none("told never sent, yet executed", figures.library.lied),
  ...cache(figures)
]

const back = ({ back }: Limits, { lateMillis, library, marks, raw }: Figures): ReadonlyArray<Finding> => {
  if (back === undefined) return []
  const since = back.since === undefined ? 0 : (marks.get(back.since) ?? 0)
  const besideRaw = back.afterRaw === undefined ? 0 : raw[back.counts] + back.afterRaw
  const allowed = Math.max(since + back.within, besideRaw)
  const seen = Array.from(marks, ([mark, at]) => `${mark} ${millis(at)}`).join(", ")
  return [
    {
      what: back.counts === "first" ? "back within" : "undisturbed from",
      asked: `${millis(allowed)} + ${millis(lateMillis)} of this process${seen === "" ? "" : ` (${seen})`}`,
      measured: `first ${millis(library.first)}, steady ${millis(library.steady)} (raw ${millis(raw.first)}, ${millis(raw.steady)})`,
      holds: library[back.counts] <= allowed + lateMillis
    }
  ]
}

const wait = ({ wait }: Limits, { lateMillis, library, raw }: Figures): Finding => {
  const asked = wait === "pause" ? Math.max(300, raw.longest + 300) : wait
  return {
    what: "longest wait",
    asked: `${millis(asked)} + ${millis(lateMillis)} of this process`,
    measured: `${millis(library.longest)} (raw ${millis(raw.longest)})`,
    // A timer that is due may still wait for a few others.
    holds: library.longest <= asked + lateMillis + 50
  }
}

const failures = ({ failed }: Limits, { library }: Figures): Finding => {
  const forbidden = failed === "none" ? library.failed : library.othersFailed
  return {
    what: failed === "none" ? "calls failed" : "calls not concerned that failed",
    asked: "0",
    measured: `${forbidden}${failed === "none" ? "" : ` (concerned ${library.failed - library.othersFailed})`}`,
    holds: forbidden === 0
  }
}

const lost = ({ lost }: Limits, { library, raw }: Figures): Finding => {
  const measured = `${library.lost} (raw ${raw.lost}), the last begun ${millis(library.lastLost)} after the fault`
  const finding = (asked: string, holds: boolean): Finding => ({
    what: "acknowledged and lost",
    asked,
    measured,
    holds
  })
  if (lost === "any") return finding("any", true)
  if (lost === "none") return finding("0", library.lost === 0)
  if (lost === "asRaw") {
    const allowed = Math.floor(raw.lost * 1.1 + 5)
    return finding(`${allowed}`, library.lost <= allowed)
  }
  return finding(`begun within ${millis(lost.begunWithin)}`, library.lastLost <= lost.begunWithin)
}

// Beyond patience a call may wait for this process itself, which has the load, the proxies and the checks as well.
const cacheMargin = 200

const cache = ({ cache, journal, lateMillis }: Figures): ReadonlyArray<Finding> => {
  if (cache === undefined || journal === undefined) return []
  const allowed = cache.patienceMillis + cacheMargin + lateMillis
  return [
    {
      what: "calls of the cache not answered",
      asked: `0, within ${millis(allowed)}`,
      measured: `${cache.failed} of ${cache.calls}, longest ${millis(cache.longestMillis)}`,
      holds: cache.failed === 0 && cache.longestMillis <= allowed
    },
    {
      what: "the journal's promise",
      asked: "nothing left, nothing older",
      measured:
        `${journal.keys} keys: ${journal.left} left after ${millis(journal.emptyAfterMillis)}, ` +
        `older: ${journal.olderInRedis} held, ${cache.older + journal.olderRead} read`,
      holds: journal.left + journal.olderInRedis + cache.older + journal.olderRead === 0
    }
  ]
}

const none = (what: string, count: number): Finding => ({ what, asked: "0", measured: `${count}`, holds: count === 0 })
