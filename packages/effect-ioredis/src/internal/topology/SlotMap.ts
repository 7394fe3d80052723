import type { Reply } from "../../RedisCommand.ts"
import type { RedisAddress } from "../../RedisConnector.ts"
import { addressText } from "../address.ts"

/** A cluster has so many slots. */
export const slotCount = 16_384

/** Describes which server owns which slots, as one of them has told. */
export interface SlotMap {
  /** The masters that own slots. */
  readonly shards: ReadonlyArray<Shard>
}

/** One master, and what it owns. */
export interface Shard {
  readonly master: RedisAddress
  readonly ranges: ReadonlyArray<readonly [from: number, to: number]>
  readonly replicas: ReadonlyArray<RedisAddress>
}

/**
 * Reads the reply of CLUSTER SLOTS. A server without a host of its own is where it was `asked`.
 * `undefined` where it is no such reply.
 */
export const parse = (
  reply: Reply,
  asked: RedisAddress,
  translate: (address: RedisAddress) => RedisAddress
): SlotMap | undefined => {
  if (!Array.isArray(reply)) return undefined
  const shards = new Map<
    string,
    { master: RedisAddress; ranges: Array<[number, number]>; replicas: Array<RedisAddress> }
  >()
  for (const entry of reply) {
    if (!Array.isArray(entry)) return undefined
    const [from, to, ...servers] = entry
    const [master, ...replicas] = servers
      .map((server) => addressIn(server, asked.host))
      .map((address) => address && translate(address))
    if (!isSlot(from) || !isSlot(to) || master === undefined) return undefined
    const known = shards.get(addressText(master))
    if (known !== undefined) known.ranges.push([from, to])
    else
      shards.set(addressText(master), {
        master,
        ranges: [[from, to]],
        replicas: replicas.filter((replica) => replica !== undefined)
      })
  }
  return { shards: Array.from(shards.values()) }
}

/** The slots of ranges, but for some. */
export const slotsIn = function* (
  ranges: Shard["ranges"],
  except: { readonly has: (slot: number) => boolean }
): Generator<number> {
  for (const [from, to] of ranges) {
    for (let slot = from; slot <= to; slot++) if (!except.has(slot)) yield slot
  }
}

const addressIn = (server: Reply, asked: string): RedisAddress | undefined => {
  if (!Array.isArray(server)) return undefined
  const [host, port] = server
  if (typeof port !== "number" || port <= 0 || port > 65_535) return undefined
  // Without a preferred endpoint it is nil, and before the servers have met it is empty.
  if (host === null || host === "" || host === "?") return { host: asked, port }
  return typeof host === "string" ? { host, port } : undefined
}

const isSlot = (value: Reply | undefined): value is number =>
  typeof value === "number" && Number.isInteger(value) && value >= 0 && value < slotCount

/** The slots that are owned, as ranges. */
export const rangesOf = (owns: (slot: number) => boolean): ReadonlyArray<readonly [from: number, to: number]> => {
  const ranges: Array<readonly [number, number]> = []
  let from: number | undefined
  for (let slot = 0; slot <= slotCount; slot++) {
    const owned = slot < slotCount && owns(slot)
    if (owned) from ??= slot
    else if (from !== undefined) {
      ranges.push([from, slot - 1])
      from = undefined
    }
  }
  return ranges
}
