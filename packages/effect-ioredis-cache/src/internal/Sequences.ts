/**
 * The order of intents in one region: a number per key that each `set`, `remove` and `clear` raises.
 *
 * A read or a lookup watches its key meanwhile, and what comes of it may enter the cache only while the watch is current: so neither a late
 * reply nor an older lookup brings back what was removed, and nothing that was read while a write was under way outlives that write. A write
 * is current until a newer one is intended, and is not tried again after that. A number is held only while someone holds its key, so there
 * are never more of them than calls in progress.
 */
export interface Sequences {
  /** For reads and lookups. */
  readonly watch: (key: string) => Watch
  /** For writes: the newest intent for the key from now on. */
  readonly intend: (key: string) => Watch
  /** For `clear`: the newest intent for every key from now on. */
  readonly intendAll: () => Watch
}

/** What a call holds while it is in progress. */
export interface Watch {
  readonly isCurrent: () => boolean
  /** Has an effect once. */
  readonly end: () => void
}

export const make = (): Sequences => {
  const slots = new Map<string, Slot>()
  const region = { clears: 0, clearing: 0 }

  const hold = (key: string): Slot => {
    let slot = slots.get(key)
    if (slot === undefined) {
      slot = new Slot(slots, region, key)
      slots.set(key, slot)
    }
    slot.holders++
    return slot
  }

  return {
    watch: (key) => new Read(hold(key)),
    intend: (key) => new Intent(hold(key)),
    intendAll: () => new Clear(region)
  }
}

// How often the region was cleared, and how many clears are in progress.
interface Region {
  clears: number
  clearing: number
}

// Classes for what `Deadlines` of effect-ioredis says of things in flight.
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
