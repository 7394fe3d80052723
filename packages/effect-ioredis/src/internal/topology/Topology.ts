/**
 * Finds the servers there are, and the one that owns a key.
 */
import type { Effect } from "effect"
import type { Redirect } from "../../RedisError.ts"
import type * as RedisError from "../../RedisError.ts"
import type { Key } from "../keyText.ts"
import type { RedisNode } from "../node/RedisNode.ts"

/**
 * The servers of one client.
 */
export interface Topology {
  /** The servers that own keys now. There is always one, perhaps not connected. */
  readonly nodes: () => ReadonlyArray<RedisNode>
  /** The server that owns a key now; without a key, one that may be asked. */
  readonly nodeFor: (key: Key | undefined) => RedisNode
  /**
   * A server with a copy of a key, which may be older than what the owner has; `undefined` where
   * none is ready.
   */
  readonly replicaFor: (key: Key | undefined) => RedisNode | undefined
  /** Keys with the same place may be named by one command, and take the same connection. */
  readonly placeOf: (key: Key) => unknown
  /** Tells whether different keys may have different places. */
  readonly isSpread: () => boolean
  /** The slot of a key, where keys have slots. */
  readonly slotOf: ((key: string) => number) | undefined
  /** Grows whenever keys have other owners than before. */
  readonly version: () => number
  /** Asks who owns what now, and tells whether somebody has answered. */
  readonly refresh: Effect.Effect<boolean>
  /** Tells whether every key can be reached. */
  readonly isReady: () => boolean
  /**
   * Ends when that may have become otherwise, or `problem` may have, without an event of a node.
   */
  readonly changed: Effect.Effect<void>
  /** Why a key cannot be reached, as far as no node says so. */
  readonly problem: () => RedisError.RedisConnectionError | undefined
  /**
   * Gives the server to ask in the place of one that has told where a key is, or `undefined` where
   * there is none.
   */
  readonly follow: (asked: RedisNode, redirect: Redirect) => RedisNode | undefined
}
