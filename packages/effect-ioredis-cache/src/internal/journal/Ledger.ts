/**
 * The intents that Redis has not confirmed, by key. It knows no network and no time.
 *
 * An entry is *held* while a call sends it: what is in flight is bounded by whoever waits for it.
 * When the last call has ended and Redis has not confirmed it, the entry is *deferred*, and only
 * what is deferred counts against the bounds. No operation but `deleteRegion` and `checkInvariants`
 * takes longer the more there is.
 */
import type { Version, Write } from "../CacheTier.ts"
import type { Payload, Stamp } from "../StoredValue.ts"

/** Describes what was asked for a key. */
export type Intent = SetIntent | RemoveIntent | TouchIntent

/**
 * A value to be stored. Times are those of the process's own monotonic clock, in milliseconds. Only
 * `become` changes one, which is for those that nobody but their entry knows.
 */
export class SetIntent {
  readonly _tag = "Set"
  value: unknown
  payload: Payload
  /** The extension units that stand before the payload. */
  extension: string
  /**
   * For how long from the version's `writtenAt` it is fresh, infinite for ever, and for how long it
   * is kept after that.
   */
  life: number
  staleFor: number
  lookupTime: number
  /** Says when it is fresh no longer, by the clock of this process. */
  expiresAt: number

  constructor({ extension = "", ...options }: SetOptions) {
    this.value = options.value
    this.payload = options.payload
    this.extension = extension
    this.life = options.life
    this.staleFor = options.staleFor
    this.lookupTime = options.lookupTime
    this.expiresAt = options.expiresAt
  }

  become({ extension, payload, timeToLive, value }: Write<unknown>, staleFor: number, expiresAt: number): void {
    this.value = value
    this.payload = payload
    this.extension = extension
    this.life = timeToLive
    this.staleFor = staleFor
    this.lookupTime = 0
    this.expiresAt = expiresAt
  }
}

/** Describes a `SetIntent`. Default: no extension. */
type SetOptions = Omit<SetIntent, "_tag" | "become" | "extension"> & { readonly extension?: string | undefined }

/** Whatever is there is to be removed. */
export interface RemoveIntent {
  readonly _tag: "Remove"
}

/**
 * Whatever was fresh at `askedAt` is to live until `end`, in Redis' time, and for `staleFor`
 * longer.
 */
export interface TouchIntent {
  readonly _tag: "Touch"
  readonly askedAt: number
  readonly end: number
  readonly staleFor: number
}

/** The one removal that there is. */
export const remove: RemoveIntent = { _tag: "Remove" }

/** The last intent for a key that Redis has not confirmed. */
export class Entry<Region> {
  readonly key: string
  readonly region: Region
  /** The stamp that this process knew when the first of its unconfirmed values or removals was. */
  base: Stamp | undefined
  /**
   * The stamp of the first unconfirmed intent, or of the first value after a removal: what this
   * process sent since carries this one or a later.
   */
  first: Stamp
  /** Says whether a removal of this process, unconfirmed as well, came before the value. */
  followsRemoval = false
  intent: Intent
  /** The version of the last intent. It changes with each intent. */
  version: { -readonly [K in keyof Version]: Version[K] }
  /** Says whether a sending was made of the last intent, which then knows it and its version. */
  isSent = false
  /** Counts the payload of the last intent. */
  bytes: number
  /** Counts the calls that send it now. */
  held = 0
  /** Counts the sendings of the key that have neither been answered nor lost their session. */
  open = 0
  /**
   * Says where Redis has executed the last intent, and how many changes of servers there had been
   * when it was sent.
   */
  executed: { readonly session: object; readonly changes: number } | undefined = undefined
  /** Says whether Redis has refused the value for good, so that only its removal is left. */
  isRefused = false
  /**
   * Says whether a server would not remove the key together with its lease, because their slot is
   * being moved: it has one of them, and not both.
   */
  isSlotMoving = false
  /** Counts the replays of the last intent that have lost their session before the reply. */
  lostReplays = 0
  /** Says whether the last intent was a `touch` of a value that Redis has not confirmed. */
  isExtended = false
  /** The `touch` that follows the value once Redis has confirmed that. */
  touch: TouchIntent | undefined = undefined
  /**
   * Says whether it counts against the bounds: exactly if no call holds it and it is in the ledger.
   */
  isDeferred = false
  /** Says whether a replay sends it now. */
  isReplaying = false
  /** Says whether it is in the ledger. Once taken out, an entry stays out. */
  isKept = true

  constructor(key: string, region: Region, base: Stamp | undefined, intent: Intent, version: Version) {
    this.key = key
    this.region = region
    this.base = base
    this.first = version.stamp
    this.intent = intent
    this.bytes = bytesOf(intent)
    this.version = version
  }
}

/** Bounds a ledger. */
export interface Bounds {
  readonly maxEntries: number
  readonly maxBytes: number
}

/** The unconfirmed intents. */
export interface Ledger<in out Region> {
  readonly size: () => number
  readonly get: (key: string) => Entry<Region> | undefined
  /** Records an intent, which takes the place of an earlier one, and holds its entry. */
  readonly record: (
    key: string,
    region: Region,
    base: Stamp | undefined,
    intent: Intent,
    version: Version
  ) => Entry<Region>
  /** Records that the intent and the version of an entry changed in place. */
  readonly update: (entry: Entry<Region>) => void
  /** Lets a `touch` follow the value of a held entry, and holds it once more. */
  readonly follow: (entry: Entry<Region>, touch: TouchIntent) => void
  /** Ends one hold of an entry. The last one defers it, if it is still there. */
  readonly release: (entry: Entry<Region>) => void
  /** Tells whether an entry is still in the ledger. */
  readonly has: (entry: Entry<Region>) => boolean
  /** Takes an entry out. */
  readonly delete: (entry: Entry<Region>) => void
  /** Takes out all entries of a region. */
  readonly deleteRegion: (region: Region) => void
  /** Tells whether there are more deferred entries or bytes than the bounds allow. */
  readonly isFull: () => boolean
  /** The number of deferred entries. */
  readonly deferred: () => number
  /** The encoded length of the deferred values. */
  readonly bytes: () => number
  /** All entries, for what is done once: closing, and checks. */
  readonly all: () => ReadonlyArray<Entry<Region>>
  /** Says which invariants do not hold. */
  readonly checkInvariants: () => ReadonlyArray<string>
}

/** Makes an empty ledger. */
export const make = <Region>({ maxBytes, maxEntries }: Bounds): Ledger<Region> => {
  const entries = new Map<string, Entry<Region>>()
  let deferred = 0
  let bytes = 0

  const defer = (entry: Entry<Region>, isDeferred: boolean): void => {
    if (entry.isDeferred === isDeferred) return
    entry.isDeferred = isDeferred
    const sign = isDeferred ? 1 : -1
    deferred += sign
    bytes += sign * entry.bytes
  }

  const remove = (entry: Entry<Region>): void => {
    if (!entry.isKept) return
    defer(entry, false)
    entry.isKept = false
    entries.delete(entry.key)
  }

  const update = (entry: Entry<Region>): void => {
    const before = entry.bytes
    entry.bytes = bytesOf(entry.intent)
    if (entry.isDeferred) bytes += entry.bytes - before
    entry.executed = undefined
    entry.isRefused = false
    entry.isSlotMoving = false
    entry.lostReplays = 0
    entry.isExtended = false
    entry.touch = undefined
  }

  return {
    size: () => entries.size,
    get: (key) => entries.get(key),
    record: (key, region, base, intent, version) => {
      const known = entries.get(key)
      if (known === undefined) {
        const entry = new Entry(key, region, base, intent, version)
        entries.set(key, entry)
        entry.held++
        return entry
      }
      descend(known, base, intent, version)
      known.intent = intent
      known.version = version
      known.isSent = false
      update(known)
      defer(known, false)
      known.held++
      return known
    },
    update,
    follow: (entry, touch) => {
      entry.touch = touch
      entry.isExtended = true
      entry.held++
    },
    release: (entry) => {
      entry.held--
      if (entry.held === 0 && entry.isKept) defer(entry, true)
    },
    has: (entry) => entry.isKept,
    delete: remove,
    deleteRegion: (region) => {
      for (const entry of entries.values()) if (entry.region === region) remove(entry)
    },
    isFull: () => deferred > maxEntries || bytes > maxBytes,
    deferred: () => deferred,
    bytes: () => bytes,
    all: () => Array.from(entries.values()),
    checkInvariants: () => {
      const all = Array.from(entries.values())
      const counted = all.filter(({ isDeferred }) => isDeferred)
      const sum = counted.reduce((total, { intent }) => total + bytesOf(intent), 0)
      return [
        ...(counted.length === deferred ? [] : [`${deferred} entries are counted, and ${counted.length} deferred`]),
        ...(sum === bytes ? [] : [`${bytes} bytes are counted, and ${sum} deferred`]),
        ...all.flatMap(({ held, isDeferred, isKept, key, open }) => [
          ...(isKept ? [] : [`${key} is in the ledger, and counted as taken out`]),
          ...((held === 0) === isDeferred ? [] : [`${key} is held ${held} times, and deferred: ${isDeferred}`]),
          ...(held >= 0 && open >= 0 ? [] : [`${key} is held ${held} times and has ${open} open sendings`])
        ])
      ]
    }
  }
}

// A `touch` has not looked at what is there, and an own removal leaves nothing that a value could
// take the place of.
const descend = (entry: Entry<unknown>, base: Stamp | undefined, intent: Intent, { stamp }: Version): void => {
  if (intent._tag !== "Set" || entry.intent._tag === "Set") return
  if (entry.intent._tag === "Remove") entry.followsRemoval = true
  else entry.base = base
  entry.first = stamp
}

const bytesOf = (intent: Intent): number =>
  intent._tag === "Set" ? intent.extension.length + intent.payload.length : 0
