/**
 * An expired value that may still be served for a while, where a fresh one is not to be had.
 *
 * Its times are in milliseconds of the process's monotonic clock, as `now` gives them.
 */
export class Stale<out Value> {
  /** Says when it expired. */
  readonly expiredAt: number
  /** Says until when it may be served. */
  readonly until: number
  readonly #find: () => { readonly value: Value } | undefined

  /** `find` gives the value, or `undefined` where it turns out that it cannot be read. */
  constructor(expiredAt: number, until: number, find: () => { readonly value: Value } | undefined) {
    this.expiredAt = expiredAt
    this.until = until
    this.#find = find
  }

  /**
   * Gives the value, if it may be served at a moment and can be read. It is decoded here, because
   * most lookups succeed and nobody asks.
   */
  at(now: number): { readonly value: Value } | undefined {
    return now < this.until ? this.#find() : undefined
  }
}

/** Of two, gives the one that was fresh last. */
export const later = <Value>(
  one: Stale<Value> | undefined,
  other: Stale<Value> | undefined
): Stale<Value> | undefined => {
  if (one === undefined || other === undefined) return one ?? other
  return other.expiredAt > one.expiredAt ? other : one
}
