import type { RedisAddress } from "../../../RedisConnector.ts"
import { slotOf } from "../../../internal/slot.ts"
import { bytesOf, type RedisStore } from "../RedisStore.ts"
import type { Replication } from "../Replication.ts"
import * as ClusterMap from "./ClusterMap.ts"

/** Sets what all nodes of a cluster have in common. */
export interface ClusterSettings {
  /** Says whether no slot is served while one of them is not. */
  readonly fullCoverage: boolean
  /** Says how nodes name each other: by host and port, or by the port alone. */
  readonly endpoint: "address" | "empty" | "unknown"
}

// Redis' own, in milliseconds.
const waitAfterStart = 2000

/** One server as a node of a cluster: what it knows of the others, and what it does with slots. */
export class ClusterNode {
  readonly id: string
  readonly place: Replication
  readonly settings: ClusterSettings
  /** The address that the nodes give to clients. */
  announced: RedisAddress
  /** The map as this node knows it. */
  map: ClusterMap.ClusterMap = ClusterMap.empty
  /** The slots that are leaving, and where to; the slots that are coming, and from where. */
  readonly migrating = new Map<number, ClusterNode>()
  readonly importing = new Map<number, ClusterNode>()
  /** Says whether it hears nothing of the others, and whether it has noticed. */
  isolated: "unnoticed" | "noticed" | undefined
  /** Hears of each map that it has learnt, and which one it knew before. */
  onLearned: (before: ClusterMap.ClusterMap) => void = () => {}

  // When it serves again after its process began anew.
  #servesFrom = 0

  constructor(id: string, place: Replication, settings: ClusterSettings) {
    this.id = id
    this.place = place
    this.settings = settings
    this.announced = { host: place.host, port: place.port }
  }

  /** Says whether it serves clients: CLUSTER INFO shows it as `cluster_state`. */
  get isUp(): boolean {
    if (this.isolated === "noticed" || this.#isWaiting) return false
    return !this.settings.fullCoverage || ClusterMap.isCovered(this.map)
  }

  /** The master that it knows as its own. */
  get master(): ClusterNode | undefined {
    return this.map.members.get(this)?.master
  }

  /** The data of a cluster are all in one database. */
  get store(): RedisStore {
    return this.place.keyspace.database(0)
  }

  /**
   * Takes over a map, and becomes in it what it says. A replica that lags goes on lagging, and has
   * no open slots.
   */
  learn(map: ClusterMap.ClusterMap): void {
    const before = this.map
    this.map = map
    const { master } = this
    if (master === undefined) this.place.promote()
    else {
      this.migrating.clear()
      this.importing.clear()
      if (this.place.master !== master.place) this.place.follow(master.place)
    }
    this.onLearned(before)
  }

  /** Catches up with its master, if it has one. */
  synchronise(): void {
    const { master, place } = this
    if (master !== undefined && !(place.connected && place.master === master.place)) place.follow(master.place)
  }

  /** The process began anew and has read from its file what it knew. */
  restarted(): void {
    this.learn(this.map)
    this.#servesFrom = this.store.now() + waitAfterStart
  }

  // A master that was away first gives the others time to say whether it is one still.
  get #isWaiting(): boolean {
    return this.master === undefined && this.store.now() < this.#servesFrom
  }

  keysIn(slot: number): ReadonlyArray<Buffer> {
    return this.store
      .entries()
      .map(([key]) => bytesOf(key))
      .filter((key) => slotOf(key) === slot)
  }

  /** Gives a key to another node, as MIGRATE does with REPLACE. */
  giveKey(key: Buffer, to: ClusterNode): void {
    const entry = this.store.get(key)
    if (entry === undefined) return
    to.store.set(key, entry.value, entry.expiresAt)
    this.store.delete(key)
    for (const { place } of [this, to]) place.written(key.length)
  }
}
