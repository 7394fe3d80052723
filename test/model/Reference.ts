import * as Contradictions from "./Contradictions.ts"
import { type History, isWrite, keysOf, printCall } from "./History.ts"
import { type CallRecord, Facts, type Log, type LookupRecord, type Moment } from "./Log.ts"
import * as NearRules from "./NearRules.ts"
import * as ReplayRules from "./ReplayRules.ts"

export type Rule =
  | "contradicted"
  | "crossed"
  | "impatient"
  | "unanswered"
  | "died"
  | "rejected"
  | "failure kept"
  | "lookups beside each other"
  | "stored"
  | "resurrected"
  | "older stays"
  | "not written"
  | "good data deleted"
  | "followed"
  | "replayed"
  | "late"
  | "invariant"
  | "refused for ever"
  | "outlived"
  | "left behind"
  | "bypassed for ever"
  | "stale"
  | "not near again"
  | "nothing to fall back on"

/** A promise that was broken. */
export interface Violation {
  readonly rule: Rule
  readonly message: string
}

/** What the log contradicts. `patience` is in milliseconds. */
export const check = (history: History, log: Log, patience: number): ReadonlyArray<Violation> => {
  const facts = new Facts(history, log)
  const reads = log.calls.flatMap(({ cache, call, from, process, result, step, to }) => {
    if (result._tag !== "Values" || to === undefined) return []
    return keysOf(call).flatMap((key, index) => {
      const value = result.values[index]
      return value === undefined
        ? []
        : [{ region: call.region, key, value, process, cache, from, to, what: `call ${step} (process ${process})` }]
    })
  })
  const { end } = log
  const stored =
    end === undefined
      ? []
      : log.stored.flatMap(({ key, region, value }) =>
          value === undefined
            ? []
            : Array.from(log.alive, (process) => {
                const what = `in the end Redis, which process ${process} may read,`
                return { region, key, value, process, cache: 0, from: end, to: end, what }
              })
        )
  return [
    ...Contradictions.check(facts, reads, "contradicted"),
    ...Contradictions.check(facts, stored, "stored"),
    ...ReplayRules.check(facts),
    ...NearRules.check(facts),
    // While a process is suspended its time does not pass.
    ...log.calls.flatMap((record) => conduct(record, log, isSuspended(history) ? Number.POSITIVE_INFINITY : patience)),
    ...besideEachOther(log)
  ]
}

const isSuspended = ({ steps }: History): boolean => steps.some(({ _tag }) => _tag === "Suspend")

const conduct = (record: CallRecord, log: Log, patience: number): ReadonlyArray<Violation> => {
  const { call, from, result, step, to } = record
  const what = `call ${step} (${printCall(call)})`
  if (to === undefined) return [{ rule: "unanswered", message: `${what}, begun at ${from.at} ms, was never answered` }]
  switch (result._tag) {
    case "Pending":
    case "Interrupted":
      return []
    case "Died":
      return [{ rule: "died", message: `${what} died: ${result.message}` }]
    case "Outcomes":
      return [
        ...(result.outcomes.includes("Rejected")
          ? [{ rule: "rejected" as const, message: `${what} was rejected` }]
          : []),
        ...tooLong(what, to.at - from.at, patience)
      ]
    case "Values":
      return tooLong(what, to.at - from.at - lookupTime(record, log, result.values[0]), patience)
    case "LookupFailed": {
      const lookup = log.lookups.find(({ id }) => id === result.lookup)
      if (lookup?.to !== undefined && lookup.to.order < from.order) {
        return [{ rule: "failure kept", message: `${what} was given the failure of a lookup that ended before it` }]
      }
      return tooLong(what, to.at - from.at - lookupTime(record, log, result.lookup), patience)
    }
  }
}

const tooLong = (what: string, took: number, patience: number): ReadonlyArray<Violation> =>
  took <= patience + 0.001 ? [] : [{ rule: "impatient", message: `${what} took ${took} ms of its caller's time` }]

const lookupTime = ({ call, from }: CallRecord, log: Log, id: string | undefined): number => {
  if (call._tag !== "GetOrSet") return 0
  const lookup = log.lookups.find((one) => one.id === id)
  return lookup?.to === undefined ? 0 : Math.max(0, lookup.to.at - Math.max(lookup.from.at, from.at))
}

// Two lookups of one key at a time in one cache, although nothing was intended for it since the first
// was asked for and its caller waits.
const besideEachOther = (log: Log): ReadonlyArray<Violation> =>
  log.lookups.flatMap((later) => {
    const earlier = log.lookups.find(
      (one) => one !== later && isSamePlace(one, later) && runsAt(one, later.from) && isShared(one, later.from, log)
    )
    if (earlier === undefined) return []
    const message = `call ${later.step} began a lookup while that of call ${earlier.step} ran for the same key`
    return [{ rule: "lookups beside each other" as const, message }]
  })

const isSamePlace = (one: LookupRecord, other: LookupRecord): boolean =>
  one.process === other.process && one.cache === other.cache && one.region === other.region && one.key === other.key

const runsAt = ({ from, to }: { readonly from: Moment; readonly to: Moment | undefined }, { order }: Moment): boolean =>
  from.order < order && (to === undefined || to.order > order)

const isShared = (lookup: LookupRecord, at: Moment, log: Log): boolean => {
  const caller = log.calls.find(({ step }) => step === lookup.step)
  if (caller === undefined || !runsAt(caller, at)) return false
  return !log.calls.some(
    ({ call, from, process }) =>
      isWrite(call) &&
      process === lookup.process &&
      call.region === lookup.region &&
      keysOf(call).includes(lookup.key) &&
      from.order > caller.from.order &&
      from.order < at.order
  )
}
