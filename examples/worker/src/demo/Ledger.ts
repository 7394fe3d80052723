import type { Entries, Run } from "./Entries.ts"
import type { History, Settlement } from "./History.ts"
import type { Fate } from "../Parcel.ts"
import { isScanned } from "../Plan.ts"

/** What is known of a round when it is over, from three witnesses: its plan, its diary, and Redis' file. */
export interface Evidence {
  /** What is to happen to each task, by its id. */
  readonly plan: ReadonlyMap<string, Fate>
  readonly entries: Entries
  readonly history: History
  /** When each process that was killed was gone, by its id. */
  readonly gone: ReadonlyMap<number, number>
  readonly outages: ReadonlyArray<Absence>
  /** When workers stood still. */
  readonly stops: ReadonlyArray<Absence>
}

/** Redis was away, or the process that has this id. */
export interface Absence {
  readonly name: "killed" | "frozen" | "stopped"
  readonly pid: number | undefined
  readonly from: number
  /** When it answered again. */
  readonly until: number
}

/** What became of every task. Each list holds ids. */
export interface Ledger {
  readonly offered: number
  readonly deferred: number
  readonly refused: ReadonlyArray<string>
  readonly doneOnce: number
  readonly doneMore: ReadonlyArray<string>
  readonly dead: Readonly<Record<string, number>>
  /** Dead, and should not be, or for another reason; or not dead, and should be. */
  readonly wrong: ReadonlyArray<string>
  /** Accepted, and neither over nor dead. */
  readonly lost: ReadonlyArray<string>
  /** Over, and no run of theirs was ever done; or by a run that was not. */
  readonly unearned: ReadonlyArray<string>
  readonly settledTwice: ReadonlyArray<string>
  /** Two runs at once, and how many of them had a worker that stood still. */
  readonly overlaps: ReadonlyArray<string>
  readonly stoodStill: number
  readonly runs: number
  /** Runs that were cut off by the end of their process. */
  readonly killed: number
  /** For how long nothing had begun after each outage, in milliseconds. */
  readonly resumed: ReadonlyArray<{ readonly name: string; readonly after: number }>
  /** In how many milliseconds tasks of killed workers began again, where Redis was there meanwhile. */
  readonly again: ReadonlyArray<number>
}

/** Compares the witnesses. */
export const of = (evidence: Evidence): Ledger => {
  const { entries, gone, history, outages, plan } = evidence
  const runs = groupedBy(entries.runs, ({ id }) => id)
  const settlements = groupedBy(history.settlements, ({ id }) => id)
  const runsOf = (id: string): ReadonlyArray<Run> => runs.get(id) ?? []
  const of = (id: string): ReadonlyArray<Settlement> => settlements.get(id) ?? []
  const dones = (id: string) => runsOf(id).filter(({ how }) => how === "done").length
  const ids = [...plan.keys()]
  const stopped = new Set(evidence.stops.map(({ pid }) => pid))
  const overlaps = ids.flatMap((id) => overlapsOf(id, runsOf(id), gone))
  const accepted = new Set(
    entries.offers.filter(({ answer }) => answer === "Enqueued" || answer === "Deferred").map(({ id }) => id)
  )
  const ended = ids.filter((id) => of(id).length > 0)
  return {
    offered: entries.offers.length,
    deferred: entries.offers.filter(({ answer }) => answer === "Deferred").length,
    refused: ids.filter((id) => !accepted.has(id)),
    doneOnce: ids.filter((id) => dones(id) === 1).length,
    doneMore: ids.filter((id) => dones(id) > 1),
    dead: counts(ended.flatMap((id) => (of(id)[0]?.kind === "dead" ? [reasonOf(of(id)[0])] : []))),
    wrong: ended.flatMap((id) => wrongOf(id, plan.get(id), of(id)[0], endingsOf(id, runsOf(id), evidence))),
    lost: ids.filter((id) => accepted.has(id) && of(id).length === 0),
    unearned: ended.filter((id) => of(id).some((settlement) => !isEarned(settlement, runsOf(id)))),
    settledTwice: ids.filter((id) => of(id).length > 1),
    overlaps: overlaps.map(({ id, millis }) => `${id} for ${millis.toFixed(0)} ms`),
    stoodStill: overlaps.filter(({ pid }) => stopped.has(pid)).length,
    runs: entries.runs.length,
    killed: entries.runs.filter(({ ended }) => ended === undefined).length,
    resumed: outages.map(({ name, until }) => ({ name, after: firstAfter(entries.runs, until) - until })),
    again: ids.flatMap((id) => againOf(runsOf(id), gone, outages))
  }
}

/** What is broken, in a sentence each. */
export const broken = ({ lost, refused, settledTwice, unearned, wrong }: Ledger): ReadonlyArray<string> =>
  [
    ["not accepted", refused],
    ["lost", lost],
    ["settled twice", settledTwice],
    ["settled without having been done", unearned],
    ["not dead as they must be", wrong]
  ].flatMap(([what, ids]) => (ids?.length ? [`${ids.length} ${what}, such as ${ids[0]}`] : []))

const reasonOf = (settlement: Settlement | undefined): string =>
  settlement === undefined || settlement.value === "" ? "?" : JSON.parse(settlement.value)._tag

// What a task must end with. One that is to die is lost instead, where its last worker could not say so.
const endingsOf = (id: string, runs: ReadonlyArray<Run>, evidence: Evidence): ReadonlyArray<string> => {
  const fate = evidence.plan.get(id)
  if (fate === "unreadable") return ["Undecodable"]
  if (fate === "returns") return ["Failed"]
  if (fate === undefined || !isScanned(fate)) return ["Success"]
  const last = runs.at(-1)
  if (last === undefined || (evidence.history.takes.get(id) ?? 0) < mostScans) return []
  if (fate === "kills") return ["Lost"]
  if (last.how !== "died") return ["Lost"]
  return couldSay(last, evidence) ? ["Died"] : ["Died", "Lost"]
}

// How often something is scanned before it is given up.
const mostScans = 3

// A settlement takes some milliseconds, and waits while Redis is away.
const settling = 1000

const couldSay = ({ ended = 0, pid }: Run, { gone, outages, stops }: Evidence): boolean => {
  const isGone = (gone.get(pid) ?? Number.POSITIVE_INFINITY) <= ended + settling
  const isAway = (absence: Absence) =>
    (absence.pid ?? pid) === pid && absence.from <= ended + settling && absence.until >= ended - settling
  return !isGone && !outages.some(isAway) && !stops.some(isAway)
}

const wrongOf = (
  id: string,
  fate: Fate | undefined,
  settlement: Settlement | undefined,
  endings: ReadonlyArray<string>
): ReadonlyArray<string> => {
  const reason = reasonOf(settlement)
  const kind = reason === "Success" ? "over" : "dead"
  return endings.includes(reason) && settlement?.kind === kind
    ? []
    : [`${id} (${fate}), which is ${settlement?.kind} by ${reason} instead of ${endings.join(" or ")}`]
}

// A result names the run that it is of.
const isEarned = ({ kind, value }: Settlement, runs: ReadonlyArray<Run>): boolean => {
  if (kind === "dead") return !runs.some(({ how }) => how === "done")
  const by = value === "" ? undefined : JSON.parse(value).value
  return runs.some(({ how, name }) => name === by && how === "done")
}

interface Overlap {
  readonly id: string
  readonly millis: number
  /** Whose run went on. */
  readonly pid: number
}

const overlapsOf = (id: string, runs: ReadonlyArray<Run>, gone: Evidence["gone"]): ReadonlyArray<Overlap> =>
  runs.flatMap((run, index) => {
    const next = runs[index + 1]
    const end = run.ended ?? gone.get(run.pid) ?? Number.POSITIVE_INFINITY
    if (next === undefined || next.began >= end) return []
    return [{ id, millis: Math.min(end, next.ended ?? end) - next.began, pid: run.pid }]
  })

const firstAfter = (runs: ReadonlyArray<Run>, at: number): number =>
  Math.min(...runs.map(({ began }) => began).filter((began) => began >= at))

const againOf = (
  runs: ReadonlyArray<Run>,
  gone: Evidence["gone"],
  outages: ReadonlyArray<Absence>
): ReadonlyArray<number> =>
  runs.flatMap((run, index) => {
    const next = runs[index + 1]
    const end = gone.get(run.pid)
    if (next === undefined || end === undefined || run.ended !== undefined) return []
    const isDisturbed = outages.some(({ from, until }) => from < next.began && until > end)
    return isDisturbed ? [] : [next.began - end]
  })

const counts = (words: ReadonlyArray<string>): Readonly<Record<string, number>> =>
  Object.fromEntries([...groupedBy(words, (word) => word)].map(([word, all]) => [word, all.length]))

const groupedBy = <A>(all: ReadonlyArray<A>, by: (one: A) => string): ReadonlyMap<string, ReadonlyArray<A>> => {
  const groups = new Map<string, Array<A>>()
  for (const one of all) {
    const group = groups.get(by(one))
    if (group === undefined) groups.set(by(one), [one])
    else group.push(one)
  }
  return groups
}
