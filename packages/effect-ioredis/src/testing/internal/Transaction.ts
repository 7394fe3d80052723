import type { Entry, RedisStore } from "./RedisStore.ts"

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

  begin(): void {
    this.queued = []
    this.isAborted = false
  }

  watch(store: RedisStore, key: Buffer): void {
    this.#watched.push({ store, key, entry: store.get(key) })
  }

  unwatch(): void {
    this.#watched.length = 0
  }

  /** Tells whether a watched key is another than it was. Entries are never changed in place. */
  isBroken(): boolean {
    return this.#watched.some(({ entry, key, store }) => store.get(key) !== entry)
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
