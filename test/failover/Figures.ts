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

/** What became of the calls of one writer. */
export interface Calls {
  readonly count: number
  /** From the fault to the first success of a call concerned that began after it and is held. */
  readonly first: number
  /** From the fault to the success of the first call that began after the last one that failed or was lost. */
  readonly steady: number
  readonly longest: number
  readonly failed: number
  /** Failures of calls that were not concerned. */
  readonly othersFailed: number
  /** Acknowledged, and not held. */
  readonly lost: number
  /** From the fault to the begin of the last acknowledged write that was lost. */
  readonly lastLost: number
  readonly twice: number
  /** Calls that were told that they were never sent, and yet are held. */
  readonly lied: number
  readonly errors: ReadonlyArray<readonly [message: string, count: number]>
}

export interface Figures {
  readonly library: Calls
  readonly raw: Calls
  readonly redirects: Redirects
  /** From the fault. */
  readonly marks: ReadonlyMap<Mark, number>
  readonly cache: CacheFigures | undefined
  readonly journal: JournalFigures | undefined
  readonly lateMillis: number
}

export const make = (seen: Observation): Figures => {
  const { cache, entries, fault, journal, lateMillis, marks, raw, redirects } = seen
  return {
    library: callsOf(entries, seen),
    raw: callsOf(raw, seen),
    redirects,
    marks: new Map(Array.from(marks, ([mark, at]) => [mark, at - fault])),
    cache,
    journal,
    lateMillis
  }
}

const callsOf = (entries: ReadonlyArray<Entry>, { concerns, fault, held }: Observation): Calls => {
  const countOf = (entry: Entry) => Number(held.get(entry.key) ?? 0)
  const isFailed = (entry: Entry) => entry.outcome !== "acknowledged"
  const isLost = (entry: Entry) => entry.outcome === "acknowledged" && countOf(entry) === 0
  const isDisturbed = (entry: Entry) => isFailed(entry) || isLost(entry)
  const concerned = entries.filter((entry) => entry.start >= fault && concerns(entry.slot))
  const kept = concerned.filter((entry) => !isDisturbed(entry))
  const lastDisturbed = Math.max(fault, ...concerned.filter(isDisturbed).map(({ start }) => start))
  const firstEnd = (some: ReadonlyArray<Entry>) => Math.min(Number.POSITIVE_INFINITY, ...some.map(({ end }) => end))
  const lost = entries.filter(isLost)
  return {
    count: entries.length,
    first: firstEnd(kept) - fault,
    steady: firstEnd(kept.filter(({ start }) => start >= lastDisturbed)) - fault,
    longest: longestOf(entries),
    failed: entries.filter(isFailed).length,
    othersFailed: entries.filter((entry) => isFailed(entry) && !concerns(entry.slot)).length,
    lost: lost.length,
    lastLost: Math.max(0, ...lost.map(({ start }) => start - fault)),
    twice: entries.filter((entry) => countOf(entry) > 1).length,
    lied: entries.filter((entry) => entry.outcome === "never" && countOf(entry) > 0).length,
    errors: errorsOf(entries)
  }
}

const longestOf = (entries: ReadonlyArray<Entry>) => Math.max(0, ...entries.map(({ end, start }) => end - start))

// Keys and ports differ from call to call, and would make every message another.
const errorsOf = (entries: ReadonlyArray<Entry>) => {
  const counts = new Map<string, number>()
  for (const { error, outcome } of entries) {
    if (outcome === "acknowledged") continue
    const message = `${outcome}: ${(error ?? "no answer").replace(/\d{2,}/g, "#").slice(0, 280)}`
    counts.set(message, (counts.get(message) ?? 0) + 1)
  }
  return Array.from(counts).sort(([, a], [, b]) => b - a)
}
