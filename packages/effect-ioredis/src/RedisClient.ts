/**
 * Redis for Effect programs: every command is asked for at the circuit breaker of its server, sent
 * once, bounded by a deadline, and sent again only where that is safe.
 *
 * **Details**
 *
 * A call is `retry(breaker(deadline(send)))`. An attempt may take `commandTimeout` (default 2
 * seconds), a call with its retries and sleeps `operationTimeout` (default 5 seconds). A connection
 * that is silent for `commandTimeout` while something is in flight is stalled: it is replaced, and
 * the circuit opens at once unless another connection to that server has answered meanwhile.
 *
 * The layer never fails to build because Redis is down: it waits up to `connectTimeout` (default 2
 * seconds) for the first connection, then starts degraded while they go on trying. With
 * `requireReady: true` that is a `RedisConnectionError` instead.
 *
 * **Gotchas**
 *
 * - Interrupting a call stops the waiting, not the command.
 * - Connections are shared: blocking commands, MULTI and SELECT are refused.
 * - Its waits live on the clock of the `RedisConnector`: a `TestClock` moves them only where the
 *   connector is the simulated one.
 *
 * **Example** (Counting visits)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Redis, RedisClient } from "effect-ioredis"
 *
 * const program = Effect.gen(function*() {
 *   const redis = yield* RedisClient.RedisClient
 *   return yield* redis.incr("visits")
 * }).pipe(Effect.provide(Redis.layerFromEnv()))
 * ```
 *
 * @since 0.1.0
 */
import {
  Cause,
  Clock,
  Context,
  Duration,
  Effect,
  Exit,
  Layer,
  Option,
  Result,
  type Scope,
  type Stream,
  Tracer
} from "effect"
import type * as CircuitBreaker from "./CircuitBreaker.ts"
import type { Cancel, Dispatch, Done, NodeEvent, SendOptions } from "./dispatch.ts"
import { TypeId } from "./dispatch.ts"
import * as Announcements from "./internal/Announcements.ts"
import * as Attempts from "./internal/Attempts.ts"
import * as Circuits from "./internal/circuitBreaker/Circuits.ts"
import * as clientSettings from "./internal/clientSettings.ts"
import { clientStats, connectErrorOf, sum } from "./internal/clientStats.ts"
import { type CommandSpan, type CommandSpans, isRefusal } from "./internal/CommandSpan.ts"
import { Counts } from "./internal/Counts.ts"
import * as Gauges from "./internal/Gauges.ts"
import * as ClosingTime from "./internal/ClosingTime.ts"
import * as Deadlines from "./internal/Deadlines.ts"
import * as Dispatcher from "./internal/Dispatcher.ts"
import * as Insides from "./internal/Insides.ts"
import { LiveSettings } from "./internal/LiveSettings.ts"
import * as HistoryWatch from "./internal/HistoryWatch.ts"
import { expiryWords } from "./internal/expiryWords.ts"
import { isHopeless } from "./internal/isHopeless.ts"
import * as Metrics from "./internal/Metrics.ts"
import * as Monotonic from "./internal/Monotonic.ts"
import * as NodeMaker from "./internal/NodeMaker.ts"
import { refusal } from "./internal/refusal.ts"
import * as Replies from "./internal/Replies.ts"
import { runScript } from "./internal/runScript.ts"
import { connectionProblems } from "./internal/settings/connection.ts"
import { TypeId as FollowedTypeId } from "./internal/settings/Followed.ts"
import * as Scan from "./internal/Scan.ts"
import { countProblem, timeProblem } from "./internal/settingProblem.ts"
import { tell } from "./internal/tell.ts"
import * as RedisCommand from "./RedisCommand.ts"
import type { ReplyResult } from "./RedisConnection.ts"
import { Middleware, RedisConnector, type RedisLogin } from "./RedisConnector.ts"
import * as RedisError from "./RedisError.ts"
import type { Happening, RedisEvents } from "./RedisEvents.ts"
import type * as RedisNode from "./internal/node/RedisNode.ts"
import type { RedisScript } from "./RedisScript.ts"
import * as Topologies from "./internal/topology/Topologies.ts"
import type { Topology } from "./internal/topology/Topology.ts"
import type { RedisTopology } from "./RedisTopology.ts"
import type * as RetryPolicy from "./RetryPolicy.ts"
import * as RuntimeSettings from "./RuntimeSettings.ts"

/**
 * Sets how one call is made.
 *
 * **Example** (A read that may be a little old)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { RedisClient, RedisCommand } from "effect-ioredis"
 *
 * const ranking = Effect.gen(function* () {
 *   const redis = yield* RedisClient.RedisClient
 *   const top = RedisCommand.make("ZRANGE", ["ranking", 0, 9, "REV"])
 *   return yield* redis.run(top, { readFrom: "replica" })
 * })
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface CallOptions {
  /** The most that this call may take with its retries. Default: the client's. */
  readonly operationTimeout?: Duration.Input | undefined
  /** `false` makes one attempt only. Default: true. */
  readonly retry?: boolean | undefined
  /**
   * `"ignored"` says that nobody reads the answer. Commands whose effect stays the same but whose
   * answer does not, such as SADD and DEL, may then be sent again.
   */
  readonly answer?: "ignored" | undefined
  /**
   * Sets which server answers. Default: `"master"`. `"replica"` is for commands of kind `read` that
   * may answer something older: a replica of the key's master is asked first, and the master where
   * none is ready, where there is none, or where the replica fails and the read may be tried again.
   * Anything but a read fails with the code `"UNSUPPORTED"`.
   */
  readonly readFrom?: "master" | "replica" | undefined
  /**
   * Sets how long a command that has certainly not left may wait for a connection, for the circuit
   * to close, or for another server to own its key, within `operationTimeout`. Waiting is no retry.
   * What may have been executed waits as well where it may be sent again (see
   * `RedisError.isRetryable`), unless `retry` is `false`.
   * Default: 0, which is no longer than its retries take.
   */
  readonly waitToSend?: Duration.Input | undefined
}

/**
 * The state of a client's circuits, of which each node has one.
 *
 * **Details**
 *
 * It is the state that all of them are in: `"Closed"` where all are, `"Open"` where all are open,
 * `"HalfOpen"` where none is closed and one is probed. `"Partial"` names those that are not closed
 * while others are: calls for their keys are refused, and no others.
 *
 * @category models
 * @since 0.1.0
 */
export type ClientBreakerState =
  | CircuitBreaker.State
  | {
      readonly _tag: "Partial"
      readonly nodes: ReadonlyArray<{ readonly node: string; readonly state: CircuitBreaker.State }>
    }

/**
 * The circuit breakers of a client's nodes, seen as one.
 *
 * @category models
 * @since 0.1.0
 */
export interface ClientBreaker {
  /** The state that the circuits are in now. */
  readonly state: Effect.Effect<ClientBreakerState>
  /** Starts with the current state and emits the new one at each transition. */
  readonly changes: Stream.Stream<ClientBreakerState>
  /** Opens every circuit, unless its policy is `never`. */
  readonly trip: Effect.Effect<void>
  /** Closes every circuit and forgets all failures. */
  readonly reset: Effect.Effect<void>
  /** Opens every circuit until `reset`, whatever its policy; those of new nodes too. */
  readonly isolate: Effect.Effect<void>
}

/**
 * The state of one circuit with its history, in values that are good as JSON.
 *
 * **Details**
 *
 * `failures` are those in a row: while the circuit is not closed, those that opened it, of which a
 * stall is one, and the failed probes since. `openMillis` is for how long it has not been closed. A
 * circuit that only a reset closes, such as an isolated one, has no `retryAfterMillis`.
 *
 * @category models
 * @since 0.1.0
 */
export type CircuitStats =
  | { readonly _tag: "Closed"; readonly failures: number }
  | {
      readonly _tag: "Open"
      readonly failures: number
      readonly openMillis: number
      readonly isolated: boolean
      readonly retryAfterMillis?: number
    }
  | { readonly _tag: "HalfOpen"; readonly failures: number; readonly openMillis: number; readonly probes: number }

/**
 * Tells what an error was, in values that are good as JSON.
 *
 * @category models
 * @since 0.1.0
 */
export interface ErrorStats {
  /** Names the class of the error. */
  readonly _tag: RedisError.RedisCommandError["_tag"]
  /** Names the command that failed; `CONNECT` is a login. */
  readonly command: string
  /** Says whether Redis may have executed it, where the error says so. */
  readonly sent?: "never" | "unknown"
  /** Says why a connection failed. */
  readonly reason?: RedisError.ConnectionFailure
  /** The code of an error reply, perhaps to a login. */
  readonly code?: string
  /** Says what happened, without keys and values. */
  readonly message: string
}

/**
 * Tells how one server of a client fares.
 *
 * @category models
 * @since 0.1.0
 */
export interface NodeStats {
  /** The client's name, and the server's address where there are several. */
  readonly node: string
  /** Says where its connections stand. */
  readonly connection: RedisNode.Status
  /** Counts its connections that are ready. */
  readonly connections: number
  /** Commands that were sent to it and have no reply yet. */
  readonly inFlight: number
  /** The state of its circuit. */
  readonly breaker: CircuitStats
  /** The state of the circuit of what is no read, where the settings give it one. */
  readonly writeBreaker?: CircuitStats
  /** Why a connection to it is missing, while one is. */
  readonly connectError?: ErrorStats
}

/**
 * The settings that a client has in effect, without what is secret. Times are as
 * `Duration.format` writes them.
 *
 * @category models
 * @since 0.1.0
 */
export interface SettingsStats {
  /** Names the profile that the defaults are of, if there is one. */
  readonly profile?: RuntimeSettings.Profile
  /** Says which kind of topology it is. */
  readonly topology: RedisTopology["_tag"]
  /** The addresses of the server, of the sentinels or of the seeds. */
  readonly addresses: ReadonlyArray<string>
  /** Says how it logs in: `"asked"` is an Effect that is asked each time. */
  readonly login: "asked" | { readonly database: number; readonly tls: boolean; readonly password: boolean }
  /** The connections to each server. */
  readonly connections: number
  /** The most commands in flight on a connection. */
  readonly maxInFlight: number
  /** The most connections that are reserved at once. */
  readonly maxReserved: number
  /** The bucket of retries. */
  readonly retryBudget: RetryPolicy.BudgetOptions | false
  /** The settings of each circuit. */
  readonly circuitBreaker: {
    /** Says when it opens. */
    readonly tripPolicy:
      | { readonly _tag: "Consecutive"; readonly failures: number }
      | { readonly _tag: "Rate"; readonly threshold: number; readonly minimumCalls: number; readonly window: number }
      | { readonly _tag: "Never" }
    /** Says how long it stays open. */
    readonly resetTimeout: string
    /** The probes that must succeed to close it. */
    readonly successThreshold: number
    /** The probes that run at the same time. */
    readonly maxProbes: number
    /** The longest that a probe may take. */
    readonly probeTimeout: string
  }
  /** Says whether a new connection makes an open circuit due. */
  readonly probeOnReady: boolean
  /** The longest that an attempt may take. */
  readonly commandTimeout: string
  /** The longest that a call may take with its retries. */
  readonly operationTimeout: string
  /** The longest that a login may take. */
  readonly connectTimeout: string
  /** The longest that closing may take. */
  readonly closeTimeout: string
  /** Says how often a cache asks the server what its data descend from. */
  readonly historyInterval: string
  /** Says whether the layer fails where no connection is ready in time. */
  readonly requireReady: boolean
  /** Says whether single operations are logged from the start on. */
  readonly logOperations: boolean
  /** Says whether what a cache sends has spans. */
  readonly traceCommands: boolean
  /** Says what holds for reads, where that is not what holds for everything else. */
  readonly read?: OperationStats
  /** Says what holds for everything that is no read, where that is something else. */
  readonly write?: OperationStats
  /** Says how the load rule stands, while it is on. */
  readonly load?: LoadStats
}

/**
 * The settings of one kind of operation. Times are as `Duration.format` writes them.
 *
 * @category models
 * @since 0.1.0
 */
export interface OperationStats {
  /** The longest that an attempt may take. */
  readonly commandTimeout: string
  /** The longest that a call may take with its retries. */
  readonly operationTimeout: string
  /** The settings of its circuit, where it has one of its own. */
  readonly circuitBreaker?: SettingsStats["circuitBreaker"]
}

/**
 * Tells how the rule stands that shortens deadlines and sheds retries under load.
 *
 * @category models
 * @since 0.1.0
 */
export interface LoadStats {
  /** Up to so many operations it does nothing. */
  readonly from: number
  /** From so many on it does all that it does. */
  readonly upTo: number
  /** The share of a deadline that stays at the least. */
  readonly shortest: number
  /** Counts the operations in flight, with those that it has cut short and that would still be. */
  readonly demand: number
  /** Says how strongly it acts now, from 0 to 1. */
  readonly level: number
}

/**
 * Tells how a client fares, without asking Redis, in values that are good as JSON.
 *
 * **Details**
 *
 * What is counted is counted since the client was made: two looks at it give a rate.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stats {
  /** Names the client. */
  readonly name: string
  /** Says since when it counts, as ISO 8601 writes it. */
  readonly since: string
  /** Says where its connections stand. */
  readonly connection: RedisNode.Status
  /** Counts the connections that are ready, to servers that own keys. */
  readonly connections: number
  /** Commands that were sent and have no reply yet, those to replicas included. */
  readonly inFlight: number
  /**
   * The state that all circuits are in. `"Partial"` says how many are not closed while others are,
   * which `nodes` names.
   */
  readonly breaker:
    | CircuitStats
    | { readonly _tag: "Partial"; readonly failures: number; readonly openMillis: number; readonly broken: number }
  /** Tells how each server that owns keys fares. */
  readonly nodes: ReadonlyArray<NodeStats>
  /** Counts the operations, each with all of its attempts as one. */
  readonly operations: number
  /** Counts the operations that failed, by the metrics' `error.type`. */
  readonly failures: { readonly [errorType: string]: number }
  /** Counts the attempts after the first. */
  readonly retries: number
  /** Counts the connections that are reserved now, of so many at most. */
  readonly reservations: { readonly inUse: number; readonly limit: number }
  /** The last error that counted as an outage of Redis, and when that was. */
  readonly lastFailure?: ErrorStats & { readonly at: string }
  /** Why a connection is missing, while one is. */
  readonly connectError?: ErrorStats
  /** The settings that are in effect. */
  readonly settings: SettingsStats
}

/**
 * The results of a pipeline: one for each command, in their order.
 *
 * @category utility types
 * @since 0.1.0
 */
export type PipelineResults<Commands extends ReadonlyArray<RedisCommand.RedisCommand>> = {
  readonly [Index in keyof Commands]: Result.Result<RedisCommand.Success<Commands[Index]>, RedisError.RedisCommandError>
}

/**
 * Commands to Redis.
 *
 * @category models
 * @since 0.1.0
 */
export interface RedisClient {
  /** Names this client in its metrics, spans and log lines. */
  readonly name: string
  /**
   * Runs any command. A reply that its decoder does not take is a `RedisOperationError` of code
   * `"REPLY"`.
   *
   * On a cluster, a command that concerns every master is sent to each of them, as Redis' own tips
   * say: DBSIZE is their sum, KEYS all of their keys, and FLUSHALL, SCRIPT LOAD, FUNCTION LOAD,
   * CONFIG SET, PING and their like succeed where all of them do. Keys whose slots move meanwhile
   * may be counted twice or not at all.
   */
  readonly run: <A>(
    command: RedisCommand.RedisCommand<A>,
    options?: CallOptions
  ) => Effect.Effect<A, RedisError.RedisCommandError>
  /**
   * Runs commands back to back and gives a `Result` for each, in their order, losses included. It
   * fails, and nothing is sent, where one of them may not be sent.
   */
  readonly pipeline: <const Commands extends ReadonlyArray<RedisCommand.RedisCommand>>(
    commands: Commands,
    options?: CallOptions
  ) => Effect.Effect<PipelineResults<Commands>, RedisError.RedisOperationError>
  /** The text of a key. For bytes, `run` a command made with `reply: "bytes"`. */
  readonly get: (key: string) => Effect.Effect<Option.Option<string>, RedisError.RedisCommandError>
  /**
   * Sets a key, for ever or for `timeToLive`; an infinite one is for ever. `false` says that the
   * `condition` was not met. With a condition it is sent again only where it never left.
   */
  readonly set: (
    key: string,
    value: RedisCommand.Argument,
    options?: {
      /** Sets how long it lives. Default: for ever. */
      readonly timeToLive?: Duration.Input | undefined
      /** Sets it only if it is absent, or present. */
      readonly condition?: "ifAbsent" | "ifPresent" | undefined
    }
  ) => Effect.Effect<boolean, RedisError.RedisCommandError>
  /** The texts of several keys, in the order of the keys. */
  readonly mget: (
    keys: ReadonlyArray<string>
  ) => Effect.Effect<ReadonlyArray<Option.Option<string>>, RedisError.RedisCommandError>
  /** Deletes keys and counts those that were there. */
  readonly del: (...keys: ReadonlyArray<string>) => Effect.Effect<number, RedisError.RedisCommandError>
  /** Counts the keys that exist. */
  readonly exists: (...keys: ReadonlyArray<string>) => Effect.Effect<number, RedisError.RedisCommandError>
  /**
   * Tells how long a key still lives: `None` for one that does not exist, infinite for one that
   * does not expire.
   */
  readonly ttl: (key: string) => Effect.Effect<Option.Option<Duration.Duration>, RedisError.RedisCommandError>
  /** Lets a key live for `timeToLive` from now on. `false` says that there is none. */
  readonly expire: (key: string, timeToLive: Duration.Input) => Effect.Effect<boolean, RedisError.RedisCommandError>
  /**
   * Adds to a number, 1 by default. A sum beyond 2^53 is there, and fails with the code `"REPLY"`:
   * `run` of a command without a decoder gives a bigint.
   */
  readonly incr: (key: string, by?: number) => Effect.Effect<number, RedisError.RedisCommandError>
  /** Asks whether Redis answers. */
  readonly ping: Effect.Effect<void, RedisError.RedisCommandError>
  /** Gives what INFO says, of one section or of the default ones. */
  readonly info: (section?: string) => Effect.Effect<Readonly<Record<string, string>>, RedisError.RedisCommandError>
  /**
   * The keys that match. A key may come twice. The scan begins anew when its connection is lost or
   * the server may have other data, for a cursor means nothing elsewhere.
   */
  readonly scan: (options?: {
    /** Gives the pattern, as of KEYS. Default: every key. */
    readonly match?: string | undefined
    /** Tells Redis about how many keys to look at in one step. Default: 100. */
    readonly count?: number | undefined
  }) => Stream.Stream<string, RedisError.RedisCommandError>
  /**
   * Makes a function of a script, of what the script declares as its parameters. A call runs it by
   * its hash, and by its source where Redis does not know it.
   */
  readonly eval: <Params, A>(
    script: RedisScript<Params, A>
  ) => (params: Params, options?: CallOptions) => Effect.Effect<A, RedisError.RedisCommandError>
  /** Replaces the connections, with everything in flight on them. */
  readonly reconnect: Effect.Effect<void>
  /** Tells how the client fares now. */
  readonly stats: Effect.Effect<Stats>
  /** The circuit breakers that commands are admitted by, one for each node. */
  readonly breaker: ClientBreaker
  /** What befell it and its servers lately. */
  readonly events: RedisEvents
  /** Serves libraries that build on a client: see `effect-ioredis/dispatch`. */
  readonly [TypeId]: Dispatch
}

/**
 * Service tag for the client.
 *
 * @category services
 * @since 0.1.0
 */
export const RedisClient: Context.Service<RedisClient, RedisClient> =
  Context.Service<RedisClient>("effect-ioredis/RedisClient")

/**
 * Sets where Redis is and how a client behaves.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Names the client in metrics, spans and log lines. Default: `redis`. */
  readonly name?: string | undefined
  /**
   * Chooses the defaults of what is not said here, and of the caches on this client: see
   * `RuntimeSettings.profiles`. Default: those that stand beside each option.
   */
  readonly profile?: RuntimeSettings.Profile | undefined
  /** Sets where the servers are: see `RedisTopology`. Default: one, at localhost, port 6379. */
  readonly topology?: RedisTopology | undefined
  /**
   * Tells who logs in. An Effect is asked at each login, so that passwords may rotate, and again
   * before a login with `expiresIn` expires. Where it fails there is no connection
   * (`reason: "Login"`), and it is asked again with the next attempt. Default: no login, database
   * 0.
   */
  readonly login?: RedisLogin | Effect.Effect<RedisLogin, unknown> | undefined
  /**
   * Sets how many connections to keep. Commands of one key always take the same one. Default: 1,
   * which measured best for small values; a reply of a megabyte holds up those behind it.
   */
  readonly connections?: number | undefined
  /** The most commands in flight on one connection. Default: 10,000. */
  readonly maxInFlight?: number | undefined
  /** The most connections that are reserved at once, see `RedisReservation`. Default: 10. */
  readonly maxReserved?: number | undefined
  /** Sets when to send a command again: see `RetryPolicy`. */
  readonly retry?: RetryPolicy.RetryPolicy | undefined
  /**
   * Sets how the circuit behaves: see `CircuitBreaker`. `false` never refuses a call, unless
   * somebody isolates the circuit by hand.
   */
  readonly circuitBreaker?: Omit<CircuitBreaker.Options, "classify" | "metrics"> | false | undefined
  /** Sets whether a connection that becomes ready makes an open circuit due. Default: true. */
  readonly probeOnReady?: boolean | undefined
  /**
   * Sets how long one attempt may take, and how long a connection may be silent. Default: 2
   * seconds.
   */
  readonly commandTimeout?: Duration.Input | undefined
  /** Sets how long a call may take with its retries. Default: 5 seconds. */
  readonly operationTimeout?: Duration.Input | undefined
  /**
   * Sets how long a login may take as a whole, and how long the layer waits for the first. Default:
   * 2 seconds.
   */
  readonly connectTimeout?: Duration.Input | undefined
  /**
   * Sets how long closing may take, together with the caches on this client. Default: 2 seconds.
   */
  readonly closeTimeout?: Duration.Input | undefined
  /**
   * Sets how often a cache asks the server what its data descend from. Default: 1 second. Raise it
   * for a service that bills by the command: a server that was resynchronised in place is noticed
   * later.
   */
  readonly historyInterval?: Duration.Input | undefined
  /** Sets whether the layer fails where no connection is ready in time. Default: false. */
  readonly requireReady?: boolean | undefined
  /**
   * Writes lines at debug level about single operations, from the start on: see `OperationLog`,
   * which switches them while the program runs. Default: false.
   */
  readonly logOperations?: boolean | undefined
  /**
   * Gives commands that a cache sends a span each, below the span of the cache's own operation.
   * Commands of the program's own have one anyway. Default: false.
   */
  readonly traceCommands?: boolean | undefined
}

/**
 * Makes a client on the `RedisConnector` of the context.
 *
 * **Gotchas**
 *
 * Options with which no command could be sent are a mistake in the program, and so a defect: no
 * connection, nothing in flight, no time to answer in. What comes from outside the program belongs
 * in `Redis.layer` or `RedisConfig`, which fail with a `ConfigError`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  options: Options = {}
): Effect.Effect<RedisClient, RedisError.RedisConnectionError, Scope.Scope | RedisConnector> =>
  Effect.gen(function* () {
    const connector = (yield* Middleware)(yield* RedisConnector)
    return yield* assemble(options).pipe(
      Effect.provideService(RedisConnector, connector),
      // Whatever waits for a connection lives on its clock.
      Effect.provideService(Clock.Clock, connector.clock)
    )
  })

const assemble = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<RedisClient, RedisError.RedisConnectionError, Scope.Scope | RedisConnector> {
  const mistake = mistakeIn(options)
  if (mistake !== undefined) return yield* Effect.die(new RangeError(`RedisClient: ${mistake}`))
  const settings = clientSettings.resolve(options)
  const { connectTimeout, login, maxReserved, name } = settings
  const { followSettings, live } = yield* followingSettings(settings)
  const clock = yield* Clock.Clock
  const context = yield* Effect.context<never>()
  const metrics = Metrics.make(name)
  const counts = new Counts()
  const since = clock.currentTimeMillisUnsafe()
  const closing = ClosingTime.make(settings.closeTimeout, clock)
  const listeners = new Set<(event: NodeEvent) => void>()
  const onDefect = reporter(name, context)
  Metrics.beginAtZero(metrics, context)
  const eventLoopDelay = metrics.eventLoopDelay(context)
  // Calls in flight keep their deadlines while the connections close.
  const deadlines = yield* Deadlines.make(
    () => sum(topology.nodes(), (node) => node.activity()),
    (late) => eventLoopDelay.record(late / 1000)
  )
  const announcements = yield* Announcements.make(live)
  const { commandSpans, events, note, operationLog, outage } = announcements
  const tellAll = (event: NodeEvent): void => {
    announcements.hear(event)
    for (const listener of Array.from(listeners)) tell(listener, event, onDefect)
  }
  const closed = yield* tellClosed(note)
  const circuits = yield* Circuits.make
  const durationsOf = metrics.operationDuration(context)
  const maker = yield* NodeMaker.make({
    ...settings,
    login: live.login(login),
    circuits,
    deadlines,
    live,
    metrics,
    durationsOf,
    record: note,
    onEvent: tellAll
  })
  const topology: Topology = yield* Topologies.make(live, maker, listeners, tellAll)
  const attempts = Attempts.make({
    clock,
    context,
    counts,
    deadlines,
    live,
    metrics,
    onDefect,
    operationLog,
    suspect: () => outage.suspect()
  })
  const { failed, lastFailure } = attempts
  const record = recordOf(counts, topology, durationsOf)
  const dispatcher = Dispatcher.make({
    attempts,
    clock,
    closeWithin: closing.within,
    commandSpans,
    context,
    followSettings,
    listeners,
    live,
    note,
    now: () => Monotonic.millis(clock),
    onDefect,
    operationLog,
    outage,
    record,
    topology,
    watchHistory: yield* HistoryWatch.make(topology, settings.historyInterval)
  })
  const scope = yield* Effect.scope
  Insides.keep(dispatcher, { scope, clock, settings, topology, deadlines, counts, failed, record })
  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      closed(sum(maker.nodes(), (node) => node.sessions().length))
      return closing.within(
        Effect.forEach(maker.nodes(), (node) => node.drain, { concurrency: "unbounded", discard: true })
      )
    })
  )
  yield* Gauges.show(metrics.reservationsInUse, () => counts.reserved)
  yield* Gauges.show(metrics.reservationsLimit, () => maxReserved)
  const sources = { live, since, counts, living: maker.nodes, topology, lastFailure }
  const client: RedisClient = {
    ...commandsOn(name, dispatcher),
    reconnect: Effect.sync(() => {
      for (const node of maker.nodes()) node.reconnect()
    }),
    stats: Effect.sync(() => clientStats(sources)),
    breaker: circuits,
    events,
    [TypeId]: dispatcher
  }
  yield* awaitReady(name, topology, listeners, connectTimeout, options)
  return client
})

// What concerns several servers is of none.
const recordOf =
  (
    counts: Counts,
    topology: Topology,
    durationsOf: ReturnType<Metrics.Metrics["operationDuration"]>
  ): Dispatcher.RecordOperation =>
  (operation, errorType, millis) => {
    counts.add(errorType)
    const durations = topology.slotOf === undefined ? topology.nodeFor(undefined).durations() : durationsOf(undefined)
    durations(operation)(errorType).record(millis / 1000)
  }

// Connections are closed when all that was begun later has ended.
const tellClosed = (note: (happening: Happening) => void) =>
  Effect.gen(function* () {
    let connections = 0
    yield* Effect.addFinalizer(() => Effect.sync(() => note({ _tag: "ConnectionsClosed", connections })))
    return (count: number): void => {
      connections = count
    }
  })

// What holds now of the settings that may change, and who follows them.
const followingSettings = Effect.fnUntraced(function* (settings: clientSettings.ClientSettings) {
  const { topology } = settings
  const followed = Option.getOrUndefined(yield* Effect.serviceOption(RuntimeSettings.RuntimeSettings))?.[FollowedTypeId]
  const problemsOf = ({ connection }: RuntimeSettings.Settings) => connectionProblems(topology, connection)
  const [problem] = problemsOf(followed?.now() ?? {})
  if (problem !== undefined) return yield* Effect.die(new RangeError(`RuntimeSettings: ${problem}`))
  const followSettings: Dispatch["followSettings"] = (apply) => {
    apply(followed?.now() ?? {})
    return followed?.follow({ problems: problemsOf, apply }) ?? (() => {})
  }
  const live = new LiveSettings(settings)
  yield* Effect.acquireRelease(
    Effect.sync(() => followSettings((said) => live.apply(said))),
    Effect.sync
  )
  return { followSettings, live }
})

const mistakeIn = (options: Options): string | undefined => {
  for (const count of ["connections", "maxInFlight", "maxReserved"] as const) {
    const problem = countProblem(count, options[count] ?? 1)
    if (problem !== undefined) return problem
  }
  for (const time of ["commandTimeout", "operationTimeout", "connectTimeout", "historyInterval"] as const) {
    const problem = timeProblem(time, options[time] ?? 1)
    if (problem !== undefined) return problem
  }
  return undefined
}

/**
 * Provides the client on a `RedisConnector`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: {
  (
    options: Options & { readonly requireReady: true }
  ): Layer.Layer<RedisClient, RedisError.RedisConnectionError, RedisConnector>
  (options?: Options & { readonly requireReady?: false | undefined }): Layer.Layer<RedisClient, never, RedisConnector>
  (options: Options): Layer.Layer<RedisClient, RedisError.RedisConnectionError, RedisConnector>
} = (options?: Options) =>
  // Without `requireReady` it cannot fail, which the overloads say and the implementation cannot.
  Layer.effect(RedisClient, make(options)) as Layer.Layer<RedisClient, never, RedisConnector>

type Commands = Omit<RedisClient, "reconnect" | "stats" | "breaker" | "events" | typeof TypeId>

// What a program calls: Effects on the callback side.
const commandsOn = (name: string, dispatcher: Dispatcher.Dispatcher): Commands => {
  const runDecoded = <A>(
    command: RedisCommand.RedisCommand,
    options: SendOptions,
    decode: (reply: RedisCommand.Reply) => Result.Result<A, RedisError.RedisOperationError>
  ): Effect.Effect<A, RedisError.RedisCommandError> => {
    const refused = refusal(command, options.readFrom)
    if (refused !== undefined) return Effect.fail(refused)
    return traced(
      dispatcher.commandSpans,
      command.name,
      (of, done, trace) => dispatcher.sendIn(of, command, options, done, trace),
      decode
    )
  }

  const run: RedisClient["run"] = (command, options) => {
    const settings = options === undefined ? noOptions : sendOptions(options)
    const reply = runDecoded(command, settings, Result.succeed)
    // A decoder that throws is a defect of this call alone.
    return Effect.flatMap(reply, (reply) => Effect.fromResult(Replies.decode(command, reply)))
  }

  const pipeline: RedisClient["pipeline"] = (commands, options = {}) => {
    const refused = commands
      .map((command) => refusal(command, options.readFrom))
      .find((refused) => refused !== undefined)
    if (refused !== undefined) return Effect.fail(refused)
    const label = commands.length === 1 ? (commands[0]?.name ?? "") : "PIPELINE"
    const replies = Effect.orDie(
      traced<ReadonlyArray<ReplyResult>, ReadonlyArray<ReplyResult>>(
        dispatcher.commandSpans,
        label,
        (of, done, trace) =>
          dispatcher.sendAllIn(of, commands, sendOptions(options), (results) => done(Result.succeed(results)), trace),
        Result.succeed
      )
    )
    return Effect.map(replies, (results) => decodeAll(commands, results))
  }

  // Decoders of this library throw at no reply, so that they need no effect of their own.
  const runAs =
    <A>(decoder: RedisCommand.Decoder<A>) =>
    (name: string, args: ReadonlyArray<RedisCommand.Argument>): Effect.Effect<A, RedisError.RedisCommandError> => {
      const command = RedisCommand.make(name, args, { decode: decoder })
      return runDecoded(command, noOptions, (reply) => Replies.decode(command, reply))
    }

  return {
    name,
    run,
    pipeline,
    get: (key) => runAs(Replies.optionalText)("GET", [key]),
    set: (key, value, { condition, timeToLive } = {}) =>
      runAs(Replies.ok)("SET", [
        key,
        value,
        ...expiryWords({ timeToLive }),
        ...(condition === undefined ? [] : [condition === "ifAbsent" ? "NX" : "XX"])
      ]),
    mget: (keys) => (keys.length === 0 ? Effect.succeed([]) : runAs(Replies.optionalTexts(keys.length))("MGET", keys)),
    del: (...keys) => (keys.length === 0 ? Effect.succeed(0) : runAs(Replies.integer)("DEL", keys)),
    exists: (...keys) => (keys.length === 0 ? Effect.succeed(0) : runAs(Replies.integer)("EXISTS", keys)),
    ttl: (key) => runAs(Replies.timeToLive)("PTTL", [key]),
    expire: (key, timeToLive) => {
      const [, life] = expiryWords({ timeToLive })
      // A key that is to live for ever loses its expiry; PERSIST does not say whether it was there.
      return life === undefined
        ? Effect.andThen(run(RedisCommand.make("PERSIST", [key])), runAs(Replies.one)("EXISTS", [key]))
        : runAs(Replies.one)("PEXPIRE", [key, life])
    },
    incr: (key, by = 1) => runAs(Replies.integer)("INCRBY", [key, by]),
    ping: runAs(Replies.ignored)("PING", []),
    info: (section) => runAs(Replies.info)("INFO", section === undefined ? [] : [section]),
    scan: (options) => Scan.stream(dispatcher, options),
    eval: (script) => (params, options) =>
      runScript(
        dispatcher,
        (command, operationTimeout) => run(command, { ...options, operationTimeout }),
        script,
        params,
        options?.operationTimeout
      )
  }
}

const noOptions: SendOptions = {}

// The results stand in the order of their commands, which a tuple's type says and a map cannot.
const decodeAll = <Commands extends ReadonlyArray<RedisCommand.RedisCommand>>(
  commands: Commands,
  results: ReadonlyArray<ReplyResult>
): PipelineResults<Commands> =>
  results.map((result, index) => {
    const command = commands[index]
    return Result.isFailure(result) || command === undefined ? result : Replies.decode(command, result.success)
  }) as PipelineResults<Commands>

const sendOptions = ({ answer, operationTimeout, readFrom, retry, waitToSend }: CallOptions): SendOptions => ({
  timeout: operationTimeout === undefined ? undefined : Duration.toMillis(operationTimeout),
  retry,
  answer,
  readFrom,
  waitToSend: waitToSend === undefined ? undefined : Duration.toMillis(waitToSend)
})

// Waits until all keys can be reached, or until waiting is of no use, then says what is missing.
const awaitReady = Effect.fnUntraced(function* (
  name: string,
  topology: Topology,
  listeners: Set<(event: NodeEvent) => void>,
  connectTimeout: number,
  { requireReady }: Options
): Effect.fn.Return<void, RedisError.RedisConnectionError> {
  const isOver = () =>
    topology.isReady() ||
    isHopeless(topology.problem()) ||
    topology.nodes().every((node) => !node.isReady() && isHopeless(node.lastError()))
  const toldByNode = Effect.callback<void>((resume) => {
    const check = () => {
      if (isOver()) resume(Effect.void)
    }
    check()
    listeners.add(check)
    return Effect.sync(() => listeners.delete(check))
  })
  const toldByTopology = Effect.repeat(topology.changed, { until: isOver })
  yield* Effect.timeoutOption(Effect.raceFirst(toldByNode, toldByTopology), connectTimeout)
  if (topology.isReady()) return
  const failure = connectErrorOf(topology) ?? RedisError.connectionError("CONNECT", "Timeout", "never")
  if (requireReady === true) return yield* failure
  yield* Effect.logWarning("Redis is not ready: starting without it and going on trying").pipe(
    Effect.annotateLogs({ name, reason: failure.reason, error: failure.message })
  )
})

const reporter =
  (name: string, context: Context.Context<never>) =>
  (defect: unknown): void => {
    Effect.runForkWith(context)(
      Effect.logError("A callback given to the Redis client threw", Cause.die(defect)).pipe(
        Effect.annotateLogs({ name })
      )
    )
  }

// A span costs more than the rest of a call, so it is made only where a tracer is installed.
// `decode` throws at no reply, so that it needs no effect of its own.
const traced = <A, B>(
  spans: CommandSpans,
  name: string,
  start: (of: Context.Context<never>, done: Done<A>, trace: CommandSpan | undefined) => Cancel,
  decode: (value: A) => Result.Result<B, RedisError.RedisOperationError>
): Effect.Effect<B, RedisError.RedisCommandError> =>
  Effect.withFiber((fiber) => {
    const call = (trace: CommandSpan | undefined) =>
      Effect.callback<B, RedisError.RedisCommandError>((resume) => {
        const cancel = start(
          fiber.context,
          (result) => {
            if (Result.isFailure(result)) return resume(Exit.fail(result.failure))
            const decoded = decode(result.success)
            resume(Result.isSuccess(decoded) ? Exit.succeed(decoded.success) : Exit.fail(decoded.failure))
          },
          trace
        )
        return Effect.sync(cancel)
      })
    return fiber.getRef(Tracer.Tracer) === Tracer.nativeTracer ? call(undefined) : inSpan(spans, name, call)
  })

// A refusal by the circuit is no error of the command, which was not sent: its span has an event.
// What a command answers is nobody's who looks at spans.
const inSpan = <A>(
  spans: CommandSpans,
  name: string,
  call: (trace: CommandSpan) => Effect.Effect<A, RedisError.RedisCommandError>
): Effect.Effect<A, RedisError.RedisCommandError> =>
  Effect.useSpan(name, { kind: "client", attributes: spans.attributes(name) }, (span) =>
    call(spans.of(span)).pipe(
      Effect.tap(() => spans.end(span)),
      Effect.tapError((error) => (isRefusal(error) ? spans.end(span) : Effect.void)),
      Effect.withParentSpan(span)
    )
  )
