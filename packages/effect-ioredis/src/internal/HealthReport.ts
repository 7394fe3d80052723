/** Says what has become of Redis. What is told of it, `OutageTeller` says. */
import { DateTime, Effect, Semaphore, type Stream, SubscriptionRef } from "effect"
import type { Node } from "../dispatch.ts"
import type { NodeDown, OutageCause, Status } from "../RedisHealth.ts"

/** Why a server does not answer. */
export interface Failing {
  readonly cause: OutageCause
  readonly reason: string
}

/** What was found, whenever it began. */
export type Found =
  | { readonly _tag: "Up"; readonly warning: string | undefined }
  | { readonly _tag: "Partial"; readonly nodes: ReadonlyArray<NodeDown> }
  | { readonly _tag: "Down"; readonly nodes: ReadonlyArray<NodeDown> }

/** The nodes that own keys, of which those with a reason do not answer. */
export const found = (
  nodes: ReadonlyArray<Node>,
  reasons: ReadonlyMap<Node, Failing>,
  warning: string | undefined
): Found => {
  const down = nodes.flatMap((node) => {
    const failing = reasons.get(node)
    return failing === undefined ? [] : [{ node: node.name, ...failing, slots: node.slots() }]
  })
  if (down.length === 0) return { _tag: "Up", warning }
  return { _tag: down.length < nodes.length ? "Partial" : "Down", nodes: down }
}

/** The status, and who is told of it. */
export interface HealthReport {
  readonly status: Effect.Effect<Status>
  readonly changes: Stream.Stream<Status>
  /** Takes in what was found, and tells of it before anything else is taken in. */
  readonly update: (found: Found, told: (status: Status) => Effect.Effect<void>) => Effect.Effect<void>
}

/** Makes a report that begins with what was found. */
export const make = Effect.fnUntraced(function* (first: Found): Effect.fn.Return<HealthReport> {
  const current = yield* SubscriptionRef.make(statusOf(first, yield* DateTime.now))
  const status = SubscriptionRef.get(current)
  // Who asks for a check and who watches may both have found something.
  const lock = Semaphore.makeUnsafe(1)
  return {
    status,
    changes: SubscriptionRef.changes(current),
    update: (found, told) =>
      Effect.gen(function* () {
        const before = yield* status
        const after = statusOf(found, before._tag === found._tag ? before.since : yield* DateTime.now)
        if (summaryOf(after) !== summaryOf(before)) yield* SubscriptionRef.set(current, after)
        yield* told(after)
      }).pipe(Semaphore.withPermit(lock))
  }
})

const statusOf = (found: Found, since: DateTime.Utc): Status => {
  switch (found._tag) {
    case "Up":
      return found.warning === undefined ? { _tag: "Up", since } : { _tag: "Up", since, warning: found.warning }
    case "Partial":
      return { _tag: "Partial", since, nodes: found.nodes }
    case "Down": {
      const { nodes } = found
      return { _tag: "Down", since, cause: nodes[0]?.cause ?? "NotReady", reason: nodes[0]?.reason ?? "", nodes }
    }
  }
}

const summaryOf = (status: Status): string =>
  status._tag === "Up"
    ? `Up ${status.warning ?? ""}`
    : `${status._tag} ${status.nodes.map(({ cause, node, reason, slots }) => [node, cause, reason, ...slots].join()).join()}`
