/**
 * Watches whether Redis answers, since when, and why not.
 *
 * **Details**
 *
 * A PING every `interval` (default 30 seconds) with a deadline of its own (`timeout`, default 2
 * seconds) goes through the circuit breaker like any command: it feeds the breaker, is the probe of
 * an open circuit as soon as that is due (so that a user's call seldom has to), and finds a
 * connection that no longer answers, an idle one included, which is then replaced.
 *
 * The start of an outage is logged as one warning, its end as one info line that sums it up; in
 * between there are summaries after 1, 2, 4… minutes, at most every hour. Failed checks are logged
 * at debug level.
 *
 * @since 0.1.0
 */
import {
  Context,
  DateTime,
  Duration,
  Effect,
  Fiber,
  Layer,
  Option,
  Queue,
  Result,
  Schedule,
  type Scope,
  Stream,
  SubscriptionRef
} from "effect"
import type * as CircuitBreaker from "./CircuitBreaker.ts"
import * as Metrics from "./internal/Metrics.ts"
import { type Dispatch, type NodeEvent, of, type Session } from "./dispatch.ts"
import { type ClientBreakerState, RedisClient, type Stats } from "./RedisClient.ts"
import * as RedisCommand from "./RedisCommand.ts"
import * as RedisError from "./RedisError.ts"
import * as Settings from "./Settings.ts"

/**
 * Up or down, since when; down also says why.
 *
 * @category models
 * @since 0.1.0
 */
export type Status =
  | { readonly _tag: "Up"; readonly since: DateTime.Utc }
  | { readonly _tag: "Down"; readonly since: DateTime.Utc; readonly reason: string }

/**
 * The health of one client.
 *
 * @category models
 * @since 0.1.0
 */
export interface RedisHealth {
  /** The name of the client that is watched, which the log lines of its outages carry. */
  readonly name: string
  /** Tells what is known now. */
  readonly status: Effect.Effect<Status>
  /** Starts with what is known now and emits each change. */
  readonly changes: Stream.Stream<Status>
  /**
   * Asks Redis and tells what came of it, also while the circuit is open: its PING is the probe
   * then. Only where a probe runs already, or where the circuit was isolated, is Redis not asked.
   */
  readonly check: Effect.Effect<Status>
}

/**
 * Service tag for the health of Redis.
 *
 * @category services
 * @since 0.1.0
 */
export const RedisHealth: Context.Service<RedisHealth, RedisHealth> =
  Context.Service<RedisHealth>("effect-ioredis/RedisHealth")

/**
 * Sets how often to look, and how long to wait for the answer.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Sets how often to look. Default: 30 seconds. */
  readonly interval?: Duration.Input | undefined
  /** Sets how long to wait for the answer. Default: 2 seconds. */
  readonly timeout?: Duration.Input | undefined
}

const checked = ({ interval = "30 seconds", timeout = "2 seconds" }: Options) => {
  const error = Settings.error([
    Settings.problem("interval", Settings.AboveZero, interval),
    Settings.problem("timeout", Settings.AboveZero, timeout)
  ])
  return error === undefined
    ? Effect.succeed([Duration.fromInputUnsafe(interval), Duration.fromInputUnsafe(timeout)] as const)
    : Effect.fail(error)
}

/**
 * Watches the `RedisClient` of the context for as long as the scope is open.
 *
 * **Gotchas**
 *
 * Options that make no sense are a mistake in the program, and so a defect: a `ConfigError` that
 * names each of them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (
  options: Options = {}
): Effect.fn.Return<RedisHealth, never, Scope.Scope | RedisClient> {
  const [interval, timeout] = yield* Effect.orDie(checked(options))
  const client = yield* RedisClient
  const dispatch = of(client)
  const { name } = client
  const metrics = Metrics.make(name)
  const scope = yield* Effect.scope
  const context = yield* Effect.context<never>()
  const signals = yield* Queue.unbounded<ClientBreakerState | NodeEvent>()
  const unreachable = Effect.map(client.stats, (stats) => unreachableIn(dispatch, stats))
  const reason = yield* unreachable
  const since = yield* DateTime.now
  const current = yield* SubscriptionRef.make<Status>(
    reason === undefined ? { _tag: "Up", since } : { _tag: "Down", since, reason }
  )
  const { down, up } = reportOf(name, current, scope)

  const ask = Effect.gen(function* () {
    // Each is heard out: of an open circuit one PING is the probe, and that the others are refused
    // must not end it.
    const { failed, outcome } = verdictOf(
      yield* Effect.forEach(sessions(dispatch), (session) => pingOn(dispatch, session, Duration.toMillis(timeout)), {
        concurrency: "unbounded"
      })
    )
    metrics.healthChecks(outcome).updateUnsafe(1, context)
    if (failed !== undefined) {
      yield* Effect.logDebug("Redis health check failed").pipe(Effect.annotateLogs({ name, error: failed.message }))
    }
    yield* Effect.forEach(dispatch.nodes(), (node) => node.refreshTime, { discard: true }).pipe(Effect.forkIn(scope))
    // A refusal of our own says nothing of Redis.
    if (outcome === "success") {
      const reason = yield* unreachable
      yield* reason === undefined ? up : down(reason)
    }
    if (outcome === "failure") yield* down(failed?.message ?? "")
    return yield* SubscriptionRef.get(current)
  })

  const react = Effect.fnUntraced(function* (signal: ClientBreakerState | NodeEvent) {
    switch (signal._tag) {
      case "Closed":
        return (yield* client.stats).connection === "Ready" ? yield* up : undefined
      case "Open":
        return yield* down((yield* client.stats).lastFailure?.message ?? "the circuit is open")
      case "ConnectFailed":
        // A server that owns nothing, or nothing any more, is nobody's outage.
        return dispatch.nodes().includes(signal.node) ? yield* down(signal.error.message) : undefined
      case "SessionReady":
        return yield* ask
      // In a resharding they come by the thousand.
      case "SlotsMoved":
        return (yield* SubscriptionRef.get(current))._tag === "Down" ? yield* ask : undefined
      // A connection that is lost may be back in 20 ms, a circuit that is half-open closed: what
      // comes next says.
      case "SessionLost":
      case "HistoryChanged":
      case "CircuitClosed":
      case "HalfOpen":
      case "NodeRemoved":
      case "Partial":
        return
    }
  })

  const watch = Effect.gen(function* () {
    const signal = yield* Effect.timeoutOption(Queue.take(signals), yield* pauseOf(client, interval))
    yield* Option.isSome(signal) ? react(signal.value) : ask
  })

  const stop = dispatch.listen((event) => Queue.offerUnsafe(signals, event))
  yield* Effect.addFinalizer(() => Effect.sync(stop))
  yield* Effect.forkScoped(Stream.runForEach(client.breaker.changes, (state) => Queue.offer(signals, state)))
  yield* Effect.forkScoped(Effect.forever(watch))

  return {
    name,
    status: SubscriptionRef.get(current),
    changes: SubscriptionRef.changes(current),
    // An outage is not the caller's who finds it: its log lines go on after him.
    check: Effect.suspend(() => {
      for (const node of dispatch.nodes()) node.makeDue()
      return ask
    }).pipe(Effect.updateContext((_: Context.Context<never>) => context))
  }
})

// Tells what has become of Redis, and logs where an outage begins and ends.
const reportOf = (name: string, current: SubscriptionRef.SubscriptionRef<Status>, scope: Scope.Scope) => {
  let summaries: Fiber.Fiber<void> | undefined

  const up = Effect.gen(function* () {
    const before = yield* SubscriptionRef.get(current)
    if (before._tag === "Up") return
    const since = yield* DateTime.now
    yield* SubscriptionRef.set(current, { _tag: "Up", since })
    if (summaries === undefined) return
    yield* Fiber.interrupt(summaries)
    summaries = undefined
    yield* Effect.logInfo("Redis answers again").pipe(
      Effect.annotateLogs({
        name,
        downFor: Duration.format(DateTime.distance(before.since, since)),
        reason: before.reason
      })
    )
  })

  const down = Effect.fnUntraced(function* (reason: string) {
    const before = yield* SubscriptionRef.get(current)
    const since = before._tag === "Down" ? before.since : yield* DateTime.now
    // One outage may have several reasons: refused while Redis starts, then another password.
    if (before._tag === "Up" || before.reason !== reason) {
      yield* SubscriptionRef.set(current, { _tag: "Down", since, reason })
    }
    if (summaries !== undefined) return
    yield* Effect.logWarning("Redis does not answer").pipe(Effect.annotateLogs({ name, reason }))
    summaries = yield* Effect.forkIn(summarise(name, SubscriptionRef.get(current)), scope)
  })

  return { down, up }
}

// An open circuit is probed as soon as it is due.
const pauseOf = (client: RedisClient, interval: Duration.Duration): Effect.Effect<Duration.Duration> =>
  Effect.map(client.breaker.state, (state) =>
    state._tag === "Open" && !state.isolated ? Duration.min(state.retryAfter, interval) : interval
  )

/**
 * Provides the health of the `RedisClient`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: Options): Layer.Layer<RedisHealth, never, RedisClient> =>
  Layer.effect(RedisHealth, make(options))

const ping = RedisCommand.make("PING")

// Every connection is asked; without any, the circuit and the client say why.
const sessions = (dispatch: Dispatch): ReadonlyArray<Session | undefined> => {
  const open = dispatch.nodes().flatMap((node) => node.sessions())
  return open.length === 0 ? [undefined] : open
}

// Why some keys cannot be reached although those servers answer that are connected.
const unreachableIn = (dispatch: Dispatch, { connectError, connection }: Stats): string | undefined =>
  connection === "Connecting" || dispatch.nodes().some((node) => !node.isReady())
    ? (connectError?.message ?? "not connected")
    : undefined

const pingOn = (dispatch: Dispatch, session: Session | undefined, timeout: number): Effect.Effect<Pinged> =>
  Effect.callback((resume) => {
    const cancel = dispatch.send(ping, { session, timeout, retry: false }, (result) => resume(Effect.succeed(result)))
    return Effect.sync(cancel)
  })

type Pinged = Result.Result<unknown, RedisError.RedisCommandError>

// One that does not answer is an outage, whatever the others say. A refusal of our own says nothing
// of Redis where another is answered.
const verdictOf = (pinged: ReadonlyArray<Pinged>) => {
  const verdicts = pinged.map((result) =>
    Result.isSuccess(result)
      ? { failed: undefined, outcome: "success" as const }
      : { failed: result.failure, outcome: RedisError.outcome(result.failure) }
  )
  const first = (outcome: CircuitBreaker.Outcome) => verdicts.find((verdict) => verdict.outcome === outcome)
  return first("failure") ?? first("success") ?? { failed: verdicts[0]?.failed, outcome: "ignored" as const }
}

const summarise = (name: string, current: Effect.Effect<Status>): Effect.Effect<void> =>
  Effect.gen(function* () {
    const status = yield* current
    if (status._tag === "Up") return
    const { reason, since } = status
    const downFor = Duration.format(DateTime.distance(since, yield* DateTime.now))
    yield* Effect.logWarning("Redis still does not answer").pipe(Effect.annotateLogs({ name, downFor, reason }))
  }).pipe(Effect.schedule(Schedule.min([Schedule.exponential("1 minute"), Schedule.spaced("1 hour")])), Effect.asVoid)
