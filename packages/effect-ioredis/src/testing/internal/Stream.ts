import * as StreamId from "./StreamId.ts"

/** The value of a stream, and what may be done to it. It is never changed in place. */
export interface Stream {
  readonly type: "stream"
  readonly nodes: ReadonlyArray<Node>
  readonly length: number
  readonly lastId: StreamId.StreamId
  readonly maxDeletedId: StreamId.StreamId
  readonly entriesAdded: bigint
  readonly groups: ReadonlyMap<string, Group>
}

export interface Entry {
  readonly id: StreamId.StreamId
  /** Names and values take turns. */
  readonly fields: ReadonlyArray<Buffer>
}

/** Entries that Redis keeps together, and trims together where that need not be exact. */
interface Node {
  /** Counts those that were deleted, too. */
  readonly slots: number
  /** The ID of its last slot. */
  readonly last: StreamId.StreamId
  readonly entries: ReadonlyArray<Entry>
}

export interface Group {
  readonly lastDelivered: StreamId.StreamId
  /** How many entries were read, where that is known. */
  readonly entriesRead: bigint | undefined
  readonly pending: ReadonlyMap<StreamId.StreamId, Pending>
  /** When each consumer was last seen, as wall-clock milliseconds. */
  readonly consumers: ReadonlyMap<string, number>
}

/** An entry that was delivered and not yet acknowledged. */
export interface Pending {
  readonly consumer: string
  readonly deliveredAt: number
  readonly deliveries: bigint
}

export const empty: Stream = {
  type: "stream",
  nodes: [],
  length: 0,
  lastId: StreamId.first,
  maxDeletedId: StreamId.first,
  entriesAdded: 0n,
  groups: new Map()
}

// The default of `stream-node-max-entries`; `stream-node-max-bytes` is not counted.
export const slotsPerNode = 100

/** Adds an entry behind all others. */
export const append = (stream: Stream, entry: Entry): Stream => {
  const tail = stream.nodes.at(-1)
  const full = tail === undefined || tail.slots >= slotsPerNode
  const node = full
    ? { slots: 1, last: entry.id, entries: [entry] }
    : { slots: tail.slots + 1, last: entry.id, entries: [...tail.entries, entry] }
  return {
    ...stream,
    nodes: [...(full ? stream.nodes : stream.nodes.slice(0, -1)), node],
    length: stream.length + 1,
    lastId: entry.id,
    entriesAdded: stream.entriesAdded + 1n
  }
}

/** Says what is to stay of a stream, and how much work that may take. */
export interface Trim {
  readonly keep: { readonly maxLength: number } | { readonly minId: StreamId.StreamId }
  readonly approximate: boolean
  /** Sets how many entries may go; 0 is as many as there are. */
  readonly limit: number
}

/** Removes the oldest entries: node by node, and where it has to be exact part of one more. */
export const trim = (stream: Stream, { approximate, keep, limit }: Trim): Stream => {
  const nodes = Array.from(stream.nodes)
  let length = stream.length
  for (let node = nodes[0]; node !== undefined; node = nodes[0]) {
    const amount = node.entries.length
    if ("maxLength" in keep && length <= keep.maxLength) break
    if (limit > 0 && stream.length - length + amount > limit) break
    if ("maxLength" in keep ? length - amount >= keep.maxLength : node.last < keep.minId) {
      nodes.shift()
      length -= amount
      continue
    }
    if (approximate) break
    const entries =
      "maxLength" in keep
        ? node.entries.slice(length - keep.maxLength)
        : node.entries.filter(({ id }) => id >= keep.minId)
    nodes[0] = { ...node, entries }
    length -= amount - entries.length
    break
  }
  return length === stream.length ? stream : { ...stream, nodes, length }
}

/** Removes single entries, which leaves holes. */
export const remove = (stream: Stream, ids: ReadonlySet<StreamId.StreamId>): Stream => {
  const removed = entriesOf(stream).flatMap(({ id }) => (ids.has(id) ? [id] : []))
  if (removed.length === 0) return stream
  const nodes = stream.nodes.flatMap((node) => {
    const entries = node.entries.filter(({ id }) => !ids.has(id))
    if (entries.length === node.entries.length) return [node]
    return entries.length === 0 ? [] : [{ ...node, entries }]
  })
  const maxDeletedId = StreamId.later(removed.at(-1) ?? StreamId.first, stream.maxDeletedId)
  return { ...stream, nodes, length: stream.length - removed.length, maxDeletedId }
}

export const entriesOf = ({ nodes }: Stream): ReadonlyArray<Entry> => nodes.flatMap(({ entries }) => entries)

export const between = (stream: Stream, start: StreamId.StreamId, end: StreamId.StreamId): ReadonlyArray<Entry> =>
  stream.nodes.flatMap(({ entries, last }) =>
    last < start ? [] : entries.filter(({ id }) => id >= start && id <= end)
  )

export const entryOf = (stream: Stream, id: StreamId.StreamId): Entry | undefined => between(stream, id, id)[0]

export const firstOf = ({ nodes }: Stream): Entry | undefined =>
  nodes.find(({ entries }) => entries.length > 0)?.entries[0]

export const lastOf = ({ nodes }: Stream): Entry | undefined =>
  nodes.findLast(({ entries }) => entries.length > 0)?.entries.at(-1)

// Whether an entry from an ID on was deleted by itself: then nobody knows how many were added
// since.
const hasHolesFrom = (stream: Stream, id: StreamId.StreamId): boolean => {
  const { maxDeletedId } = stream
  const first = firstOf(stream)
  return first !== undefined && maxDeletedId !== StreamId.first && first.id <= maxDeletedId && id <= maxDeletedId
}

/** How many entries were added up to an ID, where that can be known. */
const distanceOf = (stream: Stream, id: StreamId.StreamId): bigint | undefined => {
  const { entriesAdded, lastId, length, maxDeletedId } = stream
  if (entriesAdded === 0n) return 0n
  if (length === 0 && id <= lastId) return entriesAdded
  if (id >= lastId) return id === lastId ? entriesAdded : undefined
  const first = firstOf(stream)?.id ?? StreamId.first
  if (maxDeletedId >= first && maxDeletedId !== StreamId.first) return undefined
  if (id > first) return undefined
  return entriesAdded - BigInt(length) + (id === first ? 1n : 0n)
}

/** What a group has read when it is given an entry. */
export const read = (stream: Stream, group: Group, id: StreamId.StreamId): Group => {
  if (id <= group.lastDelivered) return group
  const { entriesRead } = group
  if (entriesRead !== undefined && !hasHolesFrom(stream, id)) {
    return { ...group, lastDelivered: id, entriesRead: BigInt.asIntN(64, entriesRead + 1n) }
  }
  return { ...group, lastDelivered: id, entriesRead: stream.entriesAdded > 0n ? distanceOf(stream, id) : entriesRead }
}

/** How many entries a group has not read yet, where that can be known. */
export const lagOf = (stream: Stream, { entriesRead, lastDelivered }: Group): bigint | undefined => {
  if (stream.entriesAdded === 0n) return 0n
  const known =
    entriesRead !== undefined && !hasHolesFrom(stream, lastDelivered) ? entriesRead : distanceOf(stream, lastDelivered)
  return known === undefined ? undefined : BigInt.asIntN(64, stream.entriesAdded - known)
}

export const withGroup = (stream: Stream, name: string, group: Group): Stream => ({
  ...stream,
  groups: new Map(stream.groups).set(name, group)
})

/** The pending entries of a group, or of one consumer, in the order of their IDs. */
export const pendingOf = (
  { pending }: Group,
  consumer?: string
): ReadonlyArray<readonly [id: StreamId.StreamId, pending: Pending]> =>
  Array.from(pending)
    .filter(([, { consumer: owner }]) => consumer === undefined || owner === consumer)
    .sort(([one], [other]) => (one < other ? -1 : 1))
