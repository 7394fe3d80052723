import { Context, Effect, Exit, Scheduler, Scope } from "effect"
import type { NodeEvent } from "../dispatch.ts"
import type { RedisConnector } from "../RedisConnector.ts"
import * as NodeCircuit from "./circuitBreaker/NodeCircuit.ts"
import type { Circuits } from "./circuitBreaker/Circuits.ts"
import type { EventLog } from "./EventLog.ts"
import * as Gauges from "./Gauges.ts"
import type { LiveSettings } from "./LiveSettings.ts"
import type * as Metrics from "./Metrics.ts"
import { NodeCircuits } from "./node/NodeCircuits.ts"
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
export type Options = Omit<
  RedisNode.Options,
  keyof Place | "circuits" | "onStall" | "onNotReplaced" | "commandTimeout"
> & {
  readonly live: LiveSettings
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
    const { live, metrics, record } = options
    const context = yield* Effect.context<never>()
    const isReplica = place.role === "replica"
    // Nobody need know of a server whose place another one takes whenever it is missing.
    const onEvent: Options["onEvent"] = (event) => {
      countEvent(metrics, event, context)
      if (!isReplica) options.onEvent(event)
    }
    const name = place.label === "" ? options.name : `${options.name} ${place.label}`
    const onChange = (circuit: NodeCircuit.NodeCircuit): void => {
      node.wake()
      if (circuit.isClosed()) onEvent({ _tag: "CircuitClosed", node })
    }
    const circuits = yield* circuitsOf(options, { name, isAlone: place.label === "", isReplica, onChange })
    const node: RedisNode.RedisNode = yield* RedisNode.make({
      ...options,
      ...place,
      name,
      circuits,
      get commandTimeout() {
        return live.silence
      },
      onEvent,
      onNotReplaced: (error) => {
        Effect.runForkWith(context)(
          Effect.logWarning("The connection that the settings ask for cannot be made: the one in use stays").pipe(
            Effect.annotateLogs({ name, error: error.message })
          )
        )
      },
      onStall: () => metrics.connectionEvents("stalled")("").updateUnsafe(1, context)
    })
    yield* Effect.acquireRelease(
      Effect.sync(() => live.successions.add(node.succeed)),
      () => Effect.sync(() => live.successions.delete(node.succeed))
    )
    record({ _tag: "NodeAdded", node: name, connections: node.connections })
    yield* Gauges.show(metrics.commandsInFlight, node.inFlight)
    yield* Gauges.show(metrics.connections, () => node.sessions().length)
    yield* Gauges.show(metrics.connectionsWanted, () => node.connections)
    yield* Gauges.show(metrics.nodes, () => 1)
    yield* Gauges.show(metrics.nodesReady, () => (node.status() === "Ready" ? 1 : 0))
    return node
  })

// Makes the circuits of a node, which are as many as the settings say at each moment.
const circuitsOf = Effect.fnUntraced(function* (
  { circuits, live, name: client, record }: Options,
  node: {
    readonly name: string
    readonly isAlone: boolean
    readonly isReplica: boolean
    readonly onChange: (circuit: NodeCircuit.NodeCircuit) => void
  }
) {
  const context = yield* Effect.context<Scope.Scope>()
  const scope = Context.get(context, Scope.Scope)
  const make = Effect.fnUntraced(function* (options: LiveSettings["circuits"]["read"], suffix: string) {
    const name = `${node.name}${suffix}`
    const { name: own = client } = options
    // The name of a node begins with its client's.
    const shownName = node.isAlone && suffix === "" ? undefined : own + name.slice(client.length)
    const circuit = yield* NodeCircuit.make({ ...options, name: own }, shownName)
    circuit.listeners.add(() => node.onChange(circuit))
    follow(circuit, name, record)
    yield* circuits.add(node.isReplica ? undefined : name, circuit)
    return circuit
  })
  const made = new NodeCircuits(yield* make(live.circuits.read, ""))
  let ofWrites: Scope.Closeable | undefined
  // Nothing of it waits.
  const settle = (): void => {
    const { read, write } = live.circuits
    made.read.configure(read)
    if (write === undefined) {
      if (ofWrites === undefined) return
      made.write = made.read
      Effect.runSyncWith(context)(Scope.close(ofWrites, Exit.void))
      ofWrites = undefined
      // Who waits for the writes' own circuit waits for this one now.
      node.onChange(made.read)
    } else if (made.areApart()) {
      made.write.configure(write)
    } else {
      ofWrites = Scope.forkUnsafe(scope)
      made.write = Effect.runSyncWith(Context.add(context, Scope.Scope, ofWrites))(make(write, " writes"))
    }
  }
  if (live.circuits.write !== undefined) settle()
  yield* Effect.acquireRelease(
    Effect.sync(() => live.listeners.add(settle)),
    () => Effect.sync(() => live.listeners.delete(settle))
  )
  return made
})

const follow = (circuit: NodeCircuit.NodeCircuit, node: string, record: EventLog["record"]): void => {
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
