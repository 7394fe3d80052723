import { Duration, Effect, PubSub, type Scope, Stream } from "effect"
import type { ClientBreaker, ClientBreakerState } from "../../RedisClient.ts"
import type * as CircuitBreaker from "../../CircuitBreaker.ts"
import type { NodeCircuit } from "./NodeCircuit.ts"
import type { Event } from "./transition.ts"

/** The circuits of a client's nodes, seen as one. */
export interface Circuits extends ClientBreaker {
  /** The state of all of them now. */
  readonly now: () => ClientBreakerState
  /**
   * Takes in the circuit of a new node. A client that is isolated isolates it too. One without a
   * name is not part of the state: no call is refused where it is open.
   */
  readonly add: (node: string | undefined, circuit: NodeCircuit) => Effect.Effect<void, never, Scope.Scope>
}

/** Makes the view over no circuits yet. */
export const make = Effect.gen(function* (): Effect.fn.Return<Circuits, never, Scope.Scope> {
  const members = new Map<NodeCircuit, string | undefined>()
  const states = yield* Effect.acquireRelease(PubSub.unbounded<ClientBreakerState>({ replay: 1 }), PubSub.shutdown)
  let isIsolated = false
  let published: ClientBreakerState | undefined

  const now = (): ClientBreakerState =>
    combine(
      Array.from(members).flatMap(([circuit, node]) => (node === undefined ? [] : [{ node, state: circuit.state() }]))
    )

  const publish = (): void => {
    const state = now()
    if (published !== undefined && isSame(published, state)) return
    published = state
    PubSub.publishUnsafe(states, state)
  }

  const send = (event: Event) =>
    Effect.sync(() => {
      for (const circuit of members.keys()) circuit.apply(event)
    })

  return {
    now,
    add: (node, circuit) =>
      Effect.asVoid(
        Effect.acquireRelease(
          Effect.sync(() => {
            members.set(circuit, node)
            circuit.listeners.add(publish)
            if (isIsolated) circuit.apply({ _tag: "Isolate" })
            publish()
          }),
          () =>
            Effect.sync(() => {
              members.delete(circuit)
              if (members.size > 0) publish()
            })
        )
      ),
    state: Effect.sync(now),
    // What was published last may have changed since without another transition: made due, say.
    changes: Stream.map(Stream.fromPubSub(states), (state) => (state === published ? now() : state)),
    trip: send({ _tag: "Trip" }),
    reset: Effect.suspend(() => {
      isIsolated = false
      return send({ _tag: "Reset" })
    }),
    isolate: Effect.suspend(() => {
      isIsolated = true
      return send({ _tag: "Isolate" })
    })
  }
})

type NodeState = { readonly node: string; readonly state: CircuitBreaker.State }

/** Several states as one: that of all of them, or which nodes are not closed. */
export const combine = (states: ReadonlyArray<NodeState>): ClientBreakerState => {
  const [first] = states
  if (states.length === 1 && first !== undefined) return first.state
  const broken = states.filter(({ state }) => state._tag !== "Closed")
  if (broken.length === 0) return { _tag: "Closed", failures: Math.max(0, ...states.map(failuresOf)) }
  if (broken.length < states.length) return { _tag: "Partial", nodes: broken }
  const halfOpen = states.flatMap(({ state }) => (state._tag === "HalfOpen" ? [state] : []))
  if (halfOpen.length > 0) return { _tag: "HalfOpen", probes: halfOpen.reduce((sum, { probes }) => sum + probes, 0) }
  const open = states.flatMap(({ state }) => (state._tag === "Open" ? [state] : []))
  return {
    _tag: "Open",
    retryAfter: open.reduce((soonest, { retryAfter }) => Duration.min(soonest, retryAfter), Duration.infinity),
    isolated: open.every(({ isolated }) => isolated)
  }
}

const failuresOf = ({ state }: NodeState): number => (state._tag === "Closed" ? state.failures : 0)

const isSame = (one: ClientBreakerState, other: ClientBreakerState): boolean => {
  if (one._tag === "Partial" && other._tag === "Partial") return summary(one) === summary(other)
  if (one._tag === "Open" && other._tag === "Open") return one.isolated === other.isolated
  return one._tag === other._tag
}

const summary = ({ nodes }: Extract<ClientBreakerState, { readonly _tag: "Partial" }>): string =>
  nodes.map(({ node, state }) => `${node} ${state._tag}`).join()
