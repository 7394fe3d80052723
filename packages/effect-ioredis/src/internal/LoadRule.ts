import type { LoadSettings } from "../RuntimeSettings.ts"

/**
 * Shortens deadlines and sheds retries while many operations are in flight.
 *
 * **Details**
 *
 * The level is 0 up to `from` operations and 1 from `upTo` on, in steps of an eighth. A deadline is
 * shortened to `1 - (1 - shortest) * level` of itself, and of the retries that would be made the
 * share `level` is not.
 *
 * The demand is how many operations are in flight, together with those that the rule has cut short
 * and that would still be. Otherwise the rule would let go because of its own doing, and retries
 * would come in waves.
 */
export class LoadRule {
  readonly from: number
  readonly upTo: number
  readonly shortest: number
  // Of each retry so much is shed; a whole one is not made.
  #shed = 0

  constructor({ from = 100, shortest = 0.25, upTo = 1000 }: LoadSettings) {
    this.from = from
    this.upTo = upTo
    this.shortest = shortest
  }

  /** Tells how strongly it acts, from 0 to 1, on such a demand. */
  levelAt(demand: number): number {
    const beyond = demand - this.from
    if (beyond <= 0) return 0
    return Math.min(1, Math.ceil((beyond / (this.upTo - this.from)) * steps) / steps)
  }

  /** Gives what is left of a deadline, in whole milliseconds. */
  shortened(timeout: number, demand: number): number {
    const level = this.levelAt(demand)
    return level === 0 ? timeout : Math.max(1, Math.round(timeout * (1 - (1 - this.shortest) * level)))
  }

  /** Says whether a retry that would be made is not. */
  sheds(demand: number): boolean {
    this.#shed += this.levelAt(demand)
    if (this.#shed < 1) return false
    this.#shed -= 1
    return true
  }
}

// Few, so that few different deadlines are kept at a time.
const steps = 8
