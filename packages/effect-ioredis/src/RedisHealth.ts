/**
 * Watches whether Redis answers, since when, and why not; of several servers, which do not, and
 * which keys that concerns.
 *
 * **Details**
 *
 * A PING every `interval` (default 30 seconds) with a deadline of its own (`timeout`, default 2
 * seconds) goes to each server through its circuit breaker like any command: it feeds the breaker,
 * is the probe of an open circuit as soon as that is due (so that a user's call seldom has to), and
 * finds a connection that no longer answers, an idle one included, which is then replaced. A server
 * that is connected to and could not serve is asked again every second.
 *
 * The start of an outage is logged as one warning that says where, why, and how the circuit stands,
 * names the servers and their slots where there are several, and one more if none of them answers
 * at last. Its end is one info line that sums it up, with what the caches on the client did
 * meanwhile; in between there are summaries after 1, 2, 4… minutes, at most every hour. Checks are
 * logged where `OperationLog` is on.
 *
 * A server that has left a cluster is not down. Where a master answers but none of its sentinels
 * does, nothing is down either: every key can be reached, and the status is `"Up"` with a
 * `warning`, which is looked for at each check and logged as one warning when it appears.
 *
 * **Example** (A readiness probe that says what is missing)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { RedisHealth } from "effect-ioredis"
 *
 * const report = Effect.gen(function* () {
 *   const health = yield* RedisHealth.RedisHealth
 *   const status = yield* health.status
 *   switch (status._tag) {
 *     case "Up":
 *       return status.warning ?? "all is well"
 *     case "Partial":
 *       return status.nodes.map(({ node, reason }) => `${node}: ${reason}`).join("\n")
 *     case "Down":
 *       return status.reason
 *   }
 * })
 * ```
 *
 * @since 0.1.0
 */
import {
  Clock,
  Context,
  type DateTime,
  Duration,
  Effect,
  Layer,
  Option,
  Queue,
  Result,
  type Scope,
  Stream
} from "effect"
import type * as CircuitBreaker from "./CircuitBreaker.ts"
import { type Dispatch, type Node, type NodeEvent, of, type OperationLines, type Session } from "./dispatch.ts"
import * as HealthReport from "./internal/HealthReport.ts"
import * as Metrics from "./internal/Metrics.ts"
import { errorStats } from "./internal/errorStats.ts"
import { errorFields } from "./internal/OperationLog.ts"
import * as OutageTeller from "./internal/OutageTeller.ts"
import { outageCause } from "./internal/outageCause.ts"
import * as SharedRun from "./internal/SharedRun.ts"
import { type ClientBreakerState, type ErrorStats, RedisClient } from "./RedisClient.ts"
import * as RedisCommand from "./RedisCommand.ts"
import * as RedisError from "./RedisError.ts"
import * as Settings from "./Settings.ts"

/**
 * Says in one word why a server does not answer now.
 *
 * **Details**
 *
 * - Those of `RedisError.ConnectionFailure`: there is no connection, and that is why.
 * - `NoReply`: there is a connection, and nothing came on it in time.
 * - `Loading`, `MasterDown`, `Busy`: the server answers that it cannot serve.
 * - `CircuitOpen`: the circuit was opened by hand.
 *
 * @category models
 * @since 0.1.0
 */
export type OutageCause = RedisError.ConnectionFailure | "NoReply" | "Loading" | "MasterDown" | "Busy" | "CircuitOpen"

/**
 * A server that does not answer, and what it owns.
 *
 * @category models
 * @since 0.1.0
 */
export interface NodeDown {
  /** The client's name and the server's address, as in the client's breaker. */
  readonly node: string
  /** Says in one word why it does not answer now, for programs. */
  readonly cause: OutageCause
  /** Says what it failed with last, for people. */
  readonly reason: string
  /** The ranges of its slots, bounds included; there are none where one server owns every key. */
  readonly slots: ReadonlyArray<readonly [from: number, to: number]>
}

/**
 * Says which servers answer, since when that is so, and why the others do not.
 *
 * **Details**
 *
 * - `Up`: all that own keys answer. A `warning` says what may cause trouble later: no sentinel
 *   answers, so that a failover would not be noticed.
 * - `Partial`: some of several do not, which `nodes` names with what they own.
 * - `Down`: none answers; `cause` and `reason` are those of the first of `nodes`.
 *
 * @category models
 * @since 0.1.0
 */
export type Status =
  | { readonly _tag: "Up"; readonly since: DateTime.Utc; readonly warning?: string | undefined }
  | { readonly _tag: "Partial"; readonly since: DateTime.Utc; readonly nodes: ReadonlyArray<NodeDown> }
  | {
      readonly _tag: "Down"
      readonly since: DateTime.Utc
      readonly cause: OutageCause
      readonly reason: string
      readonly nodes: ReadonlyArray<NodeDown>
    }

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
   * Asks each server and tells what came of it; those who ask meanwhile share the answers. While a
   * circuit is open, one login beside it finds out whether the server is back: a PING closes the
   * circuit if so, and else nothing counts against it. A circuit that was isolated is left alone.
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

const settingsOf = ({ interval = "30 seconds", timeout = "2 seconds" }: Options) => {
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
  const [interval, timeout] = yield* Effect.orDie(settingsOf(options))
  const client = yield* RedisClient
  const dispatch = of(client)
  const { name } = client
  const metrics = Metrics.make(name)
  const scope = yield* Effect.scope
  const context = yield* Effect.context<never>()
  const signals = yield* Queue.unbounded<Signal>()
  // Why servers do not answer, those included that own nothing now.
  const reasons = new Map(reasonsAtFirst(dispatch.nodes()))
  const look = Effect.map(client.stats, ({ connectError, connection }) =>
    HealthReport.found(
      dispatch.nodes(),
      connection === "Connecting" ? reasonsOfAll(dispatch, reasons, connectError) : reasons,
      connection === "Ready" ? connectError?.message : undefined
    )
  )
  const report = yield* HealthReport.make(yield* look)
  const { operationLog, outage } = dispatch
  const tell = yield* tellerOf(client, report.status)
  const assess = Effect.flatMap(look, (found) => report.update(found, tell))

  const ask = Effect.fnUntraced(function* (nodes: ReadonlyArray<Node>, judge: Judge) {
    const verdicts = yield* Effect.forEach(nodes, (node) => judge(dispatch, node, Duration.toMillis(timeout)), {
      concurrency: "unbounded"
    })
    for (const { failed, node, outcome } of verdicts) {
      // A refusal of our own says nothing of Redis.
      if (outcome === "success") reasons.delete(node)
      if (outcome === "failure" && failed !== undefined) reasons.set(node, failingWith(errorStats(failed)))
    }
    const { outcome } = worstOf(verdicts)
    metrics.healthChecks(outcome).updateUnsafe(1, context)
    if (verdicts.every(({ outcome }) => outcome === "success") && reasons.size === 0) outage.trust()
    if (operationLog.isOn) sayChecks(operationLog, verdicts)
    yield* Effect.forEach(nodes, (node) => node.refreshTime, { discard: true }).pipe(Effect.forkIn(scope))
    yield* assess
  })
  const check = yield* SharedRun.make(
    Effect.andThen(
      Effect.suspend(() => ask(dispatch.nodes(), verdictBeside)),
      Effect.andThen(Queue.offer(signals, checked), report.status)
    )
  )

  const react = (signal: Signal): Effect.Effect<void> => {
    switch (signal._tag) {
      case "Open":
      case "Partial":
        for (const node of dispatch.nodes()) {
          if (node.isClosed("read") || reasons.has(node)) continue
          reasons.set(node, failingOf(node, circuitOpen))
        }
        return assess
      case "CircuitClosed":
        if (signal.node.isReady() && signal.node.isClosed("read")) reasons.delete(signal.node)
        return assess
      case "ConnectFailed":
        // Another connection to that server may answer.
        if (!signal.node.isReady()) reasons.set(signal.node, failingWith(errorStats(signal.error)))
        return assess
      case "SessionReady":
        return ask([signal.node], verdictOn)
      case "NodeRemoved":
        reasons.delete(signal.node)
        return assess
      case "SlotsMoved":
        return assess
      // A connection that is lost may be back in 20 ms, a circuit that is half-open closed: what
      // comes next says.
      case "SessionLost":
      case "HistoryChanged":
      case "Closed":
      case "HalfOpen":
      // How soon to look again may be another time now.
      case "Checked":
        return Effect.void
    }
  }

  const watch = Effect.gen(function* () {
    const pause = pauseOf(dispatch.nodes(), reasons, Duration.toMillis(interval))
    const signal = yield* Effect.timeoutOption(Queue.take(signals), pause)
    yield* Option.isSome(signal) ? react(signal.value) : ask(dispatch.nodes(), verdictOn)
  })

  const stop = dispatch.listen((event) => Queue.offerUnsafe(signals, event))
  yield* Effect.addFinalizer(() => Effect.sync(stop))
  yield* Effect.forkScoped(Stream.runForEach(client.breaker.changes, (state) => Queue.offer(signals, state)))
  yield* Effect.forkScoped(Effect.forever(watch))

  return {
    name,
    status: report.status,
    changes: report.changes,
    // An outage is not the caller's who finds it: its log lines go on after him.
    check
  }
})

/**
 * Provides the health of the `RedisClient`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: Options): Layer.Layer<RedisHealth, never, RedisClient> =>
  Layer.effect(RedisHealth, make(options))

const tellerOf = (client: RedisClient, status: Effect.Effect<Status>) => {
  const { note, outage } = of(client)
  return OutageTeller.make({
    name: client.name,
    servers: Effect.map(client.stats, ({ settings }) => settings.addresses),
    circuit: Effect.map(client.stats, ({ breaker }) => breaker._tag),
    counts: outage,
    record: note,
    status
  })
}

const sayChecks = (log: OperationLines, verdicts: ReadonlyArray<Verdict>): void => {
  for (const { failed, node } of verdicts) {
    const fields = { operation: "PING", node: node.name }
    if (failed === undefined) log.write("Redis health check succeeded", fields)
    else log.write("Redis health check failed", { ...fields, ...errorFields(failed) })
  }
}
const reasonsAtFirst = (nodes: ReadonlyArray<Node>): ReadonlyArray<readonly [Node, HealthReport.Failing]> =>
  nodes.flatMap((node) => (node.isReady() ? [] : [[node, failingOf(node, notConnected)]]))

// While nobody tells who owns which keys, servers that answer are of no use.
const reasonsOfAll = (
  dispatch: Dispatch,
  known: ReadonlyMap<Node, HealthReport.Failing>,
  error: ErrorStats | undefined
): ReadonlyMap<Node, HealthReport.Failing> => {
  const failing = error === undefined ? notConnected : failingWith(error)
  return new Map(dispatch.nodes().map((node) => [node, known.get(node) ?? failing]))
}

const failingWith = (error: ErrorStats): HealthReport.Failing => ({
  cause: outageCause(error),
  reason: error.message
})

// Of a circuit that somebody isolated, what the server failed with before is not why.
const failingOf = (node: Node, otherwise: HealthReport.Failing): HealthReport.Failing =>
  node.isIsolated()
    ? isolated
    : { cause: node.lastCause() ?? otherwise.cause, reason: node.lastFailure() ?? otherwise.reason }

const notConnected: HealthReport.Failing = { cause: "NotReady", reason: "not connected" }
const isolated: HealthReport.Failing = { cause: "CircuitOpen", reason: "the circuit was isolated by hand" }
const circuitOpen: HealthReport.Failing = { cause: "CircuitOpen", reason: "the circuit is open" }

// An open circuit is probed as soon as it is due. What is due and could not be probed is not asked
// again at once. Of a server that is connected to and could not serve, no event tells that it can
// again.
const pauseOf = (
  nodes: ReadonlyArray<Node>,
  reasons: ReadonlyMap<Node, HealthReport.Failing>,
  interval: number
): number =>
  nodes.reduce((pause, node) => {
    if (!node.isClosed("read")) return Math.min(pause, Math.max(node.dueIn("read"), leastPause))
    return node.isReady() && reasons.has(node) ? Math.min(pause, pauseWhileDown) : pause
  }, interval)

// In milliseconds.
const leastPause = 100
const pauseWhileDown = 1000

/** Tells the watch what happened. */
type Signal = ClientBreakerState | NodeEvent | typeof checked

const checked = { _tag: "Checked" } as const

const ping = RedisCommand.make("PING")

interface Verdict {
  readonly node: Node
  readonly failed: RedisError.RedisCommandError | undefined
  readonly outcome: CircuitBreaker.Outcome
}

/** Asks one server. */
type Judge = (dispatch: Dispatch, node: Node, timeout: number) => Effect.Effect<Verdict>

// What a circuit refuses is asked beside it, by a login of its own: an attempt that fails must not
// lengthen the time for which the circuit stays open.
const verdictBeside: Judge = (dispatch, node, timeout) => {
  if (node.isClosed("read") || node.isIsolated()) return verdictOn(dispatch, node, timeout)
  return Effect.scoped(node.connect).pipe(
    Effect.timeoutOrElse({
      duration: timeout,
      orElse: () => Effect.fail(RedisError.connectionError("CONNECT", "Timeout", "never"))
    }),
    Effect.provideService(Clock.Clock, dispatch.clock),
    Effect.matchEffect({
      onFailure: (failed) => Effect.succeed({ node, failed, outcome: RedisError.outcome(failed) }),
      onSuccess: () => {
        node.makeDue()
        return verdictOn(dispatch, node, timeout)
      }
    })
  )
}

// Every connection is asked, and each is heard out: of an open circuit one PING is the probe, and
// that the others are refused must not end it. Without a connection, the circuit and the node say
// why.
const verdictOn: Judge = (dispatch, node, timeout) => {
  const sessions = node.sessions()
  const asked: ReadonlyArray<Session | undefined> = sessions.length === 0 ? [undefined] : sessions
  return Effect.map(
    Effect.forEach(asked, (session) => pingOn(dispatch, { node, session, timeout }), { concurrency: "unbounded" }),
    worstOf
  )
}

const pingOn = (
  dispatch: Dispatch,
  { node, session, timeout }: { readonly node: Node; readonly session: Session | undefined; readonly timeout: number }
): Effect.Effect<Verdict> =>
  Effect.callback((resume) => {
    const cancel = dispatch.send(ping, { node, session, timeout, retry: false }, (result) =>
      resume(
        Effect.succeed(
          Result.isSuccess(result)
            ? { node, failed: undefined, outcome: "success" }
            : { node, failed: result.failure, outcome: RedisError.outcome(result.failure) }
        )
      )
    )
    return Effect.sync(cancel)
  })

// One that does not answer is an outage, whatever the others say. A refusal of our own says nothing
// of Redis where another is answered.
const worstOf = (verdicts: ReadonlyArray<Verdict>): Verdict => {
  const first = (outcome: CircuitBreaker.Outcome) => verdicts.find((verdict) => verdict.outcome === outcome)
  // There is a node at least, and each is asked.
  return first("failure") ?? first("success") ?? (verdicts[0] as Verdict)
}
