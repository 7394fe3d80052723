import type { History } from "./History.ts"
import type { Keyspace, KeyspaceChange } from "./Keyspace.ts"

/** Hears what happens to a server's place. */
export interface Watcher {
  /** The server is about to follow another one. */
  readonly followed: () => void
  /** A replica has come, and has all that the server has. */
  readonly attached: () => void
}

/** One server's place among others: whom it follows and who follows it. */
export class Replication {
  readonly host: string
  readonly port: number
  readonly history: History
  readonly keyspace: Keyspace
  /** The master that this server was told to follow. */
  master: Replication | undefined
  /** Says whether what the master executes arrives here. */
  connected = false
  readonly #replicas = new Set<Replication>()
  readonly #watcher: Watcher

  constructor(
    address: { readonly host: string; readonly port: number },
    history: History,
    keyspace: Keyspace,
    watcher: Watcher
  ) {
    this.#watcher = watcher
    this.host = address.host
    this.port = address.port
    this.history = history
    this.keyspace = keyspace
  }

  /**
   * Becomes a replica of another server and takes over its data and its history. Clients stay
   * connected.
   */
  follow(master: Replication): void {
    if (master === this) return
    this.#watcher.followed()
    this.#leave()
    this.master = master
    this.#attach()
  }

  /** Stops what comes from the master; the server stays a replica. */
  cut(): void {
    const { master } = this
    if (master === undefined || !this.connected) return
    this.connected = false
    master.#replicas.delete(this)
    master.history.replicaDetached()
  }

  /** Becomes a master of its own, with the data that it has. */
  promote(): void {
    if (this.master === undefined) return
    this.#leave()
    this.history.promote()
    // Its replicas come back for the new replication id.
    this.#takeAlong()
  }

  /** Passes on what was changed here. */
  changed(change: KeyspaceChange): void {
    for (const replica of this.#replicas) {
      replica.keyspace.apply(change)
      replica.changed(change)
    }
  }

  /** Counts a command that changed data. */
  written(bytes: number): void {
    this.history.written(bytes)
    for (const replica of this.#replicas) replica.#followOffset()
  }

  /** The process began anew, as a master; its replicas come back and take over what it has. */
  restart(): void {
    this.#leave()
    this.history.restart()
    for (const replica of Array.from(this.#replicas)) replica.#attach()
  }

  // The first synchronisation copies everything; what it took to get there is not seen by clients.
  #attach(): void {
    const { master } = this
    if (master === undefined) return
    const continued = master.history.continues(this.history)
    master.#replicas.add(this)
    master.history.replicaAttached()
    master.#watcher.attached()
    this.history.follow(master.history, continued)
    this.connected = true
    if (continued) this.keyspace.catchUp(master.keyspace.dump())
    else this.keyspace.restore(master.keyspace.dump())
    this.#takeAlong()
  }

  #takeAlong(): void {
    for (const replica of Array.from(this.#replicas)) {
      this.history.replicaDetached()
      replica.#attach()
    }
  }

  #leave(): void {
    this.cut()
    this.master = undefined
  }

  #followOffset(): void {
    this.history.offset = this.master?.history.offset ?? this.history.offset
    for (const replica of this.#replicas) replica.#followOffset()
  }
}
