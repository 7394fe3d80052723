import { Clock, DateTime, Effect, PubSub, type Scope, Stream } from "effect"
import type { NodeEvent } from "../dispatch.ts"
import type { Happening, RedisEvent, RedisEvents } from "../RedisEvents.ts"

/** Keeps the last events of a client. */
export interface EventLog extends RedisEvents {
  /** Takes in what has happened, just now or at `at`. */
  readonly record: (happening: Happening) => void
}

/** Makes an empty log that ends with the scope. */
export const make: Effect.Effect<EventLog, never, Scope.Scope> = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  const kept: Array<RedisEvent> = []
  const all = yield* Effect.acquireRelease(
    PubSub.sliding<RedisEvent>({ capacity: most, replay: most }),
    PubSub.shutdown
  )
  // By node: why its last login failed, until one succeeds.
  const failing = new Map<string, string>()
  // By node: what its circuit has gone through since it was closed.
  const opened = new Map<string, Set<string>>()

  const isRepeated = (happening: Happening): boolean => {
    if (happening._tag === "ConnectionReady" || happening._tag === "NodeRemoved") failing.delete(happening.node)
    if (happening._tag === "NodeRemoved") {
      // That of its writes is named after it.
      for (const name of opened.keys()) if (`${name} `.startsWith(`${happening.node} `)) opened.delete(name)
    }
    if (happening._tag === "CircuitChanged") return isProbedAgain(opened, happening)
    if (happening._tag !== "ConnectionFailed") return false
    const before = failing.get(happening.node)
    failing.set(happening.node, happening.message)
    return before === happening.message
  }

  return {
    last: Effect.sync(() => kept.slice()),
    all: Stream.fromPubSub(all),
    record: (happening) => {
      if (isRepeated(happening)) return
      // A spread forgets which member of the union it is of.
      const event = { ...happening, at: DateTime.makeUnsafe(clock.currentTimeMillisUnsafe()) } as RedisEvent
      kept.push(event)
      if (kept.length > most) kept.shift()
      PubSub.publishUnsafe(all, event)
    }
  }
})

const most = 200

// A circuit that stays open is probed for as long as it does.
const isProbedAgain = (
  opened: Map<string, Set<string>>,
  { from, node, to }: Extract<Happening, { readonly _tag: "CircuitChanged" }>
): boolean => {
  const changes = opened.get(node) ?? new Set()
  if (to === "Closed") opened.delete(node)
  else opened.set(node, changes)
  const isKnown = changes.has(`${from} ${to}`)
  changes.add(`${from} ${to}`)
  return isKnown && to !== "Closed"
}

/** What is recorded of an event of a node. */
export const happeningOf = (event: NodeEvent): Happening | undefined => {
  const node = event.node.name
  switch (event._tag) {
    case "SessionReady":
      return { _tag: "ConnectionReady", node }
    case "SessionLost":
      return { _tag: "ConnectionLost", node, ...reasonOf(event) }
    case "ConnectFailed":
      return { _tag: "ConnectionFailed", node, ...reasonOf(event) }
    case "HistoryChanged":
      return { _tag: "HistoryChanged", node }
    case "SlotsMoved":
      return { _tag: "SlotsMoved", node, slots: event.slots.size }
    case "NodeRemoved":
      return { _tag: "NodeRemoved", node }
    // The circuit itself tells of all of its changes.
    case "CircuitClosed":
      return undefined
  }
}

const reasonOf = ({ error: { message, reason } }: Extract<NodeEvent, { readonly error: unknown }>) => ({
  reason,
  message
})
