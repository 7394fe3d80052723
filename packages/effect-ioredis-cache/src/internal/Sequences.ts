/**
 * The order of intents in one region: a number per key that each `set`, `remove` and `clear`
 * raises. The caches of one client and prefix share it.
 *
 * **Details**
 *
 * A read or a lookup watches its key meanwhile, and its outcome may enter the cache only while the
 * watch is current. So neither a late reply nor an older lookup brings back what was removed, and
 * nothing that was read while a write was under way outlives that write. A write is current until a
 * newer one is intended, and is not tried again after that.
 *
 * A slot is held per key that is in use. These invariants hold between any two calls:
 *
 * - every slot has at least one holder, and at most as many writers as holders
 * - every slot stands under its own key
 * - no more clears are in progress than were ever begun
 * - the holders of all slots together are the watches that were begun and have not ended
 */
export interface Sequences {
  /**
   * Lets a cache take part. `hear` is told of the intents of the others: of a key, or of all of
   * them.
   */
  readonly join: (hear: (key: string | undefined) => void) => Member
  /** The number of keys in use. */
  readonly size: () => number
  /** Throws where an invariant does not hold. It is called by tests. */
  readonly checkInvariants: () => void
}

/** Lets one of the caches that share a region use its order. */
export interface Member {
  /** Watches a key, for a read or a lookup. */
  readonly watch: (key: string) => Watch
  /** Makes a write the newest intent for its key. */
  readonly intend: (key: string) => Watch
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

export const make = (): Sequences => {
  const slots = new Map<string, Slot>()
  const region: Region = { clears: 0, clearing: 0, held: 0 }
  const members = new Set<(key: string | undefined) => void>()

  const hold = (key: string): Slot => {
    let slot = slots.get(key)
    if (slot === undefined) {
      slot = new Slot(slots, region, key)
      slots.set(key, slot)
    }
    slot.holders++
    region.held++
    return slot
  }

  const tellOthers = (own: (key: string | undefined) => void, key: string | undefined): void => {
    // One that has left may still be used, and the last one is then another.
    if (members.size === 1 && members.has(own)) return
    for (const member of members) if (member !== own) member(key)
  }

  return {
    join: (given) => {
      // One function may be given twice.
      const hear = (key: string | undefined) => given(key)
      members.add(hear)
      return {
        watch: (key) => new Read(hold(key)),
        intend: (key) => {
          tellOthers(hear, key)
          return new Intent(hold(key))
        },
        overtake: (key) => {
          tellOthers(hear, key)
          // Without a slot nobody is in progress whom it could overtake.
          const slot = slots.get(key)
          if (slot !== undefined) slot.number++
        },
        intendAll: () => {
          tellOthers(hear, undefined)
          return new Clear(region)
        },
        leave: () => members.delete(hear)
      }
    },
    size: () => slots.size,
    checkInvariants: () => check(slots, region)
  }
}

const check = (slots: ReadonlyMap<string, Slot>, region: Region): void => {
  let holders = 0
  for (const [key, slot] of slots) {
    holders += slot.holders
    if (slot.key !== key) throw new Error(`the slot of ${slot.key} stands under ${key}`)
    if (slot.holders < 1) throw new Error(`the slot of ${key} has ${slot.holders} holders`)
    if (slot.writers < 0 || slot.writers > slot.holders) {
      throw new Error(`the slot of ${key} has ${slot.writers} writers among ${slot.holders} holders`)
    }
  }
  if (holders !== region.held) throw new Error(`${holders} holders of slots, but ${region.held} watches`)
  if (region.clearing < 0 || region.clearing > region.clears) {
    throw new Error(`${region.clearing} clears are in progress, of ${region.clears}`)
  }
}

interface Region {
  /** Counts how often the region was cleared. */
  clears: number
  /** Counts the clears that are in progress. */
  clearing: number
  /** Counts the watches of keys that have not ended. */
  held: number
}

// Classes rather than literals, for the reason that `Deadlines` of effect-ioredis gives of things
// in flight.
class Slot {
  readonly slots: Map<string, Slot>
  readonly region: Region
  readonly key: string
  number = 0
  writers = 0
  holders = 0

  constructor(slots: Map<string, Slot>, region: Region, key: string) {
    this.slots = slots
    this.region = region
    this.key = key
  }

  release(): void {
    this.holders--
    this.region.held--
    if (this.holders === 0) this.slots.delete(this.key)
  }
}

class Read implements Watch {
  readonly slot: Slot
  readonly number: number
  readonly epoch: number
  readonly undisturbed: boolean
  held = true

  constructor(slot: Slot) {
    this.slot = slot
    this.number = slot.number
    this.epoch = slot.region.clears
    this.undisturbed = slot.writers === 0 && slot.region.clearing === 0
  }

  isCurrent(): boolean {
    const { slot } = this
    return this.undisturbed && slot.number === this.number && slot.region.clears === this.epoch
  }

  end(): void {
    if (this.held) this.slot.release()
    this.held = false
  }
}

class Intent implements Watch {
  readonly slot: Slot
  readonly number: number
  readonly epoch: number
  held = true

  constructor(slot: Slot) {
    slot.writers++
    this.slot = slot
    this.number = ++slot.number
    this.epoch = slot.region.clears
  }

  isCurrent(): boolean {
    return this.slot.number === this.number && this.slot.region.clears === this.epoch
  }

  end(): void {
    if (!this.held) return
    this.held = false
    this.slot.writers--
    this.slot.release()
  }
}

class Clear implements Watch {
  readonly region: Region
  readonly epoch: number
  held = true

  constructor(region: Region) {
    region.clearing++
    this.region = region
    this.epoch = ++region.clears
  }

  isCurrent(): boolean {
    return this.region.clears === this.epoch
  }

  end(): void {
    if (this.held) this.region.clearing--
    this.held = false
  }
}
