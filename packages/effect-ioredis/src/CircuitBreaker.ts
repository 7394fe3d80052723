/**
 * Stops asking a dependency that does not answer, and finds out cheaply when it does again.
 *
 * **Details**
 *
 * - Closed: calls run. The `tripPolicy` decides when the circuit opens: by default after 5
 *   failures in a row.
 * - Open: calls are refused for `resetTimeout`, by default 30 seconds.
 * - HalfOpen: `maxProbes` calls run as probes and the rest are refused. `successThreshold`
 *   successes close the circuit, and one failure opens it again.
 *
 * The state is a `Ref`, and each transition is a pure function of the state, an event and
 * monotonic time. A result that arrives from before the last transition changes nothing.
 *
 * Effect has a breaker of its own, `effect/persistence/CircuitBreaker`. It keeps one circuit per
 * key in a store that processes can share, and it is the better choice for calls to many hosts or
 * tenants. This one stands beside it because a breaker in front of every Redis command has to do
 * what that one does not:
 *
 * - It admits and records a call within one turn of the event loop, without a store, a scope or a
 *   fiber: a tenth of a microsecond for a success, where Effect's takes about four
 *   (docs/performance.md has the figures).
 * - Several failures of one event, such as a lost connection that cuts a hundred calls, count once.
 * - A probe holds a lease: if it hangs, it counts as failed after `probeTimeout`.
 * - A connection that is ready again makes an open circuit due at once, whatever is left of its
 *   open time.
 * - Refusing is as cheap as admitting: all refusals of one opening share one error per command.
 *
 * **Gotchas**
 *
 * - Retry outside the breaker and put the timeout inside. Each attempt is then admitted and
 *   recorded by itself, and a hung call counts as a failure.
 * - "In a row" means in the order in which calls end, not in which they began.
 * - A circuit that is made by itself has no metrics unless it is given them, so that a program pays
 *   for them only where it has them: `metrics: CircuitBreaker.metrics`.
 *
 * **Example** (A breaker around something that is not Redis)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { CircuitBreaker } from "effect-ioredis"
 *
 * const program = Effect.gen(function*() {
 *   const breaker = yield* CircuitBreaker.make({
 *     name: "payments",
 *     tripPolicy: CircuitBreaker.consecutive(2),
 *     resetTimeout: "10 seconds"
 *   })
 *   const charge = breaker.execute(Effect.fail("unavailable"))
 *
 *   yield* Effect.flip(charge) // => "unavailable"
 *   yield* breaker.state // => { _tag: "Closed", failures: 1 }
 *
 *   // Two failures in a row open the circuit, and the third call is refused without running.
 *   yield* Effect.flip(charge) // => "unavailable"
 *   yield* Effect.flip(charge)
 *   const { _tag } = yield* breaker.state
 *   return _tag
 * })
 *
 * Effect.runPromise(Effect.scoped(program)) // => "Open"
 * ```
 *
 * @since 0.1.0
 */
import { type Duration, Effect, type Exit, type Scope, type Stream } from "effect"
import { breakerOf } from "./internal/circuitBreaker/breakerOf.ts"
import * as Circuit from "./internal/circuitBreaker/Circuit.ts"
import type { CircuitMetrics } from "./internal/circuitBreaker/CircuitMetrics.ts"
import type { ResetSchedule } from "./internal/circuitBreaker/OpenTimes.ts"
import type { TripPolicy } from "./internal/circuitBreaker/TripPolicy.ts"
import type { RedisCircuitBreakerOpenError } from "./RedisError.ts"

export { type CircuitMetrics, metrics } from "./internal/circuitBreaker/CircuitMetrics.ts"
export type { ResetSchedule } from "./internal/circuitBreaker/OpenTimes.ts"
export { schedule } from "./internal/circuitBreaker/schedule.ts"
export { consecutive, never, rate, type TripPolicy } from "./internal/circuitBreaker/TripPolicy.ts"

/**
 * One circuit.
 *
 * @category models
 * @since 0.1.0
 */
export interface CircuitBreaker {
  /** The state that the circuit is in now. */
  readonly state: Effect.Effect<State>
  /** Starts with the current state and emits the new one at each transition. */
  readonly changes: Stream.Stream<State>
  /**
   * Runs an effect if the circuit lets it, and records how it ends.
   *
   * If `classify` throws, the call dies and its end counts neither way.
   */
  readonly execute: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | RedisCircuitBreakerOpenError, R>
  /** Opens the circuit, unless it is open or its policy is `never`. */
  readonly trip: Effect.Effect<void>
  /** Closes the circuit and forgets all failures. */
  readonly reset: Effect.Effect<void>
  /** Opens the circuit until it is `reset`, whatever its policy. */
  readonly isolate: Effect.Effect<void>
}

/**
 * The state of a circuit.
 *
 * **Details**
 *
 * `failures` are those in a row. `retryAfter` counts from when the state was asked for.
 * An `isolated` circuit stays open until it is reset. `probes` are those that run.
 *
 * @category models
 * @since 0.1.0
 */
export type State =
  | { readonly _tag: "Closed"; readonly failures: number }
  | { readonly _tag: "Open"; readonly retryAfter: Duration.Duration; readonly isolated: boolean }
  | { readonly _tag: "HalfOpen"; readonly probes: number }

/**
 * The meaning of a call's end for the circuit.
 *
 * **Details**
 *
 * - `"success"` ends a row of failures, and closes a circuit that is half-open.
 * - `"failure"` counts towards the trip policy.
 * - `"fatal"` opens the circuit at once, whatever the trip policy, unless that is `never`.
 * - `"ignored"` says nothing about the dependency.
 *
 * @category models
 * @since 0.1.0
 */
export type Outcome = "success" | "failure" | "fatal" | "ignored"

/**
 * The settings of a circuit.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Names the circuit in its errors and its metrics. Default `"circuit"`. */
  readonly name?: string | undefined
  /** Decides when a closed circuit opens. Default `consecutive(5)`. */
  readonly tripPolicy?: TripPolicy | undefined
  /**
   * Says how long the circuit stays open. Default 30 seconds. With {@link schedule} each opening in
   * a row lasts as long as a `Schedule` says.
   */
  readonly resetTimeout?: Duration.Input | ResetSchedule | undefined
  /** Says how many probes must succeed to close the circuit. Default 1. */
  readonly successThreshold?: number | undefined
  /** Says how many probes run at the same time. Default 1. */
  readonly maxProbes?: number | undefined
  /** Says after how long a probe that has not ended counts as failed. Default 5 seconds. */
  readonly probeTimeout?: Duration.Input | undefined
  /**
   * Says what the end of a call means.
   *
   * By default an error of this package speaks for itself (`RedisError.outcome`), interruption is
   * ignored, and every other failure counts. The commands of a client are not asked about: their
   * errors speak for themselves.
   */
  readonly classify?: ((exit: Exit.Exit<unknown, unknown>) => Outcome) | undefined
  /**
   * Shows the circuit as metrics, if it is {@link metrics}. Default: the circuits of a client have
   * metrics, and one that is made by itself has none.
   */
  readonly metrics?: CircuitMetrics | undefined
}

/**
 * Makes a circuit, closed.
 *
 * **Details**
 *
 * The end of its scope ends `changes`, the leases of probes and the circuit's gauges.
 *
 * **Gotchas**
 *
 * Options that cannot do what they say are a mistake in the program, and so a defect: a rate that
 * wants more calls than its window holds, no probe, a threshold of 0.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: (options?: Options) => Effect.Effect<CircuitBreaker, never, Scope.Scope> = Effect.fnUntraced(
  function* (options = {}) {
    return breakerOf(yield* Circuit.make(options), options.classify)
  }
)
