/**
 * The order of intents in one region: a number per key that each `set`, `remove` and `clear` raises.
 *
 * Whoever reads or looks up a key watches it meanwhile. What comes of that may enter the cache only while the watch is current: so neither a
 * late reply nor an older lookup brings back what was removed. A number is held only while a key is watched, so there are never more of them
 * than calls in progress.
 */
export interface Sequences {
  readonly watch: (key: string) => Watch
  readonly raise: (key: string) => void
  readonly raiseAll: () => void
}

/** What a call holds while it is in progress. `end` must be called once. */
export interface Watch {
  readonly isCurrent: () => boolean
  readonly end: () => void
}

export const make = (): Sequences => {
  const watched = new Map<string, { number: number; watchers: number }>()
  let cleared = 0
  return {
    watch: (key) => {
      const slot = watched.get(key) ?? { number: 0, watchers: 0 }
      watched.set(key, slot)
      const { number } = slot
      const epoch = cleared
      slot.watchers++
      return {
        isCurrent: () => slot.number === number && cleared === epoch,
        end: () => {
          slot.watchers--
          if (slot.watchers === 0) watched.delete(key)
        }
      }
    },
    raise: (key) => {
      const slot = watched.get(key)
      if (slot !== undefined) slot.number++
    },
    raiseAll: () => {
      cleared++
    }
  }
}
