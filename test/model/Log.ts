import {
  type Call,
  type History,
  keyName,
  keysOf,
  type Place,
  printCall,
  regionName,
  removedFor,
  storedKey
} from "./History.ts"
import { slotOf } from "../../packages/effect-ioredis/src/internal/slot.ts"

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
  readonly cache: number
  readonly call: Call
  readonly writes: ReadonlyArray<string>
  readonly from: Moment
  to: Moment | undefined
  result: Result
  /** Whether its cache has answered meanwhile because Redis did not. */
  fellBack: boolean
  /** Whether the journal of the process had anything while it ran. */
  wasJournaling: boolean
}

/** A lookup as it went; what it found, or failed with, has its id. */
export interface LookupRecord {
  readonly id: string
  readonly process: number
  readonly cache: number
  readonly region: number
  readonly key: number
  readonly step: number
  readonly from: Moment
  to: Moment | undefined
}

/** A write of somebody else, straight into Redis: a value or a removal. */
export interface ForeignRecord {
  readonly id: string | undefined
  readonly region: number
  readonly key: number
  readonly at: Moment
}

/** A command that stores something: a value, or the mark of a removal if there is none. */
export interface Storing {
  readonly region: number
  readonly key: number
  readonly value: string | undefined
  readonly by: "SET" | "SET NX" | "script"
}

/** One that a process gave to a connection. */
export interface SubmittedRecord extends Storing {
  readonly process: number
  readonly moment: Moment
}

/** One that the server executed. */
export interface ExecutedRecord extends Storing {
  readonly at: number
}

/** When a server was given older data. `inPlace` leaves its connections open. */
export interface LossRecord {
  readonly moment: Moment
  readonly inPlace: boolean
  /** The slots that it concerns; without them every key may be. */
  readonly slots: ReadonlySet<number> | undefined
  /** The address of the node that has to notice, where there are several. */
  readonly node: string | undefined
}

/** When some slots, or all of them, got another master. */
export interface MoveRecord {
  readonly moment: Moment
  readonly slots: ReadonlySet<number> | undefined
}

/** When a master was cut off from the others, and nobody told its clients, and until when. */
export interface SplitRecord {
  readonly from: Moment
  to: Moment | undefined
}

/** When a process was suspended, and until when. */
export interface SuspensionRecord {
  readonly process: number
  readonly from: Moment
  to: Moment | undefined
}

/** What Redis holds once everything is well again: a value, the mark of a removal, or nothing. */
export interface StoredRecord {
  readonly region: number
  readonly key: number
  readonly value: string | undefined
}

/** Everything that was seen of a history. */
export interface Log {
  readonly calls: Array<CallRecord>
  readonly lookups: Array<LookupRecord>
  readonly foreign: Array<ForeignRecord>
  readonly submitted: Array<SubmittedRecord>
  readonly losses: Array<LossRecord>
  readonly moves: Array<MoveRecord>
  readonly splits: Array<SplitRecord>
  readonly suspensions: Array<SuspensionRecord>
  /** When processes were told of a session, of a change of history, or of another owner. */
  readonly notices: Array<{ readonly process: number; readonly node: string; readonly moment: Moment }>
  readonly stored: Array<StoredRecord>
  executed: ReadonlyArray<ExecutedRecord>
  /** The processes that were alive when everything was well again, and when that was. */
  alive: ReadonlySet<number>
  end: Moment | undefined
}

export const empty = (): Log => ({
  calls: [],
  lookups: [],
  foreign: [],
  submitted: [],
  losses: [],
  moves: [],
  splits: [],
  suspensions: [],
  notices: [],
  stored: [],
  executed: [],
  alive: new Set(),
  end: undefined
})

/** Somebody who is no process of the model. */
export const elsewhere = -1

/** A `set`, `remove` or `clear` of one key. Without an outcome it was not acknowledged. */
export interface Intent {
  readonly _tag: "Set" | "Remove" | "Clear"
  readonly region: number
  readonly key: number
  readonly process: number
  readonly value: string | undefined
  readonly life: number
  readonly from: Moment
  readonly to: Moment | undefined
  readonly outcome: string | undefined
  readonly what: string
}

/**
 * When what an intent leaves in Redis under its key expires: a value, or in some regions a mark. Somebody
 * else's removal leaves nothing.
 */
export const expiryOf = ({ _tag, from, life, process }: Intent): number => {
  if (_tag === "Set") return from.at + life
  return process === elsewhere ? from.at : from.at + removedFor
}

/** What the rules ask of a log. */
export class Facts {
  readonly history: History
  readonly log: Log
  readonly intents: ReadonlyArray<Intent>
  /** By how much the written-at of two processes may be wrong: a slow TIME is an inexact one. */
  readonly clockError: number
  /** What users may not have been allowed at some time. */
  readonly denied: ReadonlySet<string>
  /** Whether Redis answered errors at some time. */
  readonly hasErrors: boolean
  /** Whether a user may have been told at some time that he may not write. */
  readonly mayBeDenied: boolean
  readonly #submitted = new Map<string, Array<SubmittedRecord>>()
  readonly #executed = new Map<string, Array<ExecutedRecord>>()
  readonly #byPlace = new Map<string, Array<Intent>>()

  constructor(history: History, log: Log) {
    this.history = history
    this.log = log
    this.intents = [...log.calls.flatMap(intentsOf), ...log.foreign.map(foreignIntent)]
    const delays = history.steps.map((step) =>
      step._tag === "Trouble" && step.trouble._tag === "Delay" ? step.trouble.millis : 0
    )
    // Nothing bounds how long an answer of TIME takes that a connection holds back.
    const holdsBack = history.steps.some(
      (step) =>
        step._tag === "Stall" ||
        step._tag === "Hold" ||
        step._tag === "Suspend" ||
        (step._tag === "Trouble" && step.trouble._tag === "Freeze")
    )
    const jumps = history.steps.reduce((sum, step) => sum + (step._tag === "Jump" ? Math.abs(step.millis) : 0), 0)
    this.clockError = 100 + history.latency + Math.max(0, ...delays) + (holdsBack ? 2000 : 0) + jumps
    const permits = history.steps.flatMap((step) => (step._tag === "Permit" ? step.denied : []))
    this.denied = new Set([...history.denied, ...permits])
    const codes = history.steps.flatMap((step) =>
      step._tag === "Trouble" && step.trouble._tag === "Error" ? [step.trouble.code] : []
    )
    this.hasErrors = codes.length > 0
    this.mayBeDenied = codes.includes("NOPERM")
    for (const one of log.submitted) push(this.#submitted, one.value ?? "", one)
    for (const one of log.executed) push(this.#executed, placeOf(one), one)
    for (const one of this.intents) push(this.#byPlace, placeOf(one), one)
  }

  /** Whether every user could run scripts all the time. */
  get hasScripts(): boolean {
    return !this.denied.has("EVAL") && !this.hasErrors
  }

  intentsAt(place: Place): ReadonlyArray<Intent> {
    return this.#byPlace.get(placeOf(place)) ?? []
  }

  submissionsOf(value: string): ReadonlyArray<SubmittedRecord> {
    return this.#submitted.get(value) ?? []
  }

  executedAt(place: Place): ReadonlyArray<ExecutedRecord> {
    return this.#executed.get(placeOf(place)) ?? []
  }

  /**
   * Whether an intent, or one after it, had expired by then. What has expired holds back nothing that is
   * older, in a region of `latest`: an absent key is written.
   */
  isForgotten(intent: Intent, at: number): boolean {
    return this.intentsAt(intent).some(
      (later) => later._tag !== "Clear" && later.from.order >= intent.from.order && expiryOf(later) <= at
    )
  }

  /** Whether Redis lost data at some time from this moment on: of this key, if one is named. */
  lostSince({ order }: Moment, place?: Place): boolean {
    return this.log.losses.some((loss) => loss.moment.order > order && (place === undefined || concerns(loss, place)))
  }

  /** Whether a key had the same master all the time. */
  staysPut(place: Place): boolean {
    return !this.log.moves.some((move) => concerns(move, place))
  }

  isAlive(process: number): boolean {
    return this.log.alive.has(process)
  }

  /** Whether nobody but this process wrote the key, or looked it up. */
  isSoleWriter(place: Place, process: number): boolean {
    return (
      this.intentsAt(place).every((intent) => intent.process === process) &&
      !this.log.lookups.some((lookup) => placeOf(lookup) === placeOf(place))
    )
  }
}

/** Whether a key is one of those that something happened to. */
export const concerns = ({ slots }: Pick<LossRecord, "slots">, place: Place): boolean =>
  slots === undefined || slots.has(slotOf(storedKey(place)))

export const placeOf = ({ key, region }: Place): string => `${regionName(region)}.${keyName(key)}`

const push = <A>(all: Map<string, Array<A>>, key: string, one: A): void => {
  const known = all.get(key)
  if (known === undefined) all.set(key, [one])
  else known.push(one)
}

const intentsOf = ({ call, from, process, result, step, to, writes }: CallRecord): ReadonlyArray<Intent> => {
  const _tag = kinds[call._tag]
  if (_tag === undefined) return []
  return keysOf(call).map((key, index) => {
    const outcome = result._tag === "Outcomes" ? result.outcomes[call._tag === "Clear" ? 0 : index] : undefined
    const told = outcome === undefined || to === undefined ? "not acknowledged" : `${outcome} at ${to.at} ms`
    return {
      _tag,
      region: call.region,
      key,
      process,
      value: writes[index],
      life: "life" in call ? call.life : 0,
      from,
      to,
      outcome,
      what: `call ${step} (process ${process}, ${printCall(call)}), ${told}`
    }
  })
}

const kinds: { readonly [tag in Call["_tag"]]?: Intent["_tag"] } = {
  Set: "Set",
  SetMany: "Set",
  Remove: "Remove",
  RemoveMany: "Remove",
  Clear: "Clear"
}

const foreignIntent = ({ at, id, key, region }: ForeignRecord): Intent => ({
  _tag: id === undefined ? "Remove" : "Set",
  region,
  key,
  process: elsewhere,
  value: id,
  life: 600_000,
  from: at,
  to: at,
  outcome: "Applied",
  what: `somebody else's write at ${at.at} ms`
})
