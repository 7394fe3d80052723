import { makeId } from "../History.ts"
import type { Replication } from "../Replication.ts"

/**
 * Describes what a sentinel knows of the master that it watches. It is never changed in place, so
 * that a sentinel may know less than the others.
 */
export interface Watched {
  readonly name: string
  readonly epoch: number
  readonly master: Replication
  readonly replicas: ReadonlyArray<Replication>
  /** The servers that the sentinels take for dead. */
  readonly failed: ReadonlySet<Replication>
  /** The replica that is a master already, while a failover is under way. */
  readonly promoted: Replication | undefined
}

/** One sentinel: a server at an address of its own, and what it knows. */
export class Sentinel {
  readonly id: string
  readonly place: Replication
  readonly group: Sentinels
  watched: Watched | undefined
  /** Says whether it hears nothing of the others. */
  isolated = false

  constructor(id: string, place: Replication, group: Sentinels) {
    this.id = id
    this.place = place
    this.group = group
  }

  /** What it knows of a master of that name. */
  find(name: string): Watched | undefined {
    return this.watched?.name === name ? this.watched : undefined
  }

  get others(): ReadonlyArray<Sentinel> {
    return this.group.all.filter((sentinel) => sentinel !== this)
  }
}

/** Some sentinels, the master that they watch and its replicas. */
export class Sentinels {
  readonly quorum: number
  readonly #random: () => number
  readonly #all: Array<Sentinel> = []
  readonly #cutOff = new Set<Replication>()
  #watched: Watched
  /** Whoever leads the failover that is under way, and what it knows ahead of the others. */
  #leading: { readonly sentinel: Sentinel; readonly watched: Watched } | undefined

  constructor(watched: Watched, quorum: number, random: () => number) {
    this.#watched = watched
    this.quorum = quorum
    this.#random = random
    for (const replica of watched.replicas) replica.follow(watched.master)
  }

  get all(): ReadonlyArray<Sentinel> {
    return this.#all
  }

  get watched(): Watched {
    return this.#watched
  }

  add(place: Replication): Sentinel {
    const sentinel = new Sentinel(makeId(this.#random), place, this)
    this.#all.push(sentinel)
    this.#tell()
    return sentinel
  }

  /** Makes a replica a master, which only the sentinel knows that leads the failover. */
  beginFailOver(to: Replication): void {
    const sentinel = this.#all.find(({ isolated }) => !isolated)
    if (sentinel === undefined) throw new Error("SimulatedSentinels: every sentinel is isolated")
    this.#leading = { sentinel, watched: { ...this.#watched, epoch: this.#watched.epoch + 1, promoted: to } }
    to.promote()
    this.#tell()
  }

  /** Makes a replica the master, with the data that it has, and the others its replicas. */
  failOver(to: Replication): void {
    const { epoch, master, replicas } = this.#watched
    const others = [master, ...replicas].filter((place) => place !== to)
    this.#watched = { ...this.#watched, epoch: epoch + 1, master: to, replicas: others }
    this.#leading = undefined
    to.promote()
    for (const place of others) if (!this.#cutOff.has(place)) place.follow(to)
    this.#tell()
  }

  isolate(place: Replication): void {
    const sentinel = this.#sentinelAt(place)
    if (sentinel !== undefined) sentinel.isolated = true
    else {
      this.#cutOff.add(place)
      for (const other of this.#places()) if (other === place || other.master === place) other.cut()
    }
  }

  /**
   * Connects a server again: it becomes what the sentinels say. A sentinel knows what they know.
   */
  rejoin(place: Replication): void {
    const sentinel = this.#sentinelAt(place)
    if (sentinel !== undefined) sentinel.isolated = false
    this.#cutOff.delete(place)
    const { master } = this.#watched
    for (const other of this.#places()) {
      const touched = other === place || place === master
      if (touched && other !== master && !this.#cutOff.has(other) && !this.#cutOff.has(master))
        synchronise(other, master)
    }
    this.#tell()
  }

  setFailed(place: Replication, failed: boolean): void {
    const others = Array.from(this.#watched.failed).filter((other) => other !== place)
    this.#watched = { ...this.#watched, failed: new Set(failed ? [...others, place] : others) }
    this.#tell()
  }

  /** A sentinel knows nothing of the master any more, nor hears of it. */
  forget(place: Replication): void {
    const sentinel = this.#sentinelAt(place)
    if (sentinel === undefined) return
    sentinel.isolated = true
    sentinel.watched = undefined
  }

  #tell(): void {
    for (const sentinel of this.#all) {
      if (sentinel.isolated) continue
      sentinel.watched = this.#leading?.sentinel === sentinel ? this.#leading.watched : this.#watched
    }
  }

  #places(): ReadonlyArray<Replication> {
    return [this.#watched.master, ...this.#watched.replicas]
  }

  #sentinelAt(place: Replication): Sentinel | undefined {
    return this.#all.find((sentinel) => sentinel.place === place)
  }
}

const synchronise = (replica: Replication, master: Replication): void => {
  if (!(replica.connected && replica.master === master)) replica.follow(master)
}
