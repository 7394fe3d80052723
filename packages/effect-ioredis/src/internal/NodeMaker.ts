import { Context, Effect, Exit, Scheduler, Scope } from "effect"
import type * as CircuitBreaker from "../CircuitBreaker.ts"
import type { NodeEvent } from "../dispatch.ts"
import type { RedisConnector } from "../RedisConnector.ts"
import * as Circuit from "./circuitBreaker/Circuit.ts"
import type { Circuits } from "./circuitBreaker/Circuits.ts"
import type { EventLog } from "./EventLog.ts"
import * as Gauges from "./Gauges.ts"
import type * as Metrics from "./Metrics.ts"
import * as RedisNode from "./node/RedisNode.ts"

/**
 * Makes the nodes of one client, each with a circuit of its own, and shows them in the client's
 * metrics.
 */
export interface NodeMaker {
  /** Makes a node, at once. It lives until it is closed, or as long as the client. */
  readonly make: (place: Place) => Made
  /** All that live, also those that own nothing. */
  readonly nodes: () => ReadonlyArray<RedisNode.RedisNode>
}

/** Says which server a node is, and what it owns. */
export type Place = Pick<RedisNode.Options, "locate" | "role" | "readOnly" | "slots" | "onRefusal"> & {
  /** Tells it from the other servers of the client; empty where there is one. */
  readonly label: string
}

/** A node, and what ends it. */
export interface Made {
  readonly node: RedisNode.RedisNode
  readonly close: Effect.Effect<void>
}

/** Holds what all nodes of a client share. */
export type Options = Omit<RedisNode.Options, keyof Place | "circuit" | "onStall"> & {
  readonly circuitBreaker: Omit<CircuitBreaker.Options, "classify">
  /** Are all circuits of the client. */
  readonly circuits: Circuits
  readonly metrics: Metrics.Metrics
  /** Is told of what happens to the circuits of the servers, and of servers that join. */
  readonly record: EventLog["record"]
}

/**
 * Makes the maker. All that it makes ends with the scope, when what was added to that later has
 * ended: nodes that join late are drained too.
 */
export const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<NodeMaker, never, Scope.Scope | RedisConnector> {
  const context = yield* Effect.context<RedisConnector | Scope.Scope>()
  const parent = yield* Scope.fork(Context.get(context, Scope.Scope))
  const build = makeOne(options)
  const living = new Set<RedisNode.RedisNode>()
  // What runs at once does so in a scheduler of its own, which is not for what goes on afterwards.
  const scheduler = Context.get(context, Scheduler.Scheduler)
  return {
    make: (place) => {
      const scope = Scope.forkUnsafe(parent)
      // Nothing of it waits: a node connects in the background.
      const node = Effect.runSyncWith(Context.add(context, Scope.Scope, scope))(
        Effect.provideService(build(place), Scheduler.Scheduler, scheduler)
      )
      living.add(node)
      const leave = Effect.sync(() => living.delete(node))
      return { node, close: Effect.andThen(Scope.close(scope, Exit.void), leave) }
    },
    nodes: () => Array.from(living)
  }
})

const makeOne = (options: Options) =>
  Effect.fnUntraced(function* (
    place: Place
  ): Effect.fn.Return<RedisNode.RedisNode, never, Scope.Scope | RedisConnector> {
    const { circuitBreaker, circuits, metrics, record } = options
    const context = yield* Effect.context<never>()
    const isReplica = place.role === "replica"
    // Nobody need know of a server whose place another one takes whenever it is missing.
    const onEvent: Options["onEvent"] = (event) => {
      countEvent(metrics, event, context)
      if (!isReplica) options.onEvent(event)
    }
    const name = place.label === "" ? options.name : `${options.name} ${place.label}`
    const circuit = yield* Circuit.make(
      { ...circuitBreaker, name: circuitBreaker.name ?? options.name },
      place.label === "" ? undefined : name
    )
    const node: RedisNode.RedisNode = yield* RedisNode.make({
      ...options,
      ...place,
      name,
      circuit,
      onEvent,
      onStall: () => metrics.connectionEvents("stalled")("").updateUnsafe(1, context)
    })
    circuit.listeners.add(() => {
      if (circuit.isClosed()) onEvent({ _tag: "CircuitClosed", node })
    })
    follow(circuit, name, record)
    record({ _tag: "NodeAdded", node: name, connections: node.connections })
    yield* circuits.add(isReplica ? undefined : name, circuit)
    yield* Gauges.show(metrics.commandsInFlight, node.inFlight)
    yield* Gauges.show(metrics.connections, () => node.sessions().length)
    yield* Gauges.show(metrics.connectionsWanted, () => node.connections)
    yield* Gauges.show(metrics.nodes, () => 1)
    yield* Gauges.show(metrics.nodesReady, () => (node.status() === "Ready" ? 1 : 0))
    return node
  })

const follow = (circuit: Circuit.Circuit, node: string, record: EventLog["record"]): void => {
  let before = circuit.stats()
  circuit.listeners.add(() => {
    const after = circuit.stats()
    if (after._tag !== before._tag) {
      // What a closed circuit has forgotten is what it was open for.
      const { failures } = after._tag === "Closed" ? before : after
      record({ _tag: "CircuitChanged", node, from: before._tag, to: after._tag, failures })
    }
    before = after
  })
}

const countEvent = (metrics: Metrics.Metrics, event: NodeEvent, context: Context.Context<never>): void => {
  const counted = countedEvents[event._tag]
  const reason = "error" in event ? event.error.reason : ""
  if (counted !== undefined) metrics.connectionEvents(counted)(reason).updateUnsafe(1, context)
}

const countedEvents: Readonly<Record<string, string>> = {
  SessionReady: "ready",
  SessionLost: "lost",
  ConnectFailed: "failed"
}
