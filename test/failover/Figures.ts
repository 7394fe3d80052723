import type { CacheFigures, JournalFigures } from "./CacheLoad.ts"
import type { Entry } from "./Ledger.ts"
import type { Redirects } from "./RawWriter.ts"
import type { Mark } from "./Row.ts"

/** What was seen while a row was played. */
export interface Observation {
  readonly entries: ReadonlyArray<Entry>
  readonly raw: ReadonlyArray<Entry>
  /** What the servers hold under each key of both. */
  readonly held: ReadonlyMap<string, string | null>
  readonly fault: number
  readonly concerns: (slot: number) => boolean
  readonly marks: ReadonlyMap<Mark, number>
  /** How often the raw writer was sent elsewhere. */
  readonly redirects: Redirects
  readonly cache: CacheFigures | undefined
  readonly journal: JournalFigures | undefined
  /** How late this process itself was at most. */
  readonly lateMillis: number
}

export interface Figures {
  readonly calls: number
  /** From the fault to the first success of a call concerned that began after it and is held. */
  readonly first: number
  /** From the fault to the success of the first call that began after the last one that failed or was lost. */
  readonly steady: number
  readonly longest: number
  readonly rawLongest: number
  readonly failed: number
  /** Failures of calls that were not concerned. */
  readonly othersFailed: number
  readonly lost: number
  readonly rawLost: number
  /** From the fault to the begin of the last acknowledged write that was lost. */
  readonly lastLost: number
  readonly twice: number
  /** Calls that were told that they were never sent, and yet are held. */
  readonly lied: number
  /** From the fault. */
  readonly marks: ReadonlyMap<Mark, number>
  readonly redirects: Redirects
  readonly errors: ReadonlyArray<readonly [message: string, count: number]>
  readonly cache: CacheFigures | undefined
  readonly journal: JournalFigures | undefined
  readonly lateMillis: number
}

export const make = (seen: Observation): Figures => {
  const { concerns, entries, fault, held, raw } = seen
  const countOf = (entry: Entry) => Number(held.get(entry.key) ?? 0)
  const isFailed = (entry: Entry) => entry.outcome !== "acknowledged"
  const isLost = (entry: Entry) => entry.outcome === "acknowledged" && countOf(entry) === 0
  const concerned = entries.filter((entry) => entry.start >= fault && concerns(entry.slot))
  const disturbed = concerned.filter((entry) => isFailed(entry) || isLost(entry))
  const kept = concerned.filter((entry) => !isFailed(entry) && !isLost(entry))
  const lastDisturbed = Math.max(fault, ...disturbed.map(({ start }) => start))
  const lost = entries.filter(isLost)
  return {
    calls: entries.length,
    first: Math.min(Number.POSITIVE_INFINITY, ...kept.map(({ end }) => end)) - fault,
    steady:
      Math.min(Number.POSITIVE_INFINITY, ...kept.filter(({ start }) => start >= lastDisturbed).map(({ end }) => end)) -
      fault,
    longest: longestOf(entries),
    rawLongest: longestOf(raw),
    failed: entries.filter(isFailed).length,
    othersFailed: entries.filter((entry) => isFailed(entry) && !concerns(entry.slot)).length,
    lost: lost.length,
    rawLost: raw.filter(isLost).length,
    lastLost: Math.max(0, ...lost.map(({ start }) => start - fault)),
    twice: entries.filter((entry) => countOf(entry) > 1).length,
    lied: entries.filter((entry) => entry.outcome === "never" && countOf(entry) > 0).length,
    marks: new Map(Array.from(seen.marks, ([mark, at]) => [mark, at - fault])),
    redirects: seen.redirects,
    errors: errorsOf(entries),
    cache: seen.cache,
    journal: seen.journal,
    lateMillis: seen.lateMillis
  }
}

const longestOf = (entries: ReadonlyArray<Entry>) => Math.max(0, ...entries.map(({ end, start }) => end - start))

// Keys and ports differ from call to call, and would make every message another.
const errorsOf = (entries: ReadonlyArray<Entry>) => {
  const counts = new Map<string, number>()
  for (const { error, outcome } of entries) {
    if (outcome === "acknowledged") continue
    const message = `${outcome}: ${(error ?? "no answer").replace(/\d{2,}/g, "#").slice(0, 160)}`
    counts.set(message, (counts.get(message) ?? 0) + 1)
  }
  return Array.from(counts).sort(([, a], [, b]) => b - a)
}
