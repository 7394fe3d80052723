import { Effect } from "effect"
import type { RedisAddress } from "../../RedisConnector.ts"
import type { RedisNode } from "../node/RedisNode.ts"
import type { Made, NodeMaker, Place } from "../NodeMaker.ts"
import { addressText } from "../address.ts"

/**
 * The servers that hold copies of what others own. There are connections to them only when a caller
 * has asked for one.
 */
export class Replicas {
  readonly #maker: NodeMaker
  readonly #place: Pick<Place, "readOnly">
  readonly #made = new Map<string, Made>()
  #addresses: ReadonlyMap<RedisNode, ReadonlyArray<RedisAddress>> = new Map()
  // Those of an owner, made of its addresses when first asked for.
  #nodes = new Map<RedisNode, ReadonlyArray<RedisNode>>()
  /** Says whether anybody has asked for one. */
  isWanted = false

  constructor(maker: NodeMaker, place: Pick<Place, "readOnly"> = {}) {
    this.#maker = maker
    this.#place = place
  }

  /** One of an owner's that may be asked now: the same one for a number as long as it may. */
  of(owner: RedisNode, number: number): RedisNode | undefined {
    this.isWanted = true
    const ready = this.#nodesOf(owner).filter((node) => node.isReady() && node.dueIn("read") === 0)
    return ready[Math.abs(number) % ready.length]
  }

  /** Takes in who has which replicas, and ends the connections to those that are none any more. */
  learn(addresses: ReadonlyMap<RedisNode, ReadonlyArray<RedisAddress>>): Effect.Effect<void> {
    this.#addresses = addresses
    this.#nodes = new Map()
    const named = new Set(Array.from(addresses.values()).flat().map(addressText))
    const leaving = Array.from(this.#made).filter(([label]) => !named.has(label))
    for (const [label] of leaving) this.#made.delete(label)
    return Effect.forEach(leaving, ([, { close }]) => close, { discard: true })
  }

  #nodesOf(owner: RedisNode): ReadonlyArray<RedisNode> {
    const known = this.#nodes.get(owner)
    if (known !== undefined) return known
    const nodes = (this.#addresses.get(owner) ?? []).map((address) => this.#at(address))
    this.#nodes.set(owner, nodes)
    return nodes
  }

  #at(address: RedisAddress): RedisNode {
    const label = addressText(address)
    const known = this.#made.get(label)
    if (known !== undefined) return known.node
    const made = this.#maker.make({
      ...this.#place,
      label: `${label} (replica)`,
      locate: Effect.succeed(address),
      role: "replica",
      slots: () => [],
      onRefusal: () => {}
    })
    this.#made.set(label, made)
    return made.node
  }
}
