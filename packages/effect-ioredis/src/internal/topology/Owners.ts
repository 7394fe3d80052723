import type { NodeEvent } from "../../dispatch.ts"
import type { RedisAddress } from "../../RedisConnector.ts"
import type { RedisNode } from "../node/RedisNode.ts"
import * as SlotMap from "./SlotMap.ts"

/**
 * Who owns which slot of a cluster.
 *
 * A slot that nobody owns any more keeps its last owner, which is asked and says what is missing.
 * Invariant: `#counts` has each owner and how many slots it owns, at least one.
 */
export class Owners {
  readonly #onEvent: (event: NodeEvent) => void
  readonly #owners: Array<RedisNode | undefined> = Array.from({ length: SlotMap.slotCount }, () => undefined)
  readonly #counts = new Map<RedisNode, number>()
  // When a reply has moved a slot: what was asked before that knows less.
  readonly #movedAt = new Map<number, number>()
  #masters: ReadonlyArray<RedisNode> = []
  #unowned: number = SlotMap.slotCount
  /** Grows whenever a slot has another owner. */
  version = 0

  constructor(onEvent: (event: NodeEvent) => void) {
    this.#onEvent = onEvent
  }

  ownerOf(slot: number): RedisNode | undefined {
    return this.#owners[slot]
  }

  /** The servers that own slots. */
  masters(): ReadonlyArray<RedisNode> {
    return this.#masters
  }

  owns(node: RedisNode): boolean {
    return this.#counts.has(node)
  }

  /** Tells whether every slot has an owner. */
  isComplete(): boolean {
    return this.#unowned === 0
  }

  rangesOf(node: RedisNode): ReadonlyArray<readonly [from: number, to: number]> {
    return SlotMap.rangesOf((slot) => this.#owners[slot] === node)
  }

  /** A reply has said that a slot is another's. */
  move(slot: number, node: RedisNode, at: number): void {
    this.#movedAt.set(slot, at)
    this.#assign([slot], node)
  }

  /** A server has said who owns what, when it was asked at that time. */
  learn({ shards }: SlotMap.SlotMap, nodeAt: (address: RedisAddress) => RedisNode, askedAt: number): void {
    for (const [slot, at] of this.#movedAt) if (at <= askedAt) this.#movedAt.delete(slot)
    for (const { master, ranges } of shards) this.#assign(SlotMap.slotsIn(ranges, this.#movedAt), nodeAt(master))
  }

  #assign(slots: Iterable<number>, node: RedisNode): void {
    const moved = new Set<number>()
    for (const slot of slots) if (this.#owners[slot] !== node) moved.add(slot)
    if (moved.size === 0) return
    this.version++
    for (const slot of moved) this.#give(slot, node)
    this.#masters = Array.from(this.#counts.keys())
    // Nothing goes to the new owner before everybody knows, and whoever hears of it asks for the
    // owners of its keys.
    this.#onEvent({ _tag: "SlotsMoved", slots: moved, node })
  }

  #give(slot: number, node: RedisNode): void {
    const before = this.#owners[slot]
    this.#owners[slot] = node
    this.#counts.set(node, (this.#counts.get(node) ?? 0) + 1)
    const left = before === undefined ? undefined : (this.#counts.get(before) ?? 0) - 1
    if (before === undefined) this.#unowned--
    else if (left === undefined || left <= 0) this.#counts.delete(before)
    else this.#counts.set(before, left)
  }
}
