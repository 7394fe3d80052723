import * as RedisStore from "./RedisStore.ts"

/** A copy of everything that a server holds. */
export type Dump = ReadonlyArray<ReadonlyArray<readonly [key: string, entry: RedisStore.Entry]>>

/** One change and the database that it was made in. */
export interface KeyspaceChange {
  readonly db: number
  readonly change: RedisStore.Change
}

/** Hears which keys have changed, in any database. */
export interface Watcher {
  readonly touched: (key: string) => void
  readonly flushed: () => void
}

/** The numbered databases of one server. */
export class Keyspace {
  readonly databases: ReadonlyArray<RedisStore.RedisStore>
  readonly #watcher: Watcher
  #seed = 0

  constructor(now: () => number, seed: number, changed: (change: KeyspaceChange) => void, watcher: Watcher) {
    this.#seed = seed
    this.#watcher = watcher
    this.databases = Array.from({ length: 16 }, (_, db) =>
      RedisStore.make(
        now,
        (key) => placeOf(key, this.#seed),
        (change) => {
          changed({ db, change })
          if (change._tag !== "Clear") watcher.touched(change.key)
        }
      )
    )
  }

  database(db: number): RedisStore.RedisStore {
    const store = this.databases[db]
    if (store === undefined) throw new RangeError(`There is no database ${db}`)
    return store
  }

  clear(): void {
    for (const store of this.databases) store.clear()
    this.#watcher.flushed()
  }

  clearDatabase(db: number): void {
    this.database(db).clear()
    this.#watcher.flushed()
  }

  apply({ change, db }: KeyspaceChange): void {
    this.database(db).apply(change)
  }

  dump(): Dump {
    return this.databases.map((store) => store.entries())
  }

  /** Puts a dump in the place of everything. Whoever follows the changes is not told. */
  restore(dump: Dump): void {
    for (const [db, store] of this.databases.entries()) {
      store.apply({ _tag: "Clear" })
      for (const [key, entry] of dump[db] ?? []) store.apply({ _tag: "Set", key, entry })
    }
  }

  /**
   * Puts the keys into another order, as each server process does: cursors of before mean other
   * places now.
   */
  reseed(seed: number): void {
    this.#seed = seed
    this.restore(this.dump())
  }
}

// FNV-1a, and what mixes its bits (murmur3's finalizer).
const placeOf = (key: string, seed: number): number => {
  let hash = 0x811c9dc5 ^ seed
  for (let index = 0; index < key.length; index++) hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
