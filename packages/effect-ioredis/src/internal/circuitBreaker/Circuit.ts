import { Clock, type Context, Duration, Effect, Fiber, Option, PubSub, Ref, Schedule, type Scope, Stream } from "effect"
import type { CircuitStats } from "../../RedisClient.ts"
import type * as CircuitBreaker from "../../CircuitBreaker.ts"
import { RedisCircuitBreakerOpenError } from "../../RedisError.ts"
import * as Gauges from "../Gauges.ts"
import * as Monotonic from "../Monotonic.ts"
import { type Tally, tallyOf } from "../Tally.ts"
import * as CircuitMetrics from "./CircuitMetrics.ts"
import { countProblem, shown, timeProblem } from "../settingProblem.ts"
import * as OpenTimes from "./OpenTimes.ts"
import * as TripPolicy from "./TripPolicy.ts"
import { type CircuitState, type Event, initial, type Permit, type Settings, transition } from "./transition.ts"

/**
 * A circuit taken apart into function calls, for those who cannot afford a fiber's bookkeeping for
 * each call.
 *
 * A permit that `acquire` gave is recorded once, as `"ignored"` if the call was given up. A probe
 * whose permit is not recorded within `probeTimeout` counts as failed, so that its slot comes back
 * whatever happens.
 */
export class Circuit {
  readonly name: string
  private settings: Settings
  private readonly probeTimeout: Duration.Duration
  private resetTimeout: NonNullable<CircuitBreaker.Options["resetTimeout"]>
  private openTimes: OpenTimes.OpenTimes
  private readonly clock: Clock.Clock
  private readonly context: Context.Context<never>
  private readonly metrics: CircuitMetrics.CircuitMetrics
  private rejections: Tally | undefined = undefined
  private readonly ref: Ref.Ref<CircuitState>
  private readonly transitions: PubSub.PubSub<CircuitState>
  private published: CircuitState
  /**
   * Told of every change of a circuit that was not healthy before or is not afterwards, within the
   * call that changes it: a listener must not call the circuit at once.
   */
  readonly listeners = new Set<() => void>()
  /** Ends of what `show` has begun. */
  private readonly shown: Array<() => void> = []
  /** A fiber for each probe that runs, which ends it after `probeTimeout`. */
  private readonly leases = new Map<Permit, Fiber.Fiber<void>>()
  /**
   * The errors of the current state by command, which all refused calls share: at most
   * `maxRefusals`.
   */
  private readonly refusals = new Map<string, RedisCircuitBreakerOpenError>()

  constructor(
    options: CircuitBreaker.Options,
    settings: Settings,
    clock: Clock.Clock,
    context: Context.Context<never>,
    transitions: PubSub.PubSub<CircuitState>,
    shownName: string | undefined
  ) {
    const name = options.name ?? "circuit"
    this.name = shownName ?? name
    this.settings = settings
    this.probeTimeout = Duration.fromInputUnsafe(options.probeTimeout ?? defaultProbeTimeout)
    this.resetTimeout = options.resetTimeout ?? OpenTimes.defaultOpenTime
    this.openTimes = OpenTimes.make(this.resetTimeout, context)
    this.clock = clock
    this.context = context
    this.metrics = CircuitMetrics.make(name)
    this.transitions = transitions
    this.published = initial(settings)
    this.ref = Ref.makeUnsafe<CircuitState>(this.published)
    PubSub.publishUnsafe(transitions, this.published)
  }

  /** The state as a user sees it now. */
  state(): CircuitBreaker.State {
    return visible(this.current(), this.now())
  }

  /** Starts with the current state and emits at each transition. */
  get changes(): Stream.Stream<CircuitBreaker.State> {
    // What was published last may have changed since without another transition: a failure counted,
    // made due.
    return Stream.map(Stream.fromPubSub(this.transitions), (state) =>
      state === this.published ? this.state() : visible(state, this.now())
    )
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
    this.countRejection()
    return now
  }

  // An open circuit is asked for every call.
  private countRejection(): void {
    this.rejections ??= tallyOf(this.metrics.rejections, this.context)
    this.rejections.count++
  }

  /** Gives leave to make one call, or refuses and counts that. */
  acquire(): Permit | undefined {
    const state = this.current()
    if (state._tag === "Closed") return state.permit
    this.apply(acquire)
    const after = this.current()
    if (after === state || after._tag !== "HalfOpen") {
      this.countRejection()
      return undefined
    }
    const permit = after.nextPermit - 1
    const lease = Effect.andThen(
      Effect.sleep(this.probeTimeout),
      Effect.sync(() => this.expire(permit))
    )
    this.leases.set(permit, Effect.runForkWith(this.context)(lease))
    return permit
  }

  /** Takes back the permit of a call that has ended. Failures with the same `event` count once. */
  record(permit: Permit, outcome: CircuitBreaker.Outcome, event?: unknown): void {
    const state = this.current()
    // A success changes nothing in a healthy circuit, which is by far the most frequent case.
    if (outcome === "success" && state._tag === "Closed" && isHealthy(state.health)) return
    this.leases.get(permit)?.interruptUnsafe()
    this.leases.delete(permit)
    this.apply({ _tag: "Record", permit, outcome, event })
  }

  /**
   * The error of a refused call. All refusals of a command while the state lasts share one, without
   * a stack trace each.
   */
  rejection(command: string): RedisCircuitBreakerOpenError {
    const known = this.refusals.get(command)
    if (known !== undefined) return known
    if (this.refusals.size >= maxRefusals) this.refusals.clear()
    const error = refusal(command, this.name, this.current())
    this.refusals.set(command, error)
    return error
  }

  trip(): void {
    this.apply({ _tag: "Trip" })
  }

  isolate(): void {
    this.apply({ _tag: "Isolate" })
  }

  reset(): void {
    this.apply({ _tag: "Reset" })
  }

  /** Ends an open time early: the next call is a probe. An isolated circuit stays open. */
  makeDue(): void {
    this.apply({ _tag: "MakeDue" })
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
      this.ref.ref.current = { ...state, health: TripPolicy.adopt(this.settings.tripPolicy, state.health) }
    }
    // A schedule that goes on is not begun anew.
    if (resetTimeout === this.resetTimeout) return
    this.resetTimeout = resetTimeout
    this.openTimes = OpenTimes.make(resetTimeout, this.context)
    this.apply({ _tag: "Shorten" })
  }

  /** Shows the circuit's state as metrics until `close`, and its counts from zero on. */
  show(): void {
    this.rejections ??= tallyOf(this.metrics.rejections, this.context)
    CircuitMetrics.beginAtZero(this.metrics, this.context)
    for (const tag of ["Closed", "Open", "HalfOpen"] as const) {
      const read = () => (this.current()._tag === tag ? 1 : 0)
      this.shown.push(Gauges.begin(this.metrics.state(tag), read, this.context))
    }
    this.shown.push(Gauges.begin(this.metrics.openDuration, () => this.openSeconds(), this.context, Gauges.most))
  }

  /** Ends the metrics and the leases. */
  get close(): Effect.Effect<void> {
    return Effect.suspend(() => {
      for (const end of this.shown) end()
      return Fiber.interruptAll(this.leases.values())
    })
  }

  private current(): CircuitState {
    return Ref.getUnsafe(this.ref)
  }

  private openSeconds(): number {
    const state = this.current()
    return state._tag === "Closed" ? 0 : (this.now() - state.since) / 1000
  }

  private now(): number {
    return Monotonic.millis(this.clock)
  }

  private expire(permit: Permit): void {
    this.leases.delete(permit)
    this.record(permit, "failure")
  }

  private apply(event: Event): void {
    const before = this.current()
    const after = transition(this.settings, before, event, this.now(), this.openTimes.current())
    if (after === before) return
    this.ref.ref.current = after
    this.publish(before, after, event)
    if (after._tag === "Closed" && before._tag === "Closed") return
    for (const listener of this.listeners) listener()
  }

  private publish(before: CircuitState, after: CircuitState, event: Event): void {
    if (after._tag === before._tag && event._tag !== "Isolate") return
    this.metrics.transitions(before._tag)(after._tag).updateUnsafe(1, this.context)
    if (after._tag === "Closed") this.openTimes.restart()
    if (after._tag === "Open") this.openTimes.advance()
    this.refusals.clear()
    this.published = after
    PubSub.publishUnsafe(this.transitions, after)
  }
}

/**
 * Makes a circuit, closed. Options that contradict each other are a defect. `shownName` names it in
 * its errors where several share the metrics of one name.
 */
export const make = Effect.fnUntraced(function* (
  options: CircuitBreaker.Options,
  shownName?: string
): Effect.fn.Return<Circuit, never, Scope.Scope> {
  const settings = settingsOf(options)
  const mistake = mistakeIn(options, settings)
  if (mistake !== undefined) return yield* Effect.die(new RangeError(`CircuitBreaker: ${mistake}`))
  const transitions = yield* Effect.acquireRelease(PubSub.unbounded<CircuitState>({ replay: 1 }), PubSub.shutdown)
  const context = yield* Effect.context<never>()
  const circuit = new Circuit(options, settings, yield* Clock.Clock, context, transitions, shownName)
  // Both in few kinds of effects: V8 compiles Effect's loop for the kinds that a program has run,
  // and three gauges as effects made each call of the breaker take a third longer.
  yield* Effect.addFinalizer(() => circuit.close)
  circuit.show()
  return circuit
})

const settingsOf = (options: CircuitBreaker.Options): Settings => ({
  tripPolicy: options.tripPolicy ?? TripPolicy.consecutive(5),
  successThreshold: options.successThreshold ?? 1,
  maxProbes: options.maxProbes ?? 1
})

const mistakeIn = (options: CircuitBreaker.Options, settings: Settings): string | undefined =>
  countProblem("successThreshold", settings.successThreshold) ??
  countProblem("maxProbes", settings.maxProbes) ??
  timeProblem("probeTimeout", options.probeTimeout ?? defaultProbeTimeout) ??
  openTimeProblem(options.resetTimeout ?? OpenTimes.defaultOpenTime) ??
  TripPolicy.mistakeIn(settings.tripPolicy)

// A circuit may stay open for no time at all, but not for less, nor for NaN.
const openTimeProblem = (time: Duration.Input | Schedule.Schedule<unknown>): string | undefined =>
  Schedule.isSchedule(time) || (!Number.isNaN(time) && Option.exists(Duration.fromInput(time), isZeroOrMore))
    ? undefined
    : `resetTimeout is ${shown(time)}. Make it a time of 0 or more, or a Schedule`

const isZeroOrMore = (time: Duration.Duration): boolean => !Duration.isNegative(time)

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
