import type { Node, Sending, Session } from "effect-ioredis/dispatch"
import { Epoch, Lease } from "./Epoch.ts"

/** Says what near regions want of a link. */
export interface Demand {
  /** Lists what their keys begin with. */
  readonly keyspaces: ReadonlySet<string>
  /** Says how old an answer may be in the most demanding one, in milliseconds. */
  readonly maxStaleness: number
}

/**
 * What one link has told, from the reply to its SUBSCRIBE until its loss.
 *
 * **Details**
 *
 * Its epochs are those of the slots that somebody has read, or one where a server owns every key.
 * They end one by one where slots move and all together otherwise.
 *
 * A read under way is spoiled by a notice of its key, because its reply may be older than the
 * write. Which keys were told is remembered in a table of fixed size, at a place that the key's
 * hash gives. Keys that share a place spoil each other's reads, which costs a further read.
 */
export class Hearing {
  readonly node: Node
  readonly runId: string
  /** Lists the keyspaces that it hears of. */
  readonly keyspaces: ReadonlySet<string>
  /** Says how old an answer may be in the most demanding region, in milliseconds. */
  readonly maxStaleness: number
  readonly lease = new Lease()
  readonly #epochs = new Map<number, Epoch>()
  readonly #slotOf: ((key: string) => number) | undefined
  /** Counts the ends of epochs. */
  #ends = 0
  /** Counts the notices. */
  #notices = 0
  /** Holds by place the number of the last notice. */
  readonly #told = new Float64Array(places)
  #isLost = false

  constructor(
    node: Node,
    runId: string,
    { keyspaces, maxStaleness }: Demand,
    slotOf?: ((key: string) => number) | undefined
  ) {
    this.node = node
    this.runId = runId
    this.keyspaces = keyspaces
    this.maxStaleness = maxStaleness
    this.#slotOf = slotOf
  }

  /** Begins a read that is about to be sent. */
  begin(): NearRead {
    return new NearRead(this, this.#notices, this.#ends)
  }

  /** The epoch of a key now, for a read that was begun here. */
  epochOf(key: string): Epoch {
    const slot = this.#slotOf === undefined ? everySlot : this.#slotOf(key)
    const known = this.#epochs.get(slot)
    if (known !== undefined) return known
    const epoch = new Epoch(this.lease)
    epoch.isOver = this.#isLost
    this.#epochs.set(slot, epoch)
    return epoch
  }

  /** Tells whether a read of the key may be older than a write that was told since. */
  isUndisturbed(key: string, notices: number, ends: number): boolean {
    return this.lease.isOfData && this.#ends === ends && (this.#told[placeOf(key)] ?? 0) <= notices
  }

  /** The server has told of a write of the key. */
  tell(key: string): void {
    this.#notices++
    this.#told[placeOf(key)] = this.#notices
  }

  /** Ends every epoch: nothing that was read before is near any more. */
  endAll(): void {
    this.#ends++
    for (const epoch of this.#epochs.values()) epoch.isOver = true
    this.#epochs.clear()
  }

  /** Ends the epochs of slots that have another owner from now on. */
  endSlots(slots: ReadonlySet<number>): void {
    this.#ends++
    for (const slot of slots) {
      const epoch = this.#epochs.get(slot)
      if (epoch !== undefined) epoch.isOver = true
      this.#epochs.delete(slot)
    }
  }

  /** The link is lost. */
  end(): void {
    this.#isLost = true
    this.endAll()
  }

  /**
   * Compares the server with those of the node's data connections. Where one of them reaches
   * another, what was read may be that one's.
   */
  compare(sessions: ReadonlyArray<Session>): void {
    const { lease, runId } = this
    const isAnother = sessions.some((session) => session.runId !== runId)
    lease.isOfData = sessions.length > 0 && !isAnother
    if (isAnother) this.endAll()
  }
}

/**
 * A read of a near region that is under way.
 *
 * **Details**
 *
 * In a cluster it follows its own sendings: what a server answers that is asked for once (ASK) is
 * none of what the owner's link tells of.
 */
export class NearRead implements Sending {
  readonly #hearing: Hearing
  readonly #notices: number
  readonly #ends: number
  #wasElsewhere = false

  constructor(hearing: Hearing, notices: number, ends: number) {
    this.#hearing = hearing
    this.#notices = notices
    this.#ends = ends
  }

  begin(session: Session): boolean {
    if (session.node !== this.#hearing.node) this.#wasElsewhere = true
    return true
  }

  end(): void {}

  /** The epoch in which the key was read, or `undefined` where the reply may be older. */
  epochOf(key: string): Epoch | undefined {
    const isNear = !this.#wasElsewhere && this.#hearing.isUndisturbed(key, this.#notices, this.#ends)
    return isNear ? this.#hearing.epochOf(key) : undefined
  }
}

// Where one server owns every key.
const everySlot = -1

// They take 16 kB for each link.
const places = 2048

const placeOf = (key: string): number => {
  let hash = 0
  for (let index = 0; index < key.length; index++) hash = (Math.imul(hash, 31) + key.charCodeAt(index)) | 0
  return (hash ^ (hash >>> 15)) & (places - 1)
}
