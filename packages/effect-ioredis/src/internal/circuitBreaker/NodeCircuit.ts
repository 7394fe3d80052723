import type { Effect, Scope } from "effect"
import type * as CircuitBreaker from "../../CircuitBreaker.ts"
import type { CircuitStats } from "../../RedisClient.ts"
import { Circuit, type Environment, makeWith, settingsOf } from "./Circuit.ts"
import { metrics } from "./CircuitMetrics.ts"
import * as OpenTimes from "./OpenTimes.ts"
import { type CircuitState, makeDue, shorten } from "./transition.ts"
import { adopt } from "./TripPolicy.ts"

/** A circuit of a client's node, with what a client wants of it beyond what a breaker does. */
export class NodeCircuit extends Circuit {
  /**
   * Told of every change of a circuit that was not healthy before or is not afterwards, within the
   * call that changes it: a listener must not call the circuit at once.
   */
  readonly listeners = new Set<() => void>()
  #resetTimeout: OpenTimes.ResetTimeout

  constructor(options: CircuitBreaker.Options, environment: Environment, shownName: string | undefined) {
    super(options, environment, shownName)
    this.#resetTimeout = options.resetTimeout ?? OpenTimes.defaultOpenTime
  }

  /** The state with its history, in values that are good as JSON. */
  stats(): CircuitStats {
    const state = this.current()
    if (state._tag === "Closed") return { _tag: "Closed", failures: state.health.failures }
    const { failures } = state
    const openMillis = Math.round(this.now() - state.since)
    if (state._tag === "HalfOpen") return { _tag: "HalfOpen", failures, openMillis, probes: state.probes.length }
    const open = { _tag: "Open", failures, openMillis, isolated: state.isolated } as const
    // JSON has no infinite number.
    return state.dueAt === Number.POSITIVE_INFINITY ? open : { ...open, retryAfterMillis: Math.ceil(this.dueIn()) }
  }

  isClosed(): boolean {
    return this.current()._tag === "Closed"
  }

  isIsolated(): boolean {
    const state = this.current()
    return state._tag === "Open" && state.isolated
  }

  /** In how many milliseconds `acquire` may give a permit; infinite where only an event decides. */
  dueIn(): number {
    const state = this.current()
    if (state._tag === "Closed") return 0
    if (state._tag === "Open") return Math.max(0, state.dueAt - this.now())
    return state.probes.length < this.settings.maxProbes ? 0 : Number.POSITIVE_INFINITY
  }

  /** Ends an open time early: the next call is a probe. An isolated circuit stays open. */
  makeDue(): void {
    this.become(makeDue(this.current(), this.now()))
  }

  /**
   * Goes by other settings from now on. What it knows of the calls so far stays, and an opening
   * that lasts is shortened where it would be shorter now.
   */
  configure(options: CircuitBreaker.Options): void {
    const { resetTimeout = OpenTimes.defaultOpenTime } = options
    this.settings = settingsOf(options)
    const state = this.current()
    if (state._tag === "Closed") {
      this.become({ ...state, health: adopt(this.settings.tripPolicy, state.health) })
    }
    // A schedule that goes on is not begun anew.
    if (resetTimeout === this.#resetTimeout) return
    this.#resetTimeout = resetTimeout
    this.openTimes = OpenTimes.make(resetTimeout, this.context)
    this.become(shorten(this.current(), this.now(), this.openTimes.current()))
  }

  protected override become(after: CircuitState): void {
    const before = this.current()
    super.become(after)
    if (after === before || (after._tag === "Closed" && before._tag === "Closed")) return
    for (const listener of this.listeners) listener()
  }
}

/**
 * Makes a circuit, closed, with metrics. `shownName` names it in its errors where several share the
 * metrics of one name.
 */
export const make = (
  options: CircuitBreaker.Options,
  shownName?: string
): Effect.Effect<NodeCircuit, never, Scope.Scope> => {
  const shown = { ...options, metrics }
  return makeWith(shown, (environment) => new NodeCircuit(shown, environment, shownName))
}
