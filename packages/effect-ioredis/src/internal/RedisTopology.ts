/**
 * Finds the servers there are, and the one that owns a key.
 */
import type { RedisNode } from "./node/RedisNode.ts"

/**
 * The servers of one client.
 */
export interface RedisTopology {
  /** The servers that there are now. */
  readonly nodes: () => ReadonlyArray<RedisNode>
  /** The server that owns a key now; without a key, one that may be asked. */
  readonly nodeFor: (key: string | undefined) => RedisNode
  /** Tells whether different keys may have different connections. */
  readonly isSpread: () => boolean
}

/**
 * One server, which owns every key.
 */
export const single = (node: RedisNode): RedisTopology => {
  const nodes = [node]
  return { nodes: () => nodes, nodeFor: () => node, isSpread: () => node.connections > 1 }
}
