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
  let clears = 0
  let clearing = 0

  const hold = (key: string): Slot => {
    const known = slots.get(key)
    if (known !== undefined) {
      known.holders++
      return known
    }
    const slot: Slot = { number: 0, writers: 0, holders: 1 }
    slots.set(key, slot)
    return slot
  }

  const release = (key: string, slot: Slot): void => {
    slot.holders--
    if (slot.holders === 0) slots.delete(key)
  }

  return {
    watch: (key) => {
      const slot = hold(key)
      const { number } = slot
      const epoch = clears
      const undisturbed = slot.writers === 0 && clearing === 0
      let held = true
      return {
        isCurrent: () => undisturbed && slot.number === number && clears === epoch,
        end: () => {
          if (held) release(key, slot)
          held = false
        }
      }
    },
    intend: (key) => {
      const slot = hold(key)
      slot.writers++
      const number = ++slot.number
      const epoch = clears
      let held = true
      return {
        isCurrent: () => slot.number === number && clears === epoch,
        end: () => {
          if (!held) return
          held = false
          slot.writers--
          release(key, slot)
        }
      }
    },
    intendAll: () => {
      clearing++
      const epoch = ++clears
      let held = true
      return {
        isCurrent: () => clears === epoch,
        end: () => {
          if (held) clearing--
          held = false
        }
      }
    }
  }
}

interface Slot {
  number: number
  writers: number
  holders: number
}
