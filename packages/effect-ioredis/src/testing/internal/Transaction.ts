import { type Entry, keyOf, type RedisStore } from "./RedisStore.ts"

/** A command that waits for EXEC. */
export interface Queued {
  readonly name: string
  readonly args: ReadonlyArray<Buffer>
}

/** Holds what a client has watched, and the commands that it has queued. */
export class Transaction {
  /** Holds the commands since MULTI, if there was one. */
  queued: Array<Queued> | undefined = undefined
  /** Says whether one of them was refused, so that EXEC runs none. */
  isAborted = false
  readonly #watched: Array<Watched> = []
  // Says whether a watched key was written, be it with what it held.
  #isTouched = false

  begin(): void {
    this.queued = []
    this.isAborted = false
  }

  watch(store: RedisStore, key: Buffer): void {
    this.#watched.push({ store, key, entry: store.get(key) })
  }

  unwatch(): void {
    this.#watched.length = 0
    this.#isTouched = false
  }

  /** A key was written or deleted. */
  touched(store: RedisStore, key: string): void {
    if (this.#watched.some((watched) => watched.store === store && keyOf(watched.key) === key)) this.#isTouched = true
  }

  /**
   * Tells whether a watched key was changed. One that is gone with all others is known by what it
   * holds now: entries are never changed in place.
   */
  isBroken(): boolean {
    return this.#isTouched || this.#watched.some(({ entry, key, store }) => store.get(key) !== entry)
  }

  end(): void {
    this.queued = undefined
    this.unwatch()
  }
}

interface Watched {
  readonly store: RedisStore
  readonly key: Buffer
  readonly entry: Entry | undefined
}
