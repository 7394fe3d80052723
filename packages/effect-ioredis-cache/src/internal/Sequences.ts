/**
 * The order of intents in one region: a number that each `set`, `remove` and `clear` raises. The
 * caches of one client and prefix share it.
 *
 * **Details**
 *
 * A read or a lookup watches its key meanwhile, and its outcome may enter the cache only while the
 * watch is current. So neither a late reply nor an older lookup brings back what was removed, and
 * nothing that was read while a write was in progress stays after it. A write is current until a
 * newer one is intended, and is not tried again after that. One that has to wait before it can be
 * made claims its place first, and is intended when it is made: until then it overtakes reads and
 * lookups alone, and no other write.
 *
 * A read remembers the number at which it began and nothing by its key: a map that every read
 * changes takes a twentieth of a `get`. A key that is written has a slot with the number of its
 * newest intent, for as long as a write of it is in progress, or a read that is older than the end
 * of the last one. Beside a lookup that takes very long these would be very many: the oldest are
 * given up then, and what began before they ended is no longer current.
 *
 * These invariants hold between any two calls:
 *
 * - every slot stands under its own key, and has writers or is one of those that have ended
 * - those that have ended stand in the order in which they did, and none is older than all reads
 * - reads stand in the order in which they began
 * - no more clears are in progress than were ever begun
 */
export interface Sequences {
  /**
   * Lets a cache take part. `hear` is told of the intents of the others: of a key, or of all of
   * them.
   */
  readonly join: (hear: (key: string | undefined) => void) => Member
  /** The number of keys with a slot. */
  readonly size: () => number
  /** Throws where an invariant does not hold. It is called by tests. */
  readonly checkInvariants: () => void
}

/** Lets one of the caches that share a region use its order. */
export interface Member {
  /** Watches a key, for a read or a lookup. */
  readonly watch: (key: string) => Watch
  /** Makes a write the newest intent for its key, in the place that it has claimed, if it has. */
  readonly intend: (key: string, claimed?: Claim) => Watch
  /** Takes a place in the order for a write that has still to wait for something else. */
  readonly claim: (key: string) => Claim
  /** Makes a write that is over already the newest intent for its key. */
  readonly overtake: (key: string) => void
  /** Makes a `clear` the newest intent for every key. */
  readonly intendAll: () => Watch
  /** Ends the membership. */
  readonly leave: () => void
}

/** Watches the order for a call while it is in progress. */
export interface Watch {
  /** Says whether nothing newer was intended since. */
  readonly isCurrent: () => boolean
  /** Ends the watch. Only the first call has an effect. */
  readonly end: () => void
}

/**
 * Watches the order for a write that waits. It is current until a newer write is made, and what
 * only waits overtakes nothing: it may come to nothing.
 */
export interface Claim extends Watch {
  /** Makes the write the newest of those that are made, unless a later one was made meanwhile. */
  readonly make: () => void
}

export const make = (): Sequences => {
  const order = new Order()
  let members: ReadonlyArray<(key: string | undefined) => void> = []

  const tellOthers = (own: (key: string | undefined) => void, key: string | undefined): void => {
    for (const member of members) if (member !== own) member(key)
  }

  return {
    join: (given) => {
      // One function may be given twice.
      const hear = (key: string | undefined) => given(key)
      members = [...members, hear]
      return {
        watch: (key) => new Read(order, key),
        intend: (key, claimed = new Intent(order, key)) => {
          tellOthers(hear, key)
          claimed.make()
          return claimed
        },
        claim: (key) => new Intent(order, key),
        overtake: (key) => {
          tellOthers(hear, key)
          order.overtake(key)
        },
        intendAll: () => {
          tellOthers(hear, undefined)
          return new Clear(order)
        },
        leave: () => {
          members = members.filter((member) => member !== hear)
        }
      }
    },
    size: () => order.slots.size,
    checkInvariants: () => order.check()
  }
}

// Classes rather than literals, for the reason that `Deadlines` of effect-ioredis gives of things
// in flight.
class Order {
  /** The number of the newest intent. */
  last = 0
  /** The number of the newest `clear`. */
  lastClear = 0
  /** Counts the clears that are in progress. */
  clearing = 0
  /** The intents up to this number are not all known any more. */
  forgotten = 0
  /** The reads that have not ended, a list in the order in which they began. */
  oldestRead: Read | undefined = undefined
  newestRead: Read | undefined = undefined
  readonly slots = new Map<string, Slot>()
  /** The slots without writers, in the order in which they lost the last one. */
  readonly ended = new Set<Slot>()

  /** Gives the slot of a key, for a writer. */
  slotOf(key: string): Slot {
    let slot = this.slots.get(key)
    if (slot === undefined) {
      slot = new Slot(key)
      this.slots.set(key, slot)
    } else if (slot.writers === 0) this.ended.delete(slot)
    return slot
  }

  overtake(key: string): void {
    // Without a slot and a read nobody is in progress whom it could overtake.
    if (this.oldestRead === undefined && !this.slots.has(key)) return
    const slot = this.slotOf(key)
    slot.last = ++this.last
    if (slot.writers === 0) this.release(slot)
  }

  /** Ends a slot that has no writers, as soon as no read is left that began before now. */
  release(slot: Slot): void {
    slot.endedAt = this.last
    if (this.oldestRead === undefined) {
      this.slots.delete(slot.key)
      return
    }
    this.ended.add(slot)
    if (this.ended.size > mostEnded) this.#forgetOldest()
  }

  // Many at once: each walk begins with a search for the first one that is left, which takes a
  // hundred times as long as a write does.
  #forgetOldest(): void {
    const left = this.ended.size - forgottenAtOnce
    for (const first of this.ended) {
      if (this.ended.size <= left) return
      this.forgotten = first.endedAt
      this.#forget(first)
    }
  }

  #forget(slot: Slot): void {
    this.ended.delete(slot)
    this.slots.delete(slot.key)
  }

  /** Ends the slots that no read is left to ask for. */
  purge(): void {
    const since = this.oldestRead?.since ?? Number.POSITIVE_INFINITY
    for (const slot of this.ended) {
      if (slot.endedAt > since) return
      this.#forget(slot)
    }
  }

  check(): void {
    for (const [key, slot] of this.slots) {
      if (slot.key !== key) throw new Error(`the slot of ${slot.key} stands under ${key}`)
      if (slot.writers < 0) throw new Error(`the slot of ${key} has ${slot.writers} writers`)
      if (slot.writers > 0 === this.ended.has(slot)) throw new Error(`the slot of ${key} has writers and has ended`)
      if (slot.last > this.last) throw new Error(`the slot of ${key} is newer than every intent`)
    }
    let endedAt = this.oldestRead?.since ?? Number.POSITIVE_INFINITY
    for (const slot of this.ended) {
      if (this.slots.get(slot.key) !== slot) throw new Error(`the ended slot of ${slot.key} is not kept`)
      if (slot.endedAt < endedAt) throw new Error(`the slot of ${slot.key} is kept for nobody, or out of order`)
      endedAt = slot.endedAt
    }
    let since = 0
    for (let read = this.oldestRead; read !== undefined; read = read.newer) {
      if (read.since < since) throw new Error(`the read of ${read.key} is out of order`)
      since = read.since
    }
    if (this.clearing < 0 || this.clearing > this.lastClear) {
      throw new Error(`${this.clearing} clears are in progress, and ${this.lastClear} intents were ever begun`)
    }
  }
}

class Slot {
  readonly key: string
  last = 0
  writers = 0
  endedAt = 0

  constructor(key: string) {
    this.key = key
  }
}

class Read implements Watch {
  readonly order: Order
  readonly key: string
  readonly since: number
  readonly isUndisturbed: boolean
  older: Read | undefined
  newer: Read | undefined = undefined
  isHeld = true

  constructor(order: Order, key: string) {
    this.order = order
    this.key = key
    this.since = order.last
    this.isUndisturbed = order.clearing === 0 && (order.slots.size === 0 || !order.slots.get(key)?.writers)
    this.older = order.newestRead
    if (this.older === undefined) order.oldestRead = this
    else this.older.newer = this
    order.newestRead = this
  }

  isCurrent(): boolean {
    const { order, since } = this
    if (!this.isUndisturbed || order.lastClear > since || order.forgotten > since) return false
    if (order.last === since) return true
    const slot = order.slots.get(this.key)
    // There was no writer when it began: one that is there now is newer, also if it still waits.
    return slot === undefined || (slot.writers === 0 && slot.last <= since)
  }

  end(): void {
    if (!this.isHeld) return
    this.isHeld = false
    const { newer, older, order } = this
    // Otherwise whoever keeps it would keep all that began later, as would the collector's old
    // generation.
    this.newer = undefined
    this.older = undefined
    if (newer === undefined) order.newestRead = older
    else newer.older = older
    if (older !== undefined) older.newer = newer
    else {
      order.oldestRead = newer
      if (order.ended.size > 0) order.purge()
    }
  }
}

class Intent implements Claim {
  readonly order: Order
  readonly slot: Slot
  readonly number: number
  isHeld = true

  constructor(order: Order, key: string) {
    this.order = order
    this.slot = order.slotOf(key)
    this.slot.writers++
    this.number = ++order.last
  }

  make(): void {
    if (this.slot.last < this.number) this.slot.last = this.number
  }

  isCurrent(): boolean {
    return this.slot.last <= this.number && this.order.lastClear < this.number
  }

  end(): void {
    if (!this.isHeld) return
    this.isHeld = false
    this.slot.writers--
    if (this.slot.writers === 0) this.order.release(this.slot)
  }
}

class Clear implements Watch {
  readonly order: Order
  readonly number: number
  isHeld = true

  constructor(order: Order) {
    this.order = order
    order.clearing++
    order.lastClear = ++order.last
    this.number = order.last
  }

  isCurrent(): boolean {
    return this.order.lastClear === this.number
  }

  end(): void {
    if (this.isHeld) this.order.clearing--
    this.isHeld = false
  }
}

// They take about 10 MB.
const mostEnded = 65_536

const forgottenAtOnce = 1024
