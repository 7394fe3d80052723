import type { OutageCounts as Counts, OutageNumbers } from "../dispatch.ts"

/** Adds up what everyone counts who stands on a client. */
export class OutageCounts implements Counts {
  readonly #sources = new Set<() => Partial<OutageNumbers>>()
  #ended: OutageNumbers = none
  #before: OutageNumbers | undefined

  /** Takes in whoever counts, until what it returns is called. What he has counted stays. */
  add(source: () => Partial<OutageNumbers>): () => void {
    this.#sources.add(source)
    return () => {
      if (this.#sources.delete(source)) this.#ended = plus(this.#ended, { ...source(), waiting: 0 })
    }
  }

  /** Adds up what has been counted. */
  now(): OutageNumbers {
    let sum = this.#ended
    for (const source of this.#sources) sum = plus(sum, source())
    return sum
  }

  /**
   * Something has failed. What is counted from here on belongs to the outage that this may be the
   * beginning of: whoever finds it out comes later.
   */
  suspect(): void {
    this.#before ??= this.now()
  }

  /** Redis has answered, so that what failed before was no outage, or is over. */
  trust(): void {
    this.#before = undefined
  }

  /** What had been counted when the first thing failed. */
  before(): OutageNumbers {
    return this.#before ?? this.now()
  }
}

const plus = (one: OutageNumbers, other: Partial<OutageNumbers>): OutageNumbers => ({
  answers: one.answers + (other.answers ?? 0),
  lookups: one.lookups + (other.lookups ?? 0),
  deferred: one.deferred + (other.deferred ?? 0),
  replayed: one.replayed + (other.replayed ?? 0),
  lost: one.lost + (other.lost ?? 0),
  waiting: one.waiting + (other.waiting ?? 0)
})

/** Nothing has been counted. */
export const none: OutageNumbers = { answers: 0, lookups: 0, deferred: 0, replayed: 0, lost: 0, waiting: 0 }
