import { Cause, Effect } from "effect"
import { RedisError } from "effect-ioredis"

/**
 * Says once that memory answers in the place of a server, and once that it need not any more. A
 * warning here would be the second one of the same outage, and one per call where Redis is merely
 * slow.
 */
export interface Outage {
  /** A read of a key failed. */
  readonly begin: (key: string, cause: Cause.Cause<RedisError.RedisError>) => void
  /** The circuit breaker has refused to read a key. */
  readonly refused: (key: string) => void
  /** A read of a key was answered. */
  readonly end: (key: string) => void
}

/**
 * Makes one. `nodeOf` tells the name of the server that owns a key: one that answers says nothing
 * of one that does not.
 */
export const make = (nodeOf: (key: string) => string, fork: (effect: Effect.Effect<void>) => void): Outage => {
  const fallbacks = new Map<string, number>()

  const fellBack = (key: string, reason: string): void => {
    const node = nodeOf(key)
    const before = fallbacks.get(node) ?? 0
    fallbacks.set(node, before + 1)
    if (before > 0) return
    fork(Effect.logDebug("Redis does not answer the cache: memory does").pipe(Effect.annotateLogs({ reason })))
  }

  return {
    begin: (key, cause) => {
      const error = Cause.squash(cause)
      // A Redis that refuses does answer.
      if (RedisError.isRedisError(error) && error._tag === "RedisOperationError") return
      fellBack(key, RedisError.isRedisError(error) ? error.message : "a defect")
    },
    refused: (key) => fellBack(key, "the circuit is open"),
    end: (key) => {
      if (fallbacks.size === 0) return
      const node = nodeOf(key)
      const total = fallbacks.get(node)
      if (total === undefined) return
      fallbacks.delete(node)
      fork(Effect.logDebug("Redis answers the cache again").pipe(Effect.annotateLogs({ fallbacks: total })))
    }
  }
}
