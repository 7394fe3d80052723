/**
 * Stops asking a dependency that does not answer, and finds out cheaply when it does again.
 *
 * **Details**
 *
 * A `Ref` holds one state; every transition is a pure function of that state, an event and monotonic time.
 *
 * - Closed: calls run. `failureThreshold` failures in a row (default 5), or a failure rate over a window, open the circuit.
 * - Open: calls are refused for `resetTimeout` (default 30 seconds, or a Schedule that grows with each opening in a row).
 * - HalfOpen: `maxProbes` calls (default 1) run and the rest are refused. `successThreshold` successes (default 1) close the circuit, one
 *   failure opens it again. A probe holds a lease: interrupted, it gives its slot back; hung, it fails after `probeTimeout` (default 5
 *   seconds).
 *
 * A result that arrives from before the last transition changes nothing. Several failures of one event (a lost connection that cuts a
 * hundred calls) are one failure. Refusing costs no stack trace: all refusals of one opening share one error per command.
 *
 * **Gotchas**
 *
 * Retry outside the breaker, put the timeout inside: each attempt is then asked for and recorded, and a hung call counts.
 *
 * **Example** (A breaker around something that is not Redis)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { CircuitBreaker } from "effect-ioredis"
 *
 * const program = Effect.gen(function*() {
 *   const breaker = yield* CircuitBreaker.make({ name: "payments", failureThreshold: 3, resetTimeout: "10 seconds" })
 *   return yield* breaker.execute(Effect.tryPromise(() => fetch("https://payments.example")))
 * })
 * ```
 *
 * @since 0.1.0
 */
import {
  Cause,
  Clock,
  type Context,
  Duration,
  Effect,
  Exit,
  Fiber,
  PubSub,
  Ref,
  Schedule,
  type Scope,
  Stream
} from "effect"
import * as Metrics from "./internal/Metrics.ts"
import * as Monotonic from "./internal/Monotonic.ts"
import { isRedisCommandError, outcome, RedisCircuitBreakerOpenError } from "./RedisError.ts"

/**
 * What the end of a call says of the dependency. `"fatal"` is a failure that opens the circuit at once, whatever the threshold.
 *
 * @category models
 * @since 0.1.0
 */
export type Outcome = "success" | "failure" | "fatal" | "ignored"

/**
 * The circuit's state as a user sees it. `retryAfter` counts from now; an isolated circuit stays open until it is reset.
 *
 * @category models
 * @since 0.1.0
 */
export type State =
  | { readonly _tag: "Closed"; readonly failures: number }
  | { readonly _tag: "Open"; readonly retryAfter: Duration.Duration; readonly isolated: boolean }
  | { readonly _tag: "HalfOpen"; readonly probes: number }

/**
 * Leave to make one call, to be handed back with the call's outcome.
 *
 * @category models
 * @since 0.1.0
 */
export type Permit = number

/**
 * One circuit.
 *
 * **Details**
 *
 * `execute` runs an effect through the circuit. `changes` starts with the current state and emits at each transition. `trip` opens the
 * circuit, `isolate` opens it until `reset`, `reset` closes it, `makeDue` ends an open time early: the next call is a probe.
 *
 * `acquireUnsafe` and `recordUnsafe` are `execute` taken apart, for callers that cannot afford a fiber's bookkeeping: a permit that was
 * given must be recorded exactly once, as `"ignored"` if the call was given up. Failures with the same `event` count once. `refusesUnsafe`
 * refuses, and counts that, where `acquireUnsafe` would, but takes no permit where it would give one.
 *
 * @category models
 * @since 0.1.0
 */
export interface CircuitBreaker {
  readonly state: Effect.Effect<State>
  readonly changes: Stream.Stream<State>
  readonly execute: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | RedisCircuitBreakerOpenError, R>
  readonly trip: Effect.Effect<void>
  readonly reset: Effect.Effect<void>
  readonly isolate: Effect.Effect<void>
  readonly makeDue: Effect.Effect<void>
  readonly isClosedUnsafe: () => boolean
  readonly refusesUnsafe: () => boolean
  readonly acquireUnsafe: () => Permit | undefined
  readonly recordUnsafe: (permit: Permit, outcome: Outcome, event?: unknown) => void
  readonly rejection: (command: string) => RedisCircuitBreakerOpenError
}

/**
 * How a circuit behaves. See the top of this module for the defaults.
 *
 * **Details**
 *
 * `failureRate` opens the circuit when, of the last `window` calls (default 100) and at least `minimumCalls` (default 20), the share of
 * failures reaches `threshold` (default 0.5); it takes the place of `failureThreshold` unless that is given too. A threshold of `Infinity`
 * never opens by itself. `classify` says what an exit means to `execute`; by default Redis errors speak for themselves, interruption is
 * ignored, and every other failure counts.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly name?: string | undefined
  readonly failureThreshold?: number | undefined
  readonly failureRate?:
    | {
        readonly threshold?: number | undefined
        readonly minimumCalls?: number | undefined
        readonly window?: number | undefined
      }
    | undefined
  readonly resetTimeout?: Duration.Input | Schedule.Schedule<unknown> | undefined
  readonly successThreshold?: number | undefined
  readonly maxProbes?: number | undefined
  readonly probeTimeout?: Duration.Input | undefined
  readonly classify?: ((exit: Exit.Exit<unknown, unknown>) => Outcome) | undefined
}

/**
 * Makes a circuit, closed. Its scope ends `changes` and the leases of probes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (
  options: Options = {}
): Effect.fn.Return<CircuitBreaker, never, Scope.Scope> {
  const name = options.name ?? "circuit"
  const settings = settingsOf(options)
  for (const setting of ["failureThreshold", "successThreshold", "maxProbes"] as const) {
    if (!(settings[setting] >= 1)) {
      return yield* Effect.die(new RangeError(`CircuitBreaker: ${setting} is ${settings[setting]}. Make it 1 or more`))
    }
  }
  const classify = options.classify ?? classifyExit
  const probeTimeout = Duration.fromInputUnsafe(options.probeTimeout ?? "5 seconds")
  const clock = yield* Clock.Clock
  const context = yield* Effect.context<never>()
  const fork = Effect.runForkWith(context)
  const openTimes = makeOpenTimes(options.resetTimeout ?? "30 seconds", context)
  const changes = yield* Effect.acquireRelease(PubSub.unbounded<State>({ replay: 1 }), PubSub.shutdown)
  const ref = Ref.makeUnsafe<Internal>(closed(1, settings))
  const leases = new Map<Permit, Fiber.Fiber<void>>()
  let refusals = new Map<string, RedisCircuitBreakerOpenError>()

  const now = () => Monotonic.millis(clock)

  const apply = (event: Event): void => {
    const before = Ref.getUnsafe(ref)
    const after = transition(settings, before, event, now(), openTimes.current())
    if (after === before) return
    ref.ref.current = after
    if (after._tag === before._tag && event._tag !== "Isolate") return
    Metrics.breakerTransitions(before._tag)(after._tag).updateUnsafe(1, context)
    if (after._tag === "Closed") openTimes.restart()
    if (after._tag === "Open") {
      openTimes.advance()
      refusals = new Map()
    }
    show(after)
  }

  const show = (state: Internal): void => {
    for (const tag of ["Closed", "Open", "HalfOpen"]) {
      Metrics.breakerState(tag).updateUnsafe(tag === state._tag ? 1 : 0, context)
    }
    PubSub.publishUnsafe(changes, visible(state, now()))
  }

  const acquireUnsafe = (): Permit | undefined => {
    const state = Ref.getUnsafe(ref)
    if (state._tag === "Closed") return state.generation
    apply({ _tag: "Acquire" })
    const after = Ref.getUnsafe(ref)
    if (after === state || after._tag !== "HalfOpen") {
      Metrics.breakerRejections.updateUnsafe(1, context)
      return undefined
    }
    const permit = after.nextPermit - 1
    leases.set(permit, fork(Effect.andThen(Effect.sleep(probeTimeout), expire(permit))))
    return permit
  }

  const expire = (permit: Permit) =>
    Effect.sync(() => {
      leases.delete(permit)
      recordUnsafe(permit, "failure")
    })

  const recordUnsafe = (permit: Permit, outcome: Outcome, event?: unknown): void => {
    const state = Ref.getUnsafe(ref)
    if (state._tag === "Closed" && outcome === "success" && state.failures === 0 && state.window === undefined) return
    leases.get(permit)?.interruptUnsafe()
    leases.delete(permit)
    apply({ _tag: "Record", permit, outcome, event })
  }

  const rejection = (command: string): RedisCircuitBreakerOpenError => {
    const known = refusals.get(command)
    if (known !== undefined) return known
    const state = Ref.getUnsafe(ref)
    const retryAfter = Duration.millis(state._tag === "Open" ? state.openFor : 0)
    const until = Duration.isFinite(retryAfter)
      ? `tried again within ${Duration.format(retryAfter)}`
      : "isolated until it is reset"
    const error = new RedisCircuitBreakerOpenError({
      command,
      retryAfter,
      message: `${command} was not sent: the circuit "${name}" is open and is ${until}`
    })
    refusals.set(command, error)
    return error
  }

  yield* Effect.addFinalizer(() => Effect.suspend(() => Fiber.interruptAll(leases.values())))
  show(Ref.getUnsafe(ref))

  return {
    state: Effect.sync(() => visible(Ref.getUnsafe(ref), now())),
    changes: Stream.fromPubSub(changes),
    execute: <A, E, R>(effect: Effect.Effect<A, E, R>) =>
      Effect.suspend((): Effect.Effect<A, E | RedisCircuitBreakerOpenError, R> => {
        const permit = acquireUnsafe()
        if (permit === undefined) return Effect.fail(rejection(name))
        // Of a success in a closed circuit there is nothing to do: 100 ns less than `Effect.onExit` with an effect for it.
        return Effect.onExitPrimitive(effect, (exit) => {
          recordUnsafe(permit, classify(exit))
          return undefined
        })
      }),
    trip: Effect.sync(() => apply({ _tag: "Trip" })),
    reset: Effect.sync(() => apply({ _tag: "Reset" })),
    isolate: Effect.sync(() => apply({ _tag: "Isolate" })),
    makeDue: Effect.sync(() => apply({ _tag: "MakeDue" })),
    isClosedUnsafe: () => Ref.getUnsafe(ref)._tag === "Closed",
    refusesUnsafe: () => {
      const state = Ref.getUnsafe(ref)
      if (state._tag === "Closed" || acquire(settings, state, now()) !== state) return false
      Metrics.breakerRejections.updateUnsafe(1, context)
      return true
    },
    acquireUnsafe,
    recordUnsafe,
    rejection
  }
})

// ---------------------------------------------------------------------------------------------------------------------
// The state machine
// ---------------------------------------------------------------------------------------------------------------------

interface Settings {
  readonly failureThreshold: number
  readonly failureRate:
    | { readonly threshold: number; readonly minimumCalls: number; readonly window: number }
    | undefined
  readonly successThreshold: number
  readonly maxProbes: number
}

// Permits are numbers that only grow. The closed state gives out its generation; each probe gets a number of its own. A permit that the
// current state did not give out belongs to an earlier generation.
type Internal = Closed | Open | HalfOpen

interface Closed {
  readonly _tag: "Closed"
  readonly generation: Permit
  readonly failures: number
  readonly events: ReadonlyArray<unknown>
  readonly window: Window | undefined
}

interface Open {
  readonly _tag: "Open"
  readonly nextPermit: Permit
  readonly openFor: number
  readonly dueAt: number
}

interface HalfOpen {
  readonly _tag: "HalfOpen"
  readonly nextPermit: Permit
  readonly probes: ReadonlyArray<Permit>
  readonly successes: number
}

type Event =
  | { readonly _tag: "Acquire" }
  | { readonly _tag: "Record"; readonly permit: Permit; readonly outcome: Outcome; readonly event: unknown }
  | { readonly _tag: "Trip" }
  | { readonly _tag: "Isolate" }
  | { readonly _tag: "Reset" }
  | { readonly _tag: "MakeDue" }

const transition = (settings: Settings, state: Internal, event: Event, now: number, openFor: number): Internal => {
  switch (event._tag) {
    case "Acquire":
      return acquire(settings, state, now)
    case "Record":
      return record(settings, state, event, now, openFor)
    case "Trip":
      return state._tag === "Open" ? state : open(state, now, openFor)
    case "Isolate":
      return open(state, now, Number.POSITIVE_INFINITY)
    case "Reset":
      return state._tag === "Closed" && state.failures === 0 ? state : closed(nextPermit(state), settings)
    case "MakeDue":
      return state._tag === "Open" && state.dueAt > now && !isIsolated(state) ? { ...state, dueAt: now } : state
  }
}

const acquire = (settings: Settings, state: Internal, now: number): Internal => {
  if (state._tag === "Open" && state.dueAt <= now) {
    return { _tag: "HalfOpen", nextPermit: state.nextPermit + 1, probes: [state.nextPermit], successes: 0 }
  }
  if (state._tag === "HalfOpen" && state.probes.length < settings.maxProbes) {
    return { ...state, nextPermit: state.nextPermit + 1, probes: [...state.probes, state.nextPermit] }
  }
  return state
}

const record = (
  settings: Settings,
  state: Internal,
  { event, outcome, permit }: Event & { readonly _tag: "Record" },
  now: number,
  openFor: number
): Internal => {
  const failed = outcome === "failure" || outcome === "fatal"
  if (state._tag === "HalfOpen" && state.probes.includes(permit)) {
    if (failed) return open(state, now, openFor)
    const successes = state.successes + (outcome === "success" ? 1 : 0)
    if (successes >= settings.successThreshold) return closed(nextPermit(state), settings)
    return { ...state, successes, probes: state.probes.filter((probe) => probe !== permit) }
  }
  if (state._tag !== "Closed" || state.generation !== permit || outcome === "ignored") return state
  if (failed && event !== undefined && state.events.includes(event)) return state
  const next: Closed = {
    ...state,
    failures: failed ? state.failures + 1 : 0,
    events: failed ? [...state.events, event].slice(-rememberedEvents) : state.events,
    window: state.window && push(state.window, failed)
  }
  return opens(settings, next, outcome) ? open(state, now, openFor) : next
}

const opens = (settings: Settings, { failures, window }: Closed, outcome: Outcome): boolean => {
  const { failureRate: rate, failureThreshold } = settings
  if (failures >= failureThreshold) return true
  if (outcome === "fatal") return rate !== undefined || failureThreshold !== Number.POSITIVE_INFINITY
  return (
    rate !== undefined &&
    window !== undefined &&
    window.size >= rate.minimumCalls &&
    window.failed / window.size >= rate.threshold
  )
}

const closed = (generation: Permit, settings: Settings): Closed => ({
  _tag: "Closed",
  generation,
  failures: 0,
  events: [],
  window: settings.failureRate && { results: new Uint8Array(settings.failureRate.window), next: 0, size: 0, failed: 0 }
})

const open = (from: Internal, now: number, openFor: number): Open => ({
  _tag: "Open",
  nextPermit: nextPermit(from),
  openFor,
  dueAt: now + openFor
})

const nextPermit = (state: Internal): Permit => (state._tag === "Closed" ? state.generation + 1 : state.nextPermit)

const isIsolated = (state: Open): boolean => state.openFor === Number.POSITIVE_INFINITY

const visible = (state: Internal, now: number): State => {
  switch (state._tag) {
    case "Closed":
      return { _tag: "Closed", failures: state.failures }
    case "HalfOpen":
      return { _tag: "HalfOpen", probes: state.probes.length }
    case "Open":
      return {
        _tag: "Open",
        retryAfter: Duration.millis(Math.max(0, Math.ceil(state.dueAt - now))),
        isolated: isIsolated(state)
      }
  }
}

// One event cuts many calls in one go, so the last few are enough to know it again.
const rememberedEvents = 8

interface Window {
  readonly results: Uint8Array
  readonly next: number
  readonly size: number
  readonly failed: number
}

const push = (window: Window, failed: boolean): Window => {
  const results = window.results.slice()
  const forgotten = results[window.next] ?? 0
  results[window.next] = failed ? 1 : 0
  return {
    results,
    next: (window.next + 1) % results.length,
    size: Math.min(window.size + 1, results.length),
    failed: window.failed - forgotten + (failed ? 1 : 0)
  }
}

// How long each opening in a row lasts. A schedule that has ended goes on with its last delay.
const makeOpenTimes = (
  resetTimeout: Duration.Input | Schedule.Schedule<unknown>,
  context: Context.Context<never>
): { readonly current: () => number; readonly advance: () => void; readonly restart: () => void } => {
  if (!Schedule.isSchedule(resetTimeout)) {
    const millis = Duration.toMillis(Duration.fromInputUnsafe(resetTimeout))
    return { current: () => millis, advance: () => {}, restart: () => {} }
  }
  const run = Effect.runSyncExitWith(context)
  const start = () => Effect.runSyncWith(context)(Schedule.toStep(resetTimeout))
  let step = start()
  let current = 0
  const advance = () => {
    const exit = run(Effect.clockWith((clock) => step(clock.currentTimeMillisUnsafe(), undefined)))
    if (Exit.isSuccess(exit)) current = Duration.toMillis(exit.value[1])
  }
  advance()
  return {
    current: () => current,
    advance,
    restart: () => {
      step = start()
      advance()
    }
  }
}

const settingsOf = (options: Options): Settings => ({
  failureThreshold: options.failureThreshold ?? (options.failureRate === undefined ? 5 : Number.POSITIVE_INFINITY),
  failureRate: options.failureRate && {
    threshold: options.failureRate.threshold ?? 0.5,
    minimumCalls: options.failureRate.minimumCalls ?? 20,
    window: options.failureRate.window ?? 100
  },
  successThreshold: options.successThreshold ?? 1,
  maxProbes: options.maxProbes ?? 1
})

const classifyExit = (exit: Exit.Exit<unknown, unknown>): Outcome => {
  if (Exit.isSuccess(exit)) return "success"
  if (Cause.hasInterruptsOnly(exit.cause)) return "ignored"
  const error = Cause.squash(exit.cause)
  return isRedisCommandError(error) ? outcome(error) : "failure"
}
