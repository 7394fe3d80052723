import type { Keyspace } from "./Keyspace.ts"
import type { Timers } from "./Timers.ts"

/** Describes what removes keys and for whom. */
export interface Options {
  readonly timers: Timers
  readonly keyspace: () => Keyspace
  /** Tells whether somebody sees the difference now. */
  readonly isWatched: () => boolean
}

/**
 * Removes keys whose time is over although nobody asks for them, as Redis does ten times a second.
 *
 * Only who is told of changes sees it, so there is no timer without one.
 */
export class ActiveExpiry {
  readonly #options: Options
  #dueAt = Number.POSITIVE_INFINITY
  #cancel = (): void => {}

  constructor(options: Options) {
    this.#options = options
  }

  /** A key ends at this time, as wall-clock milliseconds of the server. */
  watch(expiresAt: number): void {
    const { isWatched, keyspace, timers } = this.#options
    if (expiresAt >= this.#dueAt || !isWatched()) return
    this.#cancel()
    this.#dueAt = expiresAt
    const wait = Math.max(0, expiresAt - keyspace().now())
    this.#cancel = timers.after(Math.ceil(wait) + lateness, () => this.#run())
  }

  /** Looks at every key again: somebody is watching, or it was not done for a while. */
  resume(): void {
    const { isWatched, keyspace } = this.#options
    if (isWatched()) this.watch(keyspace().nextExpiry())
  }

  #run(): void {
    this.#dueAt = Number.POSITIVE_INFINITY
    this.#cancel = () => {}
    if (!this.#options.isWatched()) return
    this.#options.keyspace().expire()
    this.resume()
  }
}

const lateness = 100
