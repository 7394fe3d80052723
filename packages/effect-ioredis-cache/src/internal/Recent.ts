/**
 * The keys added last, each with what was added with it last: at least `size` different ones, and
 * at most twice as many.
 */
export interface Recent<A> {
  readonly isEmpty: () => boolean
  readonly get: (key: string) => A | undefined
  /** What was added with a key so lately that to add it again would not keep it any longer. */
  readonly young: (key: string) => A | undefined
  readonly add: (key: string, value: A) => void
  readonly all: () => ReadonlyArray<readonly [string, A]>
  /**
   * The keys of some slots. It takes no longer the more keys there are of others. Where it was made
   * without slots there are none.
   */
  readonly inSlots: (slots: Iterable<number>) => ReadonlyArray<readonly [string, A]>
}

/**
 * In two generations: to keep exactly `size` keys in their order would cost a deletion for each
 * that is added. Each generation has its own index by slot, which is dropped with it.
 */
export const make = <A>(size: number, slotOf?: (key: string) => number): Recent<A> => {
  let newer = new Generation<A>()
  let older = new Generation<A>()
  return {
    isEmpty: () => newer.values.size === 0 && older.values.size === 0,
    get: (key) => newer.values.get(key) ?? older.values.get(key),
    young: (key) => newer.values.get(key),
    add: (key, value) => {
      if (slotOf !== undefined && !newer.values.has(key)) newer.index(slotOf(key), key)
      newer.values.set(key, value)
      if (newer.values.size < size) return
      older = newer
      newer = new Generation()
    },
    all: () => Array.from(new Map([...older.values, ...newer.values])),
    inSlots: (slots) => {
      const found: Array<readonly [string, A]> = []
      for (const slot of slots) {
        newer.collect(slot, found)
        older.collect(slot, found, newer)
      }
      return found
    }
  }
}

class Generation<A> {
  readonly values = new Map<string, A>()
  readonly #bySlot = new Map<number, Array<string>>()

  index(slot: number, key: string): void {
    const keys = this.#bySlot.get(slot)
    if (keys === undefined) this.#bySlot.set(slot, [key])
    else keys.push(key)
  }

  collect(slot: number, into: Array<readonly [string, A]>, unless?: Generation<A>): void {
    for (const key of this.#bySlot.get(slot) ?? []) {
      const value = this.values.get(key)
      if (value !== undefined && unless?.values.has(key) !== true) into.push([key, value])
    }
  }
}
