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
  readonly delete: (key: string) => void
  readonly all: () => ReadonlyArray<readonly [string, A]>
}

/**
 * In two generations: to keep exactly `size` keys in their order would cost a deletion for each
 * that is added.
 */
export const make = <A>(size: number): Recent<A> => {
  let newer = new Map<string, A>()
  let older = new Map<string, A>()
  return {
    isEmpty: () => newer.size === 0 && older.size === 0,
    get: (key) => newer.get(key) ?? older.get(key),
    young: (key) => newer.get(key),
    add: (key, value) => {
      newer.set(key, value)
      if (newer.size < size) return
      older = newer
      newer = new Map()
    },
    delete: (key) => {
      newer.delete(key)
      older.delete(key)
    },
    all: () => Array.from(new Map([...older, ...newer]))
  }
}
