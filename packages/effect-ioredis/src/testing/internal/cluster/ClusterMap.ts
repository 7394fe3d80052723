import type { ClusterNode } from "./ClusterNode.ts"

/** Tells how many slots a cluster has. */
export const slotCount = 16384

/** Describes what is known of one node. */
export interface Member {
  /** The master that it follows, if it does. */
  readonly master: ClusterNode | undefined
  readonly epoch: number
  /** Says whether the others take it for dead. */
  readonly failed: boolean
}

/**
 * Describes what can be known of a cluster at one time. It is never changed in place, so that a
 * node may know an older one than the others.
 */
export interface ClusterMap {
  readonly epoch: number
  readonly members: ReadonlyMap<ClusterNode, Member>
  /** The master of each slot. */
  readonly owners: ReadonlyArray<ClusterNode | undefined>
}

export const empty: ClusterMap = {
  epoch: 0,
  members: new Map(),
  owners: Array.from({ length: slotCount }, () => undefined)
}

/** A node joins with the next epoch, as a replica where a master is given. */
export const join = (map: ClusterMap, node: ClusterNode, master: ClusterNode | undefined): ClusterMap => {
  const epoch = map.epoch + 1
  return { ...map, epoch, members: new Map(map.members).set(node, { master, epoch, failed: false }) }
}

/** Slots get another owner, with the next epoch where there is one. */
export const assign = (map: ClusterMap, slots: Iterable<number>, owner: ClusterNode | undefined): ClusterMap => {
  const owners = map.owners.slice()
  for (const slot of slots) owners[slot] = owner
  return { ...(owner === undefined ? map : withNextEpoch(map, owner)), owners }
}

/** A replica takes over what its master owned, who follows it from now on, as its replicas do. */
export const takeOver = (map: ClusterMap, replica: ClusterNode): ClusterMap => {
  const old = map.members.get(replica)?.master
  if (old === undefined) return map
  const members = new Map(map.members)
  for (const [node, member] of map.members) {
    if (node === replica) members.set(node, { ...member, master: undefined })
    else if (node === old || member.master === old) members.set(node, { ...member, master: replica })
  }
  const owners = map.owners.map((owner) => (owner === old ? replica : owner))
  return withNextEpoch({ ...map, members, owners }, replica)
}

/** The others take a node for dead, or no longer. */
export const setFailed = (map: ClusterMap, node: ClusterNode, failed: boolean): ClusterMap => {
  const member = map.members.get(node)
  return member === undefined ? map : { ...map, members: new Map(map.members).set(node, { ...member, failed }) }
}

/** A node is forgotten. What it owned has no owner any more, and its replicas have no master. */
export const leave = (map: ClusterMap, gone: ClusterNode): ClusterMap => {
  const members = new Map(map.members)
  members.delete(gone)
  for (const [node, member] of members) {
    if (member.master === gone) members.set(node, { ...member, master: undefined })
  }
  return { ...map, members, owners: map.owners.map((owner) => (owner === gone ? undefined : owner)) }
}

export const replicasOf = ({ members }: ClusterMap, master: ClusterNode): ReadonlyArray<ClusterNode> =>
  Array.from(members).flatMap(([node, member]) => (member.master === master ? [node] : []))

/** Counts slots: those that have an owner, and of them those whose owner is taken for dead. */
export interface Coverage {
  readonly assigned: number
  readonly failed: number
}

/** Tells how many slots are served. A map never changes, so this is counted once. */
export const coverageOf = (map: ClusterMap): Coverage => {
  let coverage = coverages.get(map)
  if (coverage === undefined) {
    const assigned = map.owners.filter((owner) => owner !== undefined)
    const failed = assigned.filter((owner) => map.members.get(owner)?.failed !== false)
    coverage = { assigned: assigned.length, failed: failed.length }
    coverages.set(map, coverage)
  }
  return coverage
}

const coverages = new WeakMap<ClusterMap, Coverage>()

/** Tells whether each slot has an owner that lives. */
export const isCovered = (map: ClusterMap): boolean => {
  const { assigned, failed } = coverageOf(map)
  return assigned - failed === slotCount
}

export interface Range {
  readonly from: number
  readonly to: number
  readonly owner: ClusterNode
}

/** The slots in their order, those in a row with one owner together. */
export const ranges = (map: ClusterMap): ReadonlyArray<Range> => {
  const known = rangesOf.get(map)
  if (known !== undefined) return known
  const found = findRanges(map)
  rangesOf.set(map, found)
  return found
}

const rangesOf = new WeakMap<ClusterMap, ReadonlyArray<Range>>()

const findRanges = ({ owners }: ClusterMap): ReadonlyArray<Range> => {
  const found: Array<Range> = []
  let from = 0
  for (let slot = 1; slot <= slotCount; slot++) {
    const owner = owners[from]
    if (slot < slotCount && owners[slot] === owner) continue
    if (owner !== undefined) found.push({ from, to: slot - 1, owner })
    from = slot
  }
  return found
}

const withNextEpoch = (map: ClusterMap, node: ClusterNode): ClusterMap => {
  const member = map.members.get(node)
  if (member === undefined) return map
  const epoch = map.epoch + 1
  return { ...map, epoch, members: new Map(map.members).set(node, { ...member, epoch }) }
}
