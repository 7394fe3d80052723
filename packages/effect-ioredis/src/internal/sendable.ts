import { Effect } from "effect"
import type { OperationKind } from "../dispatch.ts"
import type { RedisNode } from "./node/RedisNode.ts"

/** Tells whether a node has a connection, and a circuit that lets something of a kind through. */
export const couldSend = (node: RedisNode, kind: OperationKind): boolean => node.isReady() && node.dueIn(kind) === 0

/** Tells whether a node is closed for good. */
export const hasEnded = (node: RedisNode): boolean => node.status() === "Closed"

/**
 * Waits until something of a kind could be sent to a node, which is asked for anew each time, and
 * tells whether that was before `until`, in the milliseconds of `now`.
 */
export const awaitSendable = (
  nodeNow: () => RedisNode,
  kind: OperationKind,
  until: number,
  now: () => number
): Effect.Effect<boolean> =>
  Effect.suspend(() => {
    const node = nodeNow()
    const left = until - now()
    if (couldSend(node, kind)) return Effect.succeed(true)
    if (left <= 0 || hasEnded(node)) return Effect.succeed(false)
    // Nobody tells when an open circuit becomes due, but the time is known. Part of a millisecond
    // too early would be no use, and too late would be beyond `until`.
    const wait = Math.min(left, Math.ceil(node.dueIn(kind)) || left)
    return Effect.andThen(Effect.timeoutOption(node.changed, wait), awaitSendable(nodeNow, kind, until, now))
  })
