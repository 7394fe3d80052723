import * as RedisStore from "./RedisStore.ts"

/** A copy of everything that a server holds. */
export type Dump = ReadonlyArray<ReadonlyArray<readonly [key: string, entry: RedisStore.Entry]>>

/** One change and the database that it was made in, if not in all. */
export interface KeyspaceChange {
  readonly db: number | "all"
  readonly change: RedisStore.Change
}

/** Hears what changes in any database, whoever changes it. */
export interface Watcher {
  readonly touched: (key: string, entry: RedisStore.Entry | undefined, db: number) => void
  /** Everything may have changed. */
  readonly flushed: () => void
}

/** Describes what a keyspace is made of. */
export interface Options {
  readonly now: () => number
  readonly seed: number
  /** Hears what was changed here, and not what was taken over from elsewhere. */
  readonly changed: (change: KeyspaceChange) => void
  readonly watcher: Watcher
}

/** The numbered databases of one server. */
export class Keyspace {
  readonly databases: ReadonlyArray<RedisStore.RedisStore>
  readonly now: () => number
  readonly #changed: Options["changed"]
  readonly #watcher: Watcher
  #seed = 0

  constructor({ changed, now, seed, watcher }: Options) {
    this.now = now
    this.#seed = seed
    this.#changed = changed
    this.#watcher = watcher
    this.databases = Array.from({ length: 16 }, (_, db) =>
      RedisStore.make(
        now,
        (key) => this.placeOf(key),
        (change) => this.#did({ db, change })
      )
    )
  }

  database(db: number): RedisStore.RedisStore {
    const store = this.databases[db]
    if (store === undefined) throw new RangeError(`There is no database ${db}`)
    return store
  }

  /** Tells where a scan meets a name in this server process: a number from 0 to 2³² − 1. */
  placeOf(name: string): number {
    return placeOf(name, this.#seed)
  }

  /** Empties one database, or all of them. */
  clear(db: number | "all"): void {
    const change: KeyspaceChange = { db, change: { _tag: "Clear" } }
    this.#put(change)
    this.#did(change)
  }

  /** Does what was done on another server. */
  apply(change: KeyspaceChange): void {
    this.#put(change)
    this.#watch(change)
  }

  dump(): Dump {
    return this.databases.map((store) => store.entries())
  }

  /** Puts a dump in the place of everything, and nobody hears of it but the watcher. */
  restore(dump: Dump): void {
    this.#replace(dump)
    this.#watcher.flushed()
  }

  /** Does what was done elsewhere since both had the same. */
  catchUp(dump: Dump): void {
    const before = this.databases.map((store) => new Map(store.entries()))
    this.#replace(dump)
    for (const [db, old] of before.entries()) {
      const now = new Map(dump[db])
      for (const key of new Set([...old.keys(), ...now.keys()])) {
        // Entries are never changed in place.
        if (old.get(key) !== now.get(key)) this.#watcher.touched(key, now.get(key), db)
      }
    }
  }

  /**
   * Puts the keys into another order, as each server process does: cursors of before mean other
   * places now.
   */
  reseed(seed: number): void {
    this.#seed = seed
    this.#replace(this.dump())
  }

  /** When the next key is gone, or was, as wall-clock milliseconds; infinite where none ends. */
  nextExpiry(): number {
    return Math.min(...this.databases.map((store) => store.nextExpiry()))
  }

  /** Removes all keys whose time is over. */
  expire(): void {
    for (const store of this.databases) store.expire()
  }

  #did(change: KeyspaceChange): void {
    this.#changed(change)
    this.#watch(change)
  }

  #put({ change, db }: KeyspaceChange): void {
    const stores = db === "all" ? this.databases : [this.database(db)]
    for (const store of stores) store.apply(change)
  }

  #watch({ change, db }: KeyspaceChange): void {
    if (db === "all" || change._tag === "Clear") this.#watcher.flushed()
    else this.#watcher.touched(change.key, change._tag === "Set" ? change.entry : undefined, db)
  }

  #replace(dump: Dump): void {
    for (const [db, store] of this.databases.entries()) {
      store.apply({ _tag: "Clear" })
      for (const [key, entry] of dump[db] ?? []) store.apply({ _tag: "Set", key, entry })
    }
  }
}

/**
 * Tells where a scan meets a name: by FNV-1a, and by what mixes its bits (murmur3's finalizer).
 */
export const placeOf = (key: string, seed: number): number => {
  let hash = 0x811c9dc5 ^ seed
  for (let index = 0; index < key.length; index++) hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
