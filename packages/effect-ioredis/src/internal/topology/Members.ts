import { Effect } from "effect"
import type { NodeEvent } from "../../dispatch.ts"
import type { RedisAddress } from "../../RedisConnector.ts"
import type { ClusterOptions } from "../../RedisTopology.ts"
import type { RedisNode } from "../node/RedisNode.ts"
import type { Made, NodeMaker } from "../NodeMaker.ts"
import { addressText } from "../address.ts"
import type { Owners } from "./Owners.ts"

/**
 * The servers of a cluster that there are connections to: owners of slots, seeds until the owners
 * are known, and those that a reply has named.
 */
export class Members {
  readonly #options: ClusterOptions
  readonly #maker: NodeMaker
  readonly #owners: Owners
  readonly #suspect: () => void
  readonly #byAddress = new Map<string, Member>()

  constructor(options: ClusterOptions, maker: NodeMaker, owners: Owners, suspect: () => void) {
    this.#options = options
    this.#maker = maker
    this.#owners = owners
    this.#suspect = suspect
    this.joinSeeds()
  }

  /** Connects to the seeds, whose names may lead to other servers by now. */
  joinSeeds(): void {
    for (const seed of this.#options.seeds) this.at(seed)
  }

  /** The server of an address, which joins if it is none of them yet. */
  at(address: RedisAddress): RedisNode {
    const label = addressText(address)
    const known = this.#byAddress.get(label)
    if (known !== undefined) return known.node
    const made: Made = this.#maker.make({
      label,
      locate: Effect.succeed(address),
      slots: () => this.#owners.rangesOf(made.node),
      onRefusal: ({ code }) => {
        if (tellsOfOwners.has(code)) this.#suspect()
      }
    })
    this.#byAddress.set(label, { ...made, carried: -1 })
    return made.node
  }

  nodes(): ReadonlyArray<RedisNode> {
    return Array.from(this.#byAddress.values(), ({ node }) => node)
  }

  /** One that may be asked: an owner that answers, if there is one. */
  any(): RedisNode {
    const answers = (node: RedisNode) => node.isReady() && node.isClosed("read")
    const nodes = this.nodes()
    // A cluster has a seed at least, and an owner when the seeds have left.
    return (this.#owners.masters().find(answers) ?? nodes.find(answers) ?? nodes[0]) as RedisNode
  }

  /**
   * Ends the connections to servers that own nothing and that no caller has used since the last
   * time, be it by a call or on a connection of his own. What the topology itself asks them does
   * not count: it asks any that there is.
   */
  retire(onEvent: (event: NodeEvent) => void): Effect.Effect<void> {
    if (this.#owners.masters().length === 0) return Effect.void
    const leaving: Array<Member> = []
    for (const [label, member] of this.#byAddress) {
      const { carried: before, node } = member
      const { carried, inFlight } = node.usage()
      member.carried = carried
      if (this.#owners.owns(node) || carried !== before || inFlight > 0) continue
      this.#byAddress.delete(label)
      leaving.push(member)
    }
    return Effect.forEach(
      leaving,
      ({ close, node }) =>
        Effect.andThen(
          close,
          Effect.sync(() => onEvent({ _tag: "NodeRemoved", node }))
        ),
      { discard: true }
    )
  }
}

interface Member extends Made {
  /** What its connections had carried when it was looked at last. */
  carried: number
}

// What a server says that no longer owns what it is asked for, or cannot know.
const tellsOfOwners: ReadonlySet<string> = new Set(["CLUSTERDOWN", "READONLY", "MASTERDOWN", "MOVED", "ASK"])
