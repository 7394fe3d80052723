import { Effect } from "effect"
import type { RedisNode } from "../node/RedisNode.ts"
import type { Topology } from "./Topology.ts"

/** One server, which owns every key. */
export const make = (node: RedisNode): Topology => {
  const nodes = [node]
  return {
    nodes: () => nodes,
    nodeFor: () => node,
    replicaFor: () => undefined,
    placeOf: (key) => node.sessionFor(key),
    isSpread: () => node.connections > 1,
    slotOf: undefined,
    version: () => 0,
    refresh: Effect.succeed(true),
    isReady: node.isReady,
    changed: Effect.never,
    problem: () => undefined,
    follow: () => undefined
  }
}
