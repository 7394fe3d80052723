import type { Outcome } from "../../CircuitBreaker.ts"
import type * as TripPolicy from "./TripPolicy.ts"

/**
 * Leave to make one call, to be handed back with the call's outcome.
 *
 * Permits only grow. The closed state gives the same one to all of its calls, each probe gets its
 * own. A permit that the current state did not give belongs to an earlier state, and its outcome
 * changes nothing.
 */
export type Permit = number

/** Holds what the state machine goes by. */
export interface Settings {
  readonly tripPolicy: TripPolicy.TripPolicy
  /** Sets how many probes must succeed to close the circuit. */
  readonly successThreshold: number
  /** Sets how many probes run at the same time. */
  readonly maxProbes: number
}

/** The state of a circuit. Its `permit` is the last one that was given. */
export type CircuitState = Closed | Open | HalfOpen

/** Every call runs. */
export interface Closed {
  readonly _tag: "Closed"
  readonly permit: Permit
  readonly health: TripPolicy.Health
  /** The last events that failed calls, so that one event counts once. */
  readonly events: ReadonlyArray<unknown>
}

/** No call runs before `dueAt`; the next one then is a probe. An isolated circuit is never due. */
export interface Open {
  readonly _tag: "Open"
  readonly permit: Permit
  readonly openFor: number
  readonly dueAt: number
  readonly isolated: boolean
  /** Says since when it has not been closed. */
  readonly since: number
  /** The failures in a row that opened it, a trip among them, and the failed probes since. */
  readonly failures: number
}

/** Some calls run as probes, and the rest are refused. */
export interface HalfOpen {
  readonly _tag: "HalfOpen"
  readonly permit: Permit
  /** The permits of the probes that run: never more than `maxProbes`. */
  readonly probes: ReadonlyArray<Permit>
  readonly successes: number
  readonly since: number
  readonly failures: number
}

/** Lists what may happen to a circuit. */
export type Event =
  /**
   * A call asks to run. It may if the circuit is closed, or if the state is another one afterwards.
   */
  | { readonly _tag: "Acquire" }
  /** A call has ended. Several failures with one `event` count once. */
  | { readonly _tag: "Record"; readonly permit: Permit; readonly outcome: Outcome; readonly event?: unknown }
  | { readonly _tag: "Trip" }
  | { readonly _tag: "Isolate" }
  | { readonly _tag: "Reset" }

/** The state that a circuit begins in. */
export const initial = (settings: Settings): Closed => closed(settings, 1)

/**
 * The state after an event, and the very same object where nothing changes.
 *
 * `now` is monotonic, in milliseconds. `openFor` says how long the circuit stays open if it opens
 * now.
 */
export const transition = (
  settings: Settings,
  state: CircuitState,
  event: Event,
  now: number,
  openFor: number
): CircuitState => {
  switch (event._tag) {
    case "Acquire":
      return acquire(settings, state, now)
    case "Record":
      return record(settings, state, event, now, openFor)
    case "Trip":
      return state._tag === "Open" || settings.tripPolicy._tag === "Never"
        ? state
        : // Whoever trips a circuit has seen the server fail.
          open(state, failuresOf(state) + 1, now, openFor)
    case "Isolate":
      return state._tag === "Open" && state.isolated ? state : isolated(state, now)
    case "Reset":
      return state._tag === "Closed" && state.health.failures === 0 ? state : closed(settings, state.permit + 1)
  }
}

/** The state after an open time was ended early. An isolated circuit stays open. */
export const makeDue = (state: CircuitState, now: number): CircuitState =>
  state._tag === "Open" && state.dueAt > now && !state.isolated ? { ...state, dueAt: now } : state

/** The state in which an opening lasts as long as `openFor`, unless it ends sooner anyway. */
export const shorten = (state: CircuitState, now: number, openFor: number): CircuitState =>
  state._tag === "Open" && !state.isolated && state.openFor > openFor
    ? { ...state, openFor, dueAt: Math.max(now, state.dueAt - state.openFor + openFor) }
    : state

const acquire = (settings: Settings, state: CircuitState, now: number): CircuitState => {
  switch (state._tag) {
    case "Closed":
      return state
    case "Open":
      return state.isolated || state.dueAt > now
        ? state
        : {
            _tag: "HalfOpen",
            permit: state.permit + 1,
            probes: [state.permit + 1],
            successes: 0,
            since: state.since,
            failures: state.failures
          }
    case "HalfOpen":
      return state.probes.length >= settings.maxProbes
        ? state
        : { ...state, permit: state.permit + 1, probes: [...state.probes, state.permit + 1] }
  }
}

type Record = Event & { readonly _tag: "Record" }

const record = (settings: Settings, state: CircuitState, call: Record, now: number, openFor: number): CircuitState => {
  switch (state._tag) {
    case "Closed":
      return state.permit === call.permit ? recordCall(settings, state, call, now, openFor) : state
    case "Open":
      return state
    case "HalfOpen":
      return state.probes.includes(call.permit) ? recordProbe(settings, state, call, now, openFor) : state
  }
}

const recordCall = (
  settings: Settings,
  state: Closed,
  { event, outcome }: Record,
  now: number,
  openFor: number
): CircuitState => {
  if (outcome === "ignored") return state
  const failed = outcome !== "success"
  if (failed && event !== undefined && state.events.includes(event)) return state
  const health = settings.tripPolicy.observe(state.health, failed)
  const opens = outcome === "fatal" ? settings.tripPolicy._tag !== "Never" : settings.tripPolicy.opens(health)
  if (opens) return open(state, health.failures, now, openFor)
  const events = failed && event !== undefined ? [...state.events, event].slice(-rememberedEvents) : state.events
  return { ...state, health, events }
}

const recordProbe = (
  settings: Settings,
  state: HalfOpen,
  { outcome, permit }: Record,
  now: number,
  openFor: number
): CircuitState => {
  if (outcome === "failure" || outcome === "fatal") return open(state, state.failures + 1, now, openFor)
  const successes = state.successes + (outcome === "success" ? 1 : 0)
  if (successes >= settings.successThreshold) return closed(settings, state.permit + 1)
  return { ...state, successes, probes: state.probes.filter((probe) => probe !== permit) }
}

const closed = (settings: Settings, permit: Permit): Closed => ({
  _tag: "Closed",
  permit,
  health: settings.tripPolicy.unknown(),
  events: []
})

const open = (from: CircuitState, failures: number, now: number, openFor: number): Open => ({
  _tag: "Open",
  permit: from.permit,
  openFor,
  dueAt: now + openFor,
  isolated: false,
  since: from._tag === "Closed" ? now : from.since,
  failures
})

const isolated = (from: CircuitState, now: number): Open => ({
  ...open(from, failuresOf(from), now, Number.POSITIVE_INFINITY),
  isolated: true
})

const failuresOf = (state: CircuitState): number => (state._tag === "Closed" ? state.health.failures : state.failures)

// One event fails many calls at the same moment, so the last few events are enough to know it
// again.
const rememberedEvents = 8
