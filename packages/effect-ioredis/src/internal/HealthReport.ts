/** Says what has become of Redis, and logs where an outage begins and ends. */
import {
  DateTime,
  Duration,
  Effect,
  Fiber,
  Schedule,
  type Scope,
  Semaphore,
  type Stream,
  SubscriptionRef
} from "effect"
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
  /** Takes in what was found. */
  readonly update: (found: Found) => Effect.Effect<void>
}

/** Makes a report that begins with what was found, which is not logged. */
export const make = Effect.fnUntraced(function* (
  name: string,
  first: Found,
  scope: Scope.Scope
): Effect.fn.Return<HealthReport> {
  const current = yield* SubscriptionRef.make(statusOf(first, yield* DateTime.now))
  const status = SubscriptionRef.get(current)
  const log = logOf(name, status, scope)
  // Who asks for a check and who watches may both have found something.
  const lock = Semaphore.makeUnsafe(1)
  return {
    status,
    changes: SubscriptionRef.changes(current),
    update: (found) =>
      Effect.gen(function* () {
        const before = yield* status
        const after = statusOf(found, before._tag === found._tag ? before.since : yield* DateTime.now)
        if (summaryOf(after) !== summaryOf(before)) yield* SubscriptionRef.set(current, after)
        yield* log(after)
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

// -------------------------------------------------------------------------------------------------
// Log lines
// -------------------------------------------------------------------------------------------------

type Broken = Exclude<Status, { readonly _tag: "Up" }>

interface Outage {
  readonly since: DateTime.Utc
  readonly nodes: Set<string>
  readonly summaries: Fiber.Fiber<void>
  /** What was said of it last. */
  last: Broken
  wasWhole: boolean
}

const logOf = (name: string, status: Effect.Effect<Status>, scope: Scope.Scope) => {
  let outage: Outage | undefined
  let warned = false

  const begin = Effect.fnUntraced(function* (status_: Broken) {
    yield* Effect.logWarning(headline(status_, "does not answer")).pipe(
      Effect.annotateLogs({ name, ...detailsOf(status_) })
    )
    const { since } = status_
    const summaries = yield* Effect.forkIn(summarise(name, since, status), scope)
    outage = { since, nodes: new Set(), summaries, last: status_, wasWhole: status_._tag === "Down" }
  })

  const end = Effect.fnUntraced(function* ({ last, nodes, since, summaries }: Outage, now: DateTime.Utc) {
    outage = undefined
    yield* Fiber.interrupt(summaries)
    yield* Effect.logInfo("Redis answers again").pipe(
      Effect.annotateLogs({
        name,
        downFor: Duration.format(DateTime.distance(since, now)),
        reason: last.nodes[0]?.reason ?? "",
        ...(nodes.size > 1 || isOfSeveral(last) ? { nodes: listed(Array.from(nodes)) } : {})
      })
    )
  })

  const warn = Effect.fnUntraced(function* (warning: string | undefined) {
    if (warned === (warning !== undefined)) return
    warned = warning !== undefined
    if (warned) {
      yield* Effect.logWarning("Redis answers, but a failover would not be noticed").pipe(
        Effect.annotateLogs({ name, warning })
      )
    } else yield* Effect.logInfo("A failover of Redis would be noticed again").pipe(Effect.annotateLogs({ name }))
  })

  return Effect.fnUntraced(function* (status: Status) {
    if (status._tag === "Up") {
      if (outage !== undefined) yield* end(outage, status.since)
      return yield* warn(status.warning)
    }
    if (outage === undefined) yield* begin(status)
    else if (status._tag === "Down" && !outage.wasWhole) {
      outage.wasWhole = true
      yield* Effect.logWarning(headline(status, "does not answer")).pipe(
        Effect.annotateLogs({ name, ...detailsOf(status) })
      )
    }
    if (outage === undefined) return
    outage.last = status
    for (const { node } of status.nodes) outage.nodes.add(node)
  })
}

const summarise = (name: string, since: DateTime.Utc, current: Effect.Effect<Status>): Effect.Effect<void> =>
  Effect.gen(function* () {
    const status = yield* current
    if (status._tag === "Up") return
    const downFor = Duration.format(DateTime.distance(since, yield* DateTime.now))
    yield* Effect.logWarning(headline(status, "still does not answer")).pipe(
      Effect.annotateLogs({ name, downFor, ...detailsOf(status) })
    )
  }).pipe(Effect.schedule(Schedule.min([Schedule.exponential("1 minute"), Schedule.spaced("1 hour")])), Effect.asVoid)

const headline = ({ _tag }: Broken, what: string): string => `${_tag === "Down" ? "Redis" : "A part of Redis"} ${what}`

const detailsOf = (status: Broken) => {
  const reason = status.nodes[0]?.reason ?? ""
  return isOfSeveral(status) ? { reason, nodes: listed(status.nodes.map(textOf)) } : { reason }
}

// Where there is one server, its name says nothing that the client's does not.
const isOfSeveral = ({ _tag, nodes }: Broken): boolean => _tag === "Partial" || nodes.length > 1

const textOf = ({ node, reason, slots }: NodeDown): string =>
  `${node} (${slots.length === 0 ? "no slots" : `slots ${listed(slots.map(rangeText))}`}): ${reason}`

const rangeText = ([from, to]: readonly [from: number, to: number]): string =>
  from === to ? `${from}` : `${from}-${to}`

// A line is no longer than somebody reads.
const listed = (texts: ReadonlyArray<string>): string =>
  texts.length <= mostListed
    ? texts.join(", ")
    : `${texts.slice(0, mostListed).join(", ")} and ${texts.length - mostListed} more`

const mostListed = 10
