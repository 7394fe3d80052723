import { Clock, type Context, Duration, Effect, Fiber, PubSub, Ref, type Scope, Stream } from "effect"
import type * as CircuitBreaker from "../../CircuitBreaker.ts"
import { RedisCircuitBreakerOpenError } from "../errors/RedisCircuitBreakerOpenError.ts"
import * as Monotonic from "../Monotonic.ts"
import { countProblem, timeProblem } from "../settingProblem.ts"
import type { CircuitMetrics, Shown, ShownCircuit } from "./CircuitMetrics.ts"
import * as OpenTimes from "./OpenTimes.ts"
import * as TripPolicy from "./TripPolicy.ts"
import { type CircuitState, type Event, initial, type Permit, type Settings, transition } from "./transition.ts"

/** Holds what a circuit is made with. */
export interface Environment {
  readonly clock: Clock.Clock
  readonly context: Context.Context<never>
  /** Takes every state that the circuit comes to. */
  readonly transitions: PubSub.PubSub<CircuitState>
}

/**
 * A circuit taken apart into function calls, for those who cannot afford a fiber's bookkeeping for
 * each call.
 *
 * A permit that `acquire` gave is recorded once, as `"ignored"` if the call was given up. A probe
 * whose permit is not recorded within `probeTimeout` counts as failed, so that its slot comes back
 * whatever happens.
 */
export class Circuit implements ShownCircuit {
  readonly name: string
  readonly metricName: string
  protected settings: Settings
  protected openTimes: OpenTimes.OpenTimes
  protected readonly context: Context.Context<never>
  readonly #probeTimeout: Duration.Duration
  readonly #clock: Clock.Clock
  #metrics: Shown | undefined = undefined
  readonly #ref: Ref.Ref<CircuitState>
  readonly #transitions: PubSub.PubSub<CircuitState>
  #published: CircuitState
  /** A fiber for each probe that runs, which ends it after `probeTimeout`. */
  readonly #leases = new Map<Permit, Fiber.Fiber<void>>()
  /**
   * The errors of the current state by command, which all refused calls share: at most
   * `maxRefusals`.
   */
  readonly #refusals = new Map<string, RedisCircuitBreakerOpenError>()

  constructor(options: CircuitBreaker.Options, { clock, context, transitions }: Environment, shownName?: string) {
    this.metricName = options.name ?? "circuit"
    this.name = shownName ?? this.metricName
    this.settings = settingsOf(options)
    this.openTimes = OpenTimes.make(options.resetTimeout ?? OpenTimes.defaultOpenTime, context)
    this.context = context
    this.#probeTimeout = Duration.fromInputUnsafe(options.probeTimeout ?? defaultProbeTimeout)
    this.#clock = clock
    this.#transitions = transitions
    this.#published = initial(this.settings)
    this.#ref = Ref.makeUnsafe<CircuitState>(this.#published)
    PubSub.publishUnsafe(transitions, this.#published)
  }

  /** The state as a user sees it now. */
  state(): CircuitBreaker.State {
    return visible(this.current(), this.now())
  }

  /** Starts with the current state and emits at each transition. */
  get changes(): Stream.Stream<CircuitBreaker.State> {
    // What was published last may have changed since without another transition: a failure counted,
    // made due.
    return Stream.map(Stream.fromPubSub(this.#transitions), (state) =>
      state === this.#published ? this.state() : visible(state, this.now())
    )
  }

  /** The permit that every call of a closed circuit has. A circuit that is not closed has none. */
  closedPermit(): Permit | undefined {
    const state = this.current()
    return state._tag === "Closed" ? state.permit : undefined
  }

  /**
   * Refuses, and counts that, where `acquire` would, but takes no permit where it would give one.
   * Gives the monotonic time in milliseconds of the refusal, if it is one.
   */
  refusedAt(): number | undefined {
    const state = this.current()
    if (state._tag === "Closed") return undefined
    const now = this.now()
    if (transition(this.settings, state, acquire, now, 0) !== state) return undefined
    this.#countRejection()
    return now
  }

  // An open circuit is asked for every call.
  #countRejection(): void {
    if (this.#metrics !== undefined) this.#metrics.rejections.count++
  }

  /** Gives leave to make one call, or refuses and counts that. */
  acquire(): Permit | undefined {
    const state = this.current()
    if (state._tag === "Closed") return state.permit
    this.apply(acquire)
    const after = this.current()
    if (after === state || after._tag !== "HalfOpen") {
      this.#countRejection()
      return undefined
    }
    const { permit } = after
    const lease = Effect.andThen(
      Effect.sleep(this.#probeTimeout),
      Effect.sync(() => {
        // A lease that is over does not interrupt itself.
        this.#leases.delete(permit)
        this.record(permit, "failure")
      })
    )
    this.#leases.set(permit, Effect.runForkWith(this.context)(lease))
    return permit
  }

  /** Takes back the permit of a call that has ended. Failures with the same `event` count once. */
  record(permit: Permit, outcome: CircuitBreaker.Outcome, event?: unknown): void {
    const state = this.current()
    // A success changes nothing in a healthy circuit, which is by far the most frequent case.
    if (outcome === "success" && state._tag === "Closed" && isHealthy(state.health)) return
    this.#leases.get(permit)?.interruptUnsafe()
    this.#leases.delete(permit)
    this.apply({ _tag: "Record", permit, outcome, event })
  }

  /**
   * The error of a refused call. All refusals of a command while the state lasts share one, without
   * a stack trace each.
   */
  rejection(command: string): RedisCircuitBreakerOpenError {
    const known = this.#refusals.get(command)
    if (known !== undefined) return known
    if (this.#refusals.size >= maxRefusals) this.#refusals.clear()
    const error = refusal(command, this.name, this.current())
    this.#refusals.set(command, error)
    return error
  }

  /** Lets an event befall the circuit. */
  apply(event: Event): void {
    this.become(transition(this.settings, this.current(), event, this.now(), this.openTimes.current()))
  }

  /** Shows the circuit as metrics until `close`. */
  show(metrics: CircuitMetrics): void {
    this.#metrics = metrics(this, this.context)
  }

  /** Ends the metrics and the leases. */
  get close(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#metrics?.end()
      return Fiber.interruptAll(this.#leases.values())
    })
  }

  /** The state that it is in now. */
  current(): CircuitState {
    return Ref.getUnsafe(this.#ref)
  }

  now(): number {
    return Monotonic.millis(this.#clock)
  }

  /** Puts the circuit into a state. */
  protected become(after: CircuitState): void {
    const before = this.current()
    if (after === before) return
    this.#ref.ref.current = after
    // An open circuit becomes isolated once.
    if (after._tag === before._tag && !(after._tag === "Open" && after.isolated)) return
    this.#metrics?.changed(before, after)
    if (after._tag === "Closed") this.openTimes.restart()
    if (after._tag === "Open") this.openTimes.advance()
    this.#refusals.clear()
    this.#published = after
    PubSub.publishUnsafe(this.#transitions, after)
  }
}

/** Makes a circuit, closed. Options that contradict each other are a defect. */
export const make = (options: CircuitBreaker.Options): Effect.Effect<Circuit, never, Scope.Scope> =>
  makeWith(options, (environment) => new Circuit(options, environment))

/** Makes a circuit of a class, likewise. */
export const makeWith = Effect.fnUntraced(function* <A extends Circuit>(
  options: CircuitBreaker.Options,
  construct: (environment: Environment) => A
): Effect.fn.Return<A, never, Scope.Scope> {
  const mistake = mistakeIn(options)
  if (mistake !== undefined) return yield* Effect.die(new RangeError(`CircuitBreaker: ${mistake}`))
  const transitions = yield* Effect.acquireRelease(PubSub.unbounded<CircuitState>({ replay: 1 }), PubSub.shutdown)
  const context = yield* Effect.context<never>()
  const circuit = construct({ clock: yield* Clock.Clock, context, transitions })
  // Both in few kinds of effects: V8 compiles Effect's loop for the kinds that a program has run,
  // and three gauges as effects made each call of the breaker take a third longer.
  yield* Effect.addFinalizer(() => circuit.close)
  if (options.metrics !== undefined) circuit.show(options.metrics)
  return circuit
})

/** Gives what the state machine goes by. */
export const settingsOf = (options: CircuitBreaker.Options): Settings => ({
  tripPolicy: options.tripPolicy ?? TripPolicy.consecutive(5),
  successThreshold: options.successThreshold ?? 1,
  maxProbes: options.maxProbes ?? 1
})

const mistakeIn = (options: CircuitBreaker.Options): string | undefined => {
  const { maxProbes, successThreshold, tripPolicy } = settingsOf(options)
  return (
    countProblem("successThreshold", successThreshold) ??
    countProblem("maxProbes", maxProbes) ??
    timeProblem("probeTimeout", options.probeTimeout ?? defaultProbeTimeout) ??
    OpenTimes.mistakeIn(options.resetTimeout ?? OpenTimes.defaultOpenTime) ??
    TripPolicy.mistakeIn(tripPolicy)
  )
}

/** Sets after how long a probe that has not ended counts as failed where nobody has said it. */
export const defaultProbeTimeout: Duration.Input = "5 seconds"

const visible = (state: CircuitState, now: number): CircuitBreaker.State => {
  switch (state._tag) {
    case "Closed":
      return { _tag: "Closed", failures: state.health.failures }
    case "HalfOpen":
      return { _tag: "HalfOpen", probes: state.probes.length }
    case "Open":
      return {
        _tag: "Open",
        retryAfter: Duration.millis(Math.max(0, Math.ceil(state.dueAt - now))),
        isolated: state.isolated
      }
  }
}

const refusal = (command: string, name: string, state: CircuitState): RedisCircuitBreakerOpenError => {
  const retryAfter = Duration.millis(state._tag === "Open" ? state.openFor : 0)
  return new RedisCircuitBreakerOpenError({
    command,
    retryAfter,
    message: `${command} was not sent: the circuit "${name}" ${reasonOf(state, retryAfter)}`
  })
}

const reasonOf = (state: CircuitState, retryAfter: Duration.Duration): string => {
  if (state._tag !== "Open") return "is half-open and waits for its probe"
  if (state.isolated) return "is open and is isolated until it is reset"
  return Duration.isFinite(retryAfter)
    ? `is open and is tried again within ${Duration.format(retryAfter)}`
    : "is open until it is reset"
}

const isHealthy = ({ failures, window }: TripPolicy.Health): boolean => failures === 0 && window === undefined

const acquire: Event = { _tag: "Acquire" }

const maxRefusals = 300
