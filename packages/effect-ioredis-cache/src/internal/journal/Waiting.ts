/**
 * What waits for its turn on one node, in the order in which it came, each at most once.
 *
 * Where keys have slots it is found by slot too, because a slot that goes to another node takes
 * along what waits for it: to look through everything would block the event loop for a
 * millisecond, for each of the thousands of slots that a resharding moves.
 */
export class Waiting<A> implements Iterable<A> {
  readonly #all = new Set<A>()
  readonly #bySlot = new Map<number, Set<A>>()
  readonly #slotOf: ((one: A) => number) | undefined

  constructor(slotOf: ((one: A) => number) | undefined) {
    this.#slotOf = slotOf
  }

  get size(): number {
    return this.#all.size
  }

  has(one: A): boolean {
    return this.#all.has(one)
  }

  [Symbol.iterator](): Iterator<A> {
    return this.#all[Symbol.iterator]()
  }

  add(one: A): void {
    if (this.#slotOf !== undefined && !this.#all.has(one)) {
      const slot = this.#slotOf(one)
      const same = this.#bySlot.get(slot)
      if (same === undefined) this.#bySlot.set(slot, new Set([one]))
      else same.add(one)
    }
    this.#all.add(one)
  }

  delete(one: A): void {
    if (!this.#all.delete(one) || this.#slotOf === undefined) return
    const slot = this.#slotOf(one)
    const same = this.#bySlot.get(slot)
    same?.delete(one)
    if (same?.size === 0) this.#bySlot.delete(slot)
  }

  /** Takes out the first `size`. */
  take(size: number): ReadonlyArray<A> {
    const taken: Array<A> = []
    for (const one of this.#all) {
      if (taken.length >= size) break
      taken.push(one)
    }
    for (const one of taken) this.delete(one)
    return taken
  }

  /** Takes out what is of these slots. */
  takeSlots(slots: Iterable<number>): ReadonlyArray<A> {
    const taken: Array<A> = []
    if (this.#all.size === 0) return taken
    for (const slot of slots) {
      const same = this.#bySlot.get(slot)
      if (same === undefined) continue
      this.#bySlot.delete(slot)
      for (const one of same) {
        this.#all.delete(one)
        taken.push(one)
      }
    }
    return taken
  }

  /** Says which invariants do not hold. */
  checkInvariants(): ReadonlyArray<string> {
    if (this.#slotOf === undefined) return []
    const indexed = Array.from(this.#bySlot.values()).flatMap((same) => Array.from(same))
    return indexed.length === this.#all.size && indexed.every((one) => this.#all.has(one))
      ? []
      : [`${this.#all.size} wait, and ${indexed.length} are found by their slots`]
  }
}
