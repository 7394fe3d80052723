import { type Call, isWrite, keyName, keysOf, printCall, regionName } from "./History.ts"

/** When something happened: its place in the order of everything that did, and the virtual time in milliseconds. */
export interface Moment {
  readonly order: number
  readonly at: number
}

/** What came of a call. Of a read one value or none per key, of a write one outcome per key. */
export type Result =
  | { readonly _tag: "Pending" }
  | { readonly _tag: "Interrupted" }
  | { readonly _tag: "Values"; readonly values: ReadonlyArray<string | undefined> }
  | { readonly _tag: "Outcomes"; readonly outcomes: ReadonlyArray<string> }
  | { readonly _tag: "LookupFailed"; readonly lookup: string }
  | { readonly _tag: "Died"; readonly message: string }

/** A call as it went. `writes` are the ids of the values it wrote, one per key. */
export interface CallRecord {
  readonly step: number
  readonly process: number
  readonly call: Call
  readonly writes: ReadonlyArray<string>
  readonly from: Moment
  to: Moment | undefined
  result: Result
}

/** A lookup as it went; what it found, or failed with, has its id. */
export interface LookupRecord {
  readonly id: string
  readonly process: number
  readonly region: number
  readonly key: number
  readonly step: number
  readonly from: Moment
  to: Moment | undefined
}

/** A value that somebody else put into Redis. */
export interface ForeignRecord {
  readonly id: string
  readonly region: number
  readonly key: number
  readonly at: Moment
}

/** A value that a server was sent, by whomever. */
export interface Sent {
  readonly value: string
  readonly at: number
}

/** What Redis holds once everything is well again, and the process that runs then. */
export interface Stored {
  readonly region: number
  readonly key: number
  readonly value: string
  readonly process: number
  readonly from: Moment
}

/** Everything that was seen of a history. */
export interface Log {
  readonly calls: Array<CallRecord>
  readonly lookups: Array<LookupRecord>
  readonly foreign: Array<ForeignRecord>
  readonly stored: Array<Stored>
  readonly sent: ReadonlyArray<Sent>
}

export const emptyLog = (): Omit<Log, "sent"> => ({ calls: [], lookups: [], foreign: [], stored: [] })

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
  | "refused for ever"
  | "outlived"
  | "left behind"
  | "bypassed for ever"

/** A promise that was broken. */
export interface Violation {
  readonly rule: Rule
  readonly message: string
}

/** What the log contradicts. `patience` is in milliseconds. */
export const check = (log: Log, patience: number): ReadonlyArray<Violation> => {
  const known = written(log)
  const reads = log.calls.flatMap((record): ReadonlyArray<Read> => {
    const { call, from, process, result, step } = record
    if (result._tag !== "Values") return []
    return keysOf(call).flatMap((key, index) => {
      const value = result.values[index]
      return value === undefined ? [] : [{ region: call.region, key, value, process, from, what: `call ${step}` }]
    })
  })
  const stored = log.stored.map((one): Read => ({ ...one, what: "in the end Redis" }))
  const intents = acknowledged(log)
  return [
    ...reads.flatMap((read) => contradiction(read, known, intents, log, "contradicted")),
    ...stored.flatMap((read) => contradiction(read, known, intents, log, "stored")),
    ...log.calls.flatMap((record) => conduct(record, log, patience)),
    ...besideEachOther(log)
  ]
}

interface Read {
  readonly region: number
  readonly key: number
  readonly value: string
  readonly process: number
  readonly from: Moment
  readonly what: string
}

// A value, its place, and from when on it is known to be older than whatever is begun.
interface Written {
  readonly region: number
  readonly key: number
  readonly process: number
  readonly by: string
  settled: Moment | undefined
}

interface Intent {
  readonly region: number
  readonly key: number
  readonly process: number
  readonly value: string | undefined
  readonly from: Moment
  readonly to: Moment
  readonly what: string
}

const elsewhere = -1

const written = (log: Log): ReadonlyMap<string, Written> => {
  const values = new Map<string, Written>()
  for (const { call, process, step, to, writes } of log.calls) {
    writes.forEach((value, index) => {
      const key = keysOf(call)[index] ?? 0
      values.set(value, { region: call.region, key, process, by: `call ${step}`, settled: to })
    })
  }
  // An intent detaches the lookups that run: what they find is older than it.
  for (const { from, id, key, process, region, step } of log.lookups) {
    values.set(id, { region, key, process, by: `the lookup of call ${step}`, settled: from })
  }
  for (const { at, id, key, region } of log.foreign) {
    values.set(id, { region, key, process: elsewhere, by: "somebody else", settled: at })
  }
  // What was read is written, even if its writer does not know yet.
  for (const { result, to } of log.calls) {
    if (result._tag !== "Values" || to === undefined) continue
    for (const value of result.values) {
      const known = value === undefined ? undefined : values.get(value)
      if (known !== undefined && (known.settled === undefined || to.order < known.settled.order)) known.settled = to
    }
  }
  return values
}

const acknowledged = (log: Log): ReadonlyArray<Intent> =>
  log.calls.flatMap(({ call, from, process, result, step, to, writes }) => {
    if (result._tag !== "Outcomes" || to === undefined) return []
    return keysOf(call).flatMap((key, index) => {
      const outcome = call._tag === "Clear" ? result.outcomes[0] : result.outcomes[index]
      if (outcome !== "Applied" && outcome !== "Deferred") return []
      const what = `call ${step} (${printCall(call)}), ${outcome} at ${to.at} ms`
      return [{ region: call.region, key, process, value: writes[index], from, to, what }]
    })
  })

const contradiction = (
  read: Read,
  known: ReadonlyMap<string, Written>,
  intents: ReadonlyArray<Intent>,
  log: Log,
  rule: Rule
): ReadonlyArray<Violation> => {
  const value = known.get(read.value)
  const at = `${regionName(read.region)}.${keyName(read.key)}`
  if (value === undefined) return [{ rule: "crossed", message: `${read.what} found in ${at} what nobody wrote` }]
  if (value.region !== read.region || value.key !== read.key) {
    const from = `${regionName(value.region)}.${keyName(value.key)}`
    return [{ rule: "crossed", message: `${read.what} found in ${at} the value of ${from} (${value.by})` }]
  }
  const { settled } = value
  if (settled === undefined) return []
  const against = intents.find(
    (intent) =>
      intent.process === read.process &&
      intent.region === read.region &&
      intent.key === read.key &&
      intent.value !== read.value &&
      intent.to.order < read.from.order &&
      settled.order < intent.from.order &&
      // Another process may send its write late, or again.
      !(
        value.process !== read.process &&
        log.sent.some((sent) => sent.value === read.value && sent.at >= intent.from.at)
      )
  )
  if (against === undefined) return []
  const message = `${read.what}, at ${read.from.at} ms, has in ${at} the value of ${value.by}, which is older than ${against.what}`
  return [{ rule, message }]
}

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
  took <= patience ? [] : [{ rule: "impatient", message: `${what} took ${took} ms of its caller's time` }]

const lookupTime = ({ call, from }: CallRecord, log: Log, id: string | undefined): number => {
  if (call._tag !== "GetOrSet") return 0
  const lookup = log.lookups.find((one) => one.id === id)
  return lookup?.to === undefined ? 0 : Math.max(0, lookup.to.at - Math.max(lookup.from.at, from.at))
}

// Two lookups of one key at a time, although nothing was intended for it since the first was asked for and its caller waits.
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
  one.process === other.process && one.region === other.region && one.key === other.key

const runsAt = ({ from, to }: { readonly from: Moment; readonly to: Moment | undefined }, { order }: Moment): boolean =>
  from.order < order && (to === undefined || to.order > order)

const isShared = (lookup: LookupRecord, at: Moment, log: Log): boolean => {
  const caller = log.calls.find(({ step }) => step === lookup.step)
  if (caller === undefined || !runsAt(caller, at)) return false
  return !log.calls.some(
    ({ call, from }) =>
      isWrite(call) &&
      call.region === lookup.region &&
      keysOf(call).includes(lookup.key) &&
      from.order > caller.from.order &&
      from.order < at.order
  )
}
