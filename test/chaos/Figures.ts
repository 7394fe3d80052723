import type { Contradiction, Latency } from "./Protocol.ts"
import type { Outcome, Settings } from "./Round.ts"

/** The figures of one fault, over all workers; of latencies and delays, the worse worker's. Times are milliseconds. */
export interface Figures {
  readonly name: string
  readonly title: string
  readonly faultMillis: number
  readonly calls: number
  readonly answered: number
  readonly answeredPercent: number
  readonly checkedReads: number
  readonly contradicted: number
  readonly contradictions: ReadonlyArray<Contradiction>
  readonly writes: { readonly applied: number; readonly deferred: number; readonly rejected: number }
  readonly clears: { readonly applied: number; readonly deferred: number }
  readonly slowest: Latency & { readonly operation: string }
  readonly slowestLessDelay: Latency & { readonly operation: string }
  readonly openReads: number
  readonly openReadP99: Latency
  /** Null: not before the end of the round. */
  readonly backMillis: number | null
  readonly journalMax: number
  readonly journalLeft: number
  readonly loopDelayMax: number
  /**
   * Own keys for which Redis holds a value in the end, and those for which it is an older one than was acknowledged.
   * What only a `clear` took out, and the server has forgotten, is counted apart.
   */
  readonly redisHolds: number
  readonly redisHoldsOlder: number
  readonly redisHoldsCleared: number
  readonly shared: Shared
}

/** Keys that every worker writes. */
export interface Shared {
  readonly reads: number
  /** Reads of a value older than a write that the reading process had had acknowledged. */
  readonly olderThanOwn: number
  /** Reads of a value that the reading process had written before its last acknowledged write of that key: judged. */
  readonly broughtBack: number
  /** The same of another's value that it had read: judged, save where the fault says that it may be. */
  readonly foreignBroughtBack: number
  /** Keys written by more than one worker since the fault began. */
  readonly contested: number
  /** Of those, the keys whose newest acknowledged write was lost to an older value in the end. */
  readonly lost: number
  /** Keys for which the workers read different values in the end. */
  readonly disagree: number
}

export const make = ({ fault, marks, workers }: Outcome): Figures => {
  const sum = (of: (worker: (typeof workers)[number]) => number) => workers.reduce((total, one) => total + of(one), 0)
  const most = (of: (worker: (typeof workers)[number]) => number) => Math.max(0, ...workers.map(of))
  const worst = <A extends Latency>(of: (worker: (typeof workers)[number]) => A, by: (latency: A) => number): A => {
    const all = workers.map(of).toSorted((a, b) => by(b) - by(a))
    // There is always a worker.
    return { ...(all[0] as A), raw: rounded(all[0]?.raw ?? 0), lessDelay: rounded(all[0]?.lessDelay ?? 0) }
  }
  const calls = sum((one) => one.calls)
  const answered = sum((one) => one.answered)
  const cleared = fault.forgetsClears === true ? sum(({ inRedis }) => inRedis?.cleared ?? 0) : 0
  const backs = workers.map(({ backMillis }) => backMillis)
  return {
    name: fault.name,
    title: fault.title,
    faultMillis: Math.round(marks.healed - marks.fault),
    calls,
    answered,
    // Rounded down: one call in a million that was not answered is not 100 %.
    answeredPercent: calls === 0 ? 0 : Math.floor((answered / calls) * 100_000) / 1000,
    checkedReads: sum((one) => one.reads),
    contradicted: sum((one) => one.contradicted),
    contradictions: workers.flatMap(({ examples }) => examples).map((one) => ({ ...one, at: rounded(one.at) })),
    writes: {
      applied: sum(({ writes }) => writes.applied),
      deferred: sum(({ writes }) => writes.deferred),
      rejected: sum(({ writes }) => writes.rejected)
    },
    clears: { applied: sum(({ clears }) => clears.applied), deferred: sum(({ clears }) => clears.deferred) },
    slowest: worst(
      (one) => one.slowest,
      ({ raw }) => raw
    ),
    slowestLessDelay: worst(
      (one) => one.slowestLessDelay,
      ({ lessDelay }) => lessDelay
    ),
    openReads: sum((one) => one.openReads.count),
    openReadP99: worst(
      (one) => one.openReads.p99,
      ({ lessDelay }) => lessDelay
    ),
    backMillis: backs.some((back) => back === null) ? null : Math.round(Math.max(0, ...backs.map((back) => back ?? 0))),
    journalMax: most((one) => one.journalMax),
    journalLeft: sum((one) => one.journalLeft),
    loopDelayMax: rounded(most((one) => one.loopDelayMax)),
    redisHolds: sum(({ inRedis }) => inRedis?.held ?? 0),
    redisHoldsOlder: sum(({ inRedis }) => inRedis?.older ?? 0) - cleared,
    redisHoldsCleared: cleared,
    shared: {
      reads: sum(({ shared }) => shared.reads),
      olderThanOwn: sum(({ shared }) => shared.olderThanOwn),
      broughtBack: sum(({ shared }) => shared.broughtBack),
      foreignBroughtBack: sum(({ shared }) => shared.foreignBroughtBack.filter(isForeignJudged(fault, marks)).length),
      ...sharedEnd(workers, marks.fault)
    }
  }
}

const isForeignJudged =
  (fault: Outcome["fault"], marks: Outcome["marks"]) =>
  (at: number): boolean => {
    if (fault.foreignBack === "doubt") return at < marks.fault
    // The second counts from the moment that the older data are there, which is some time before the promotion.
    if (fault.foreignBack === "resynchronised") return at < marks.fault || at > marks.healed + 1000
    return true
  }

const sharedEnd = (workers: Outcome["workers"], since: number) => {
  const keys = workers[0]?.shared.keys.map((_, index) => workers.map(({ shared }) => shared.keys[index])) ?? []
  const ended = keys.map((views) => {
    const written = views.map((view) => view?.written ?? 0)
    const read = views.map((view) => view?.read ?? 0)
    const newest = Math.max(...written)
    return {
      contested: written.filter((at) => at >= since).length > 1,
      lost: read.some((at) => at > 0 && at < newest),
      disagree: new Set(read).size > 1
    }
  })
  return {
    contested: ended.filter(({ contested }) => contested).length,
    lost: ended.filter(({ contested, lost }) => contested && lost).length,
    disagree: ended.filter(({ disagree }) => disagree).length
  }
}

/** Every promise that was broken, in a plain sentence each. */
export const broken = (all: ReadonlyArray<Figures>, settings: Settings): ReadonlyArray<string> =>
  all.flatMap((one) => {
    const says = (isBroken: boolean, what: string) => (isBroken ? [`${one.title}: ${what}`] : [])
    const slowestAllowed = settings.patienceMillis + 250
    const backAllowed = settings.resetTimeoutMillis + 1000 + one.loopDelayMax
    return [
      ...says(one.calls === 0 || one.checkedReads === 0, "nothing was called, so nothing is proven."),
      ...says(one.clears.applied + one.clears.deferred === 0, "no region was cleared, so nothing is proven of that."),
      ...says(
        one.contradicted > 0,
        `${count(one.contradicted)} of ${count(one.checkedReads)} checked reads returned an older value than this process had had acknowledged.`
      ),
      ...says(
        one.shared.broughtBack + one.shared.foreignBroughtBack > 0,
        `${count(one.shared.broughtBack)} own and ${count(one.shared.foreignBroughtBack)} foreign values of shared keys were read again after a write that had replaced them was acknowledged.`
      ),
      ...says(
        one.answered < one.calls,
        `${count(one.calls - one.answered)} of ${count(one.calls)} calls were not answered.`
      ),
      ...says(
        one.slowestLessDelay.lessDelay > slowestAllowed,
        `the slowest call (${one.slowestLessDelay.operation}) took ${count(one.slowestLessDelay.lessDelay)} ms after the event loop's delay is taken off; ${count(slowestAllowed)} ms are allowed.`
      ),
      ...says(
        isOpenReadSlow(one),
        `with the circuit open, 1 % of the reads took ${count(one.openReadP99.lessDelay)} ms or more; less than 5 ms is promised.`
      ),
      ...says(one.backMillis === null, "Redis was not in use again before the round ended."),
      ...says(
        one.backMillis !== null && one.backMillis > backAllowed,
        `Redis was in use again only ${count(one.backMillis ?? 0)} ms after it answered; ${count(backAllowed)} ms are allowed.`
      ),
      ...says(one.redisHolds === 0, "in the end Redis could not be asked what it holds, or held nothing."),
      ...says(
        one.redisHoldsOlder > 0,
        `in the end Redis still held an older value than was acknowledged for ${count(one.redisHoldsOlder)} of ${count(one.redisHolds)} keys.`
      )
    ]
  })

/** Of fewer than a hundred reads, as while a circuit was open for a moment, the 99th percentile would be the slowest one: that is shown, not judged. */
export const isOpenReadSlow = ({ openReadP99, openReads }: Figures): boolean =>
  openReads >= 100 && openReadP99.lessDelay >= 5

export const count = (n: number): string => n.toLocaleString("en-US")

const rounded = (millis: number): number => Math.round(millis * 100) / 100
