import { slotOf } from "../../../internal/slot.ts"
import type { Replication } from "../Replication.ts"
import { makeId } from "../History.ts"
import * as ClusterMap from "./ClusterMap.ts"
import { ClusterNode, type ClusterSettings } from "./ClusterNode.ts"

/**
 * A cluster as nobody in it sees it: its map as it is now, of which nodes that are cut off know an
 * older one.
 */
export class Cluster {
  readonly #settings: ClusterSettings
  readonly #random: () => number
  #map: ClusterMap.ClusterMap = ClusterMap.empty

  constructor(settings: ClusterSettings, random: () => number) {
    this.#settings = settings
    this.#random = random
  }

  get map(): ClusterMap.ClusterMap {
    return this.#map
  }

  /** The masters that own slots, in the order of their first. */
  masters(): ReadonlyArray<ClusterNode> {
    return Array.from(new Set(ClusterMap.ranges(this.#map).map(({ owner }) => owner)))
  }

  add(place: Replication, master?: ClusterNode): ClusterNode {
    const node = new ClusterNode(makeId(this.#random), place, this.#settings)
    this.#change(ClusterMap.join(this.#map, node, master))
    return node
  }

  /** The others forget it, and it forgets them: it is a master of nothing. */
  remove(node: ClusterNode): void {
    this.#change(ClusterMap.leave(this.#map, node))
    node.learn(ClusterMap.join(ClusterMap.empty, node, undefined))
  }

  /** Gives slots to a node, with the keys that are in them. */
  assign(slots: Iterable<number>, to: ClusterNode | undefined): void {
    const moving = new Set(slots)
    for (const node of this.#map.members.keys()) {
      for (const slot of moving) {
        node.migrating.delete(slot)
        node.importing.delete(slot)
      }
    }
    if (to !== undefined) {
      const owners = new Set(Array.from(moving, (slot) => this.#map.owners[slot]))
      for (const owner of owners) if (owner !== undefined && owner !== to) giveSlots(owner, moving, to)
    }
    this.#change(ClusterMap.assign(this.#map, moving, to))
  }

  /** Opens slots at both ends: from now on their keys can move one by one. */
  open(slots: Iterable<number>, to: ClusterNode): void {
    for (const slot of slots) {
      const owner = this.#map.owners[slot]
      if (owner === undefined || owner === to) continue
      owner.migrating.set(slot, to)
      to.importing.set(slot, owner)
    }
  }

  /** Moves these keys of open slots, or all of them where none is named. */
  moveKeys(slots: Iterable<number>, to: ClusterNode, named: ReadonlyArray<Buffer>): void {
    for (const slot of slots) {
      const owner = this.#map.owners[slot]
      if (owner === undefined || owner === to) continue
      const keys = named.length === 0 ? owner.keysIn(slot) : named.filter((key) => slotOf(key) === slot)
      for (const key of keys) owner.giveKey(key, to)
    }
  }

  /** Closes slots again where they were open. */
  close(slots: Iterable<number>, to: ClusterNode): void {
    for (const slot of slots) {
      this.#map.owners[slot]?.migrating.delete(slot)
      to.importing.delete(slot)
    }
  }

  /** Makes a replica the master of what its master owned, with the data that it has. */
  takeOver(replica: ClusterNode): void {
    this.#change(ClusterMap.takeOver(this.#map, replica))
  }

  setFailed(node: ClusterNode, failed: boolean): void {
    this.#change(ClusterMap.setFailed(this.#map, node, failed))
  }

  /** Cuts a node off: it learns nothing any more, and nothing is replicated to it or from it. */
  isolate(node: ClusterNode, noticed: boolean): void {
    node.isolated = noticed ? "noticed" : "unnoticed"
    node.place.cut()
    for (const other of this.#map.members.keys()) if (other.place.master === node.place) other.place.cut()
  }

  rejoin(node: ClusterNode): void {
    node.isolated = undefined
    this.#change(this.#map)
    for (const other of this.#map.members.keys()) {
      if (other.isolated === undefined && (other === node || other.master === node)) other.synchronise()
    }
  }

  // Masters first: their replicas take over what they have then.
  #change(map: ClusterMap.ClusterMap): void {
    this.#map = map
    const nodes = Array.from(map.members.keys()).filter(({ isolated }) => isolated === undefined)
    const isMaster = (node: ClusterNode) => map.members.get(node)?.master === undefined
    for (const node of nodes) if (isMaster(node)) node.learn(map)
    for (const node of nodes) if (!isMaster(node)) node.learn(map)
  }
}

const giveSlots = (from: ClusterNode, slots: ReadonlySet<number>, to: ClusterNode): void => {
  for (const [key] of from.store.entries()) {
    const bytes = Buffer.from(key, "latin1")
    if (slots.has(slotOf(bytes))) from.giveKey(bytes, to)
  }
}
