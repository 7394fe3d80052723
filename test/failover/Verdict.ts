import type { Figures } from "./Figures.ts"
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
  none("executed twice", figures.twice),
  none("told never sent, yet executed", figures.lied),
  ...cache(figures)
]

const back = ({ back }: Limits, figures: Figures): ReadonlyArray<Finding> => {
  if (back === undefined) return []
  const since = back.since === undefined ? 0 : (figures.marks.get(back.since) ?? 0)
  const alternative = back.orAfter === undefined ? 0 : (figures.marks.get(back.orAfter.mark) ?? 0) + back.orAfter.within
  const allowed = Math.max(since + back.within, alternative)
  const measured = figures[back.counts]
  const detail = `first ${seconds(figures.first)}, steady ${seconds(figures.steady)}`
  const marks = Array.from(figures.marks, ([mark, at]) => `${mark} ${seconds(at)}`).join(", ")
  return [
    {
      what: back.counts === "first" ? "back within" : "undisturbed from",
      asked: `${seconds(allowed)}${marks === "" ? "" : ` (${marks})`}`,
      measured: detail,
      holds: measured <= allowed
    }
  ]
}

const wait = ({ wait }: Limits, figures: Figures): Finding => {
  const asked = wait === "pause" ? Math.max(300, figures.rawLongest + 300) : wait
  return {
    what: "longest wait",
    asked: `${seconds(asked)}, and how late this process was: ${seconds(figures.lateMillis)}`,
    measured: `${seconds(figures.longest)} (raw ${seconds(figures.rawLongest)})`,
    // A timer that is due may still wait for a few others.
    holds: figures.longest <= asked + figures.lateMillis + 50
  }
}

const failures = ({ failed }: Limits, figures: Figures): Finding => {
  const forbidden = failed === "none" ? figures.failed : figures.othersFailed
  return {
    what: failed === "none" ? "calls failed" : "calls not concerned that failed",
    asked: "0",
    measured: `${forbidden}${failed === "none" ? "" : ` (concerned ${figures.failed - figures.othersFailed})`}`,
    holds: forbidden === 0
  }
}

const lost = ({ lost }: Limits, figures: Figures): Finding => {
  const measured = `${figures.lost} (raw ${figures.rawLost}), the last begun ${seconds(figures.lastLost)} after the fault`
  const finding = (asked: string, holds: boolean): Finding => ({
    what: "acknowledged and lost",
    asked,
    measured,
    holds
  })
  if (lost === "any") return finding("any", true)
  if (lost === "none") return finding("0", figures.lost === 0)
  if (lost === "asRaw") {
    const allowed = Math.floor(figures.rawLost * 1.1 + 5)
    return finding(`${allowed}`, figures.lost <= allowed)
  }
  return finding(`begun within ${seconds(lost.begunWithin)}`, figures.lastLost <= lost.begunWithin)
}

const cache = ({ cache, journal }: Figures): ReadonlyArray<Finding> => {
  if (cache === undefined || journal === undefined) return []
  return [
    {
      what: "calls of the cache not answered",
      asked: "0",
      measured: `${cache.unanswered} of ${cache.calls}, longest ${seconds(cache.longestMillis)}`,
      holds: cache.unanswered === 0
    },
    {
      what: "the journal's promise",
      asked: "nothing left, nothing older",
      measured:
        `${journal.keys} keys: ${journal.left} left after ${seconds(journal.emptyAfterMillis)}, ` +
        `older: ${journal.olderInRedis} held, ${cache.older + journal.olderRead} read`,
      holds: journal.left + journal.olderInRedis + cache.older + journal.olderRead === 0
    }
  ]
}

const none = (what: string, count: number): Finding => ({ what, asked: "0", measured: `${count}`, holds: count === 0 })

const seconds = (millis: number): string =>
  Number.isFinite(millis) ? (millis < 995 ? `${Math.round(millis)} ms` : `${(millis / 1000).toFixed(2)} s`) : "never"
