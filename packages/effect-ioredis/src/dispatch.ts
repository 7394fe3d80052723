/**
 * Gives a cache what it needs of a client beyond Effects: commands with callbacks, and what
 * becomes of each sending of a command.
 *
 * **When to use**
 *
 * Use to build a library on a `RedisClient` that cannot afford a fiber for each call, or that must
 * know whether a command may still be executed. Programs use `RedisClient`.
 *
 * **Example** (Counting without a fiber, and knowing what became of each sending)
 *
 * ```ts
 * import { Context, Metric } from "effect"
 * import { type RedisClient, RedisCommand } from "effect-ioredis"
 * import * as Dispatch from "effect-ioredis/dispatch"
 *
 * let doubts = 0
 *
 * const following: Dispatch.Sending = {
 *   begin: (session) => session.isOpen(),
 *   end: (_, end) => {
 *     if (end._tag === "Doubtful") doubts++
 *   }
 * }
 *
 * const count = (client: RedisClient.RedisClient, done: Dispatch.Done<RedisCommand.Reply>) =>
 *   Dispatch.of(client).send(RedisCommand.make("INCR", ["visits"]), { sending: following }, done)
 *
 * const show = Dispatch.showGauge(Metric.gauge("doubts"), () => doubts)
 *
 * const sendings: Dispatch.Tally = Dispatch.tallyOf(Metric.counter("sendings"), Context.empty())
 * sendings.count++
 *
 * const options = { boundaries: [0.001, 0.01, 0.1] }
 * const waits: Dispatch.Distribution = Dispatch.distributionOf("waits", options, Context.empty())
 * waits.record(0.005)
 * ```
 *
 * @since 0.1.0
 */
import type { Clock, Context, Effect, Result, Scope, Tracer } from "effect"
import type { RedisClient } from "./RedisClient.ts"
import type * as RedisCommand from "./RedisCommand.ts"
import type { RedisConnection } from "./RedisConnection.ts"
import type * as RedisError from "./RedisError.ts"
import type { Happening } from "./RedisEvents.ts"
import type { OutageCause } from "./RedisHealth.ts"
import type { Settings } from "./RuntimeSettings.ts"

/**
 * Describes what a server's data descend from, as far as its user may ask.
 *
 * @category models
 * @since 0.1.0
 */
export interface RedisHistory {
  /**
   * Changes when the server process is started anew, or another database of it is used: it names
   * both, and database 0 not at all.
   */
  readonly runId: string | undefined
  /** Says whether it takes writes. */
  readonly role: "master" | "replica" | undefined
  /** Names the replication id of its data. */
  readonly replid: string | undefined
  /** Names the replication id that they had before the last promotion. */
  readonly replid2: string | undefined
}

/**
 * One login of a node, for as long as its connection lives. Sessions are compared by identity.
 *
 * @category models
 * @since 0.1.0
 */
export interface Session {
  /** Says which server it is on. */
  readonly node: Node
  /** The CLIENT ID, or `undefined` where the user may not ask. */
  readonly id: number | undefined
  /** That of the history when the session began, or `undefined` where the user may not ask. */
  readonly runId: string | undefined
  /** Tells whether the connection is still open. */
  readonly isOpen: () => boolean
}

/**
 * One more login of a node, which nothing else uses: to subscribe on, or to be tracked for.
 *
 * **Details**
 *
 * It is connected once. Whoever made it hears of its loss by `connection.onLoss`, and makes another
 * one if there shall be one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Link {
  /** Carries its commands. */
  readonly connection: RedisConnection
  /** The CLIENT ID, or `undefined` where the user may not ask. */
  readonly id: number | undefined
  /** That of the history when it was made, or `undefined` where the user may not ask. */
  readonly runId: string | undefined
}

/**
 * Tells operations apart that settings may treat differently: what only reads, and everything else.
 *
 * @category models
 * @since 0.1.0
 */
export type OperationKind = "read" | "write"

/**
 * One server of the client, as a cache sees it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Node {
  /**
   * The client's name and the server's address. It identifies the node: one that has left and come
   * back is a new object of the same name.
   */
  readonly name: string
  /** Tells whether at least one connection is ready. */
  readonly isReady: () => boolean
  /**
   * Tells when the circuit breaker refuses a command of a kind that is asked for now, by default a
   * read: in milliseconds of the monotonic time of `Dispatch.clock`. It is `undefined` where the
   * circuit lets it through. It counts the refusal and takes no permit. The circuit has looked at
   * the clock, so that whoever answers in the place of Redis need not: a look takes 6 % of such a
   * write.
   */
  readonly refusedAt: (kind?: OperationKind) => number | undefined
  /** Tells whether the circuit of a kind is closed; by default, whether all are. */
  readonly isClosed: (kind?: OperationKind) => boolean
  /** Tells whether the circuit was isolated by hand. */
  readonly isIsolated: () => boolean
  /** Lets an open circuit be probed now. */
  readonly makeDue: () => void
  /**
   * In how many milliseconds a command of a kind may be sent, by default a read: 0 where the
   * circuit is closed or due, infinite where only an event decides.
   */
  readonly dueIn: (kind?: OperationKind) => number
  /**
   * Tells in a sentence what last counted as an outage of this server: what the last login failed
   * with, while a connection is missing, or else a command.
   */
  readonly lastFailure: () => string | undefined
  /** Tells the same in a word. */
  readonly lastCause: () => OutageCause | undefined
  /** Sessions whose connections are open now. */
  readonly sessions: () => ReadonlyArray<Session>
  /** The session that a key's commands would be sent in now, if any is ready. */
  readonly sessionFor: (key: string) => Session | undefined
  /**
   * Tells what the server's data descend from, as last asked; `undefined` before the first session.
   */
  readonly history: () => RedisHistory | undefined
  /** A number that grows with each change of history that may have lost data. */
  readonly generation: () => number
  /** Redis' time in milliseconds; the client's own clock where the user may not ask TIME. */
  readonly time: () => number
  /** Asks for the server's time anew, for clocks drift apart. */
  readonly refreshTime: Effect.Effect<void>
  /**
   * The ranges of slots that it owns now, bounds included. There are none where one server owns
   * every key, and where it owns nothing or nothing is known of it yet.
   */
  readonly slots: () => ReadonlyArray<readonly [from: number, to: number]>
  /**
   * Logs in once more beside the node's own sessions, and keeps that connection for the caller.
   *
   * **Details**
   *
   * It waits for its turn among the logins of the node and uses the node's address and login of
   * that moment. While the node has no session it fails at once with what the last login failed
   * with. It ends with its scope, with the client or the node, and when the node leaves an address
   * or replaces its connections. A node that owns nothing goes on as long as something is heard or
   * awaited on it.
   *
   * **Gotchas**
   *
   * It counts neither for nor against the node's circuit breaker, its stall rule and its readiness:
   * whoever uses it must find out for himself that it is silent.
   */
  readonly connect: Effect.Effect<Link, RedisError.RedisConnectionError, Scope.Scope>
}

/**
 * Lists what a listener is told. Events of one node come in the order in which they happened.
 *
 * **Details**
 *
 * - `HistoryChanged` comes before anything is sent in the session that showed it.
 * - `SlotsMoved` says that `node` owns these slots from now on, and comes before any of their keys'
 *   commands is sent to it. `nodeOf` and `nodes` say so already. The first owner of a slot is told
 *   likewise.
 * - `NodeRemoved` comes when a node is none of the client's any more. Its open sessions are lost.
 *
 * @category models
 * @since 0.1.0
 */
export type NodeEvent =
  | { readonly _tag: "SessionReady"; readonly node: Node; readonly session: Session }
  | {
      readonly _tag: "SessionLost"
      readonly node: Node
      readonly session: Session
      readonly error: RedisError.RedisConnectionError
    }
  | { readonly _tag: "ConnectFailed"; readonly node: Node; readonly error: RedisError.RedisConnectionError }
  | { readonly _tag: "HistoryChanged"; readonly node: Node }
  | { readonly _tag: "CircuitClosed"; readonly node: Node }
  | { readonly _tag: "SlotsMoved"; readonly slots: ReadonlySet<number>; readonly node: Node }
  | { readonly _tag: "NodeRemoved"; readonly node: Node }

/**
 * Tells how one sending of a command ended.
 *
 * **Details**
 *
 * - `Confirmed`: Redis executed it; `result` is its reply, or the error reply of a script, of which
 *   a part may have run.
 * - `Refused`: it was certainly not executed.
 * - `Doubtful`: it may still be executed in its session, which is lost.
 *
 * @category models
 * @since 0.1.0
 */
export type SendingEnd =
  | { readonly _tag: "Confirmed"; readonly result: Result.Result<RedisCommand.Reply, RedisError.RedisOperationError> }
  | { readonly _tag: "Refused"; readonly error: RedisError.RedisCommandError }
  | { readonly _tag: "Doubtful"; readonly error: RedisError.RedisCommandError }

/**
 * Follows the sendings of one command. A retry is another sending: `begin` and `end` again.
 *
 * **Details**
 *
 * `begin` is called before the bytes of the command may leave and returns whether it may be sent. A
 * command that is called off fails with a `RedisOperationError` of code `"SUPERSEDED"`. After a
 * `begin` that returned true, `end` is called exactly once, however long that takes: at the reply,
 * or when the connection is lost. It does not matter to it whether anybody still waits for the
 * call. `end` is told before the call's `done`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Sending {
  /** Is called before the bytes may leave. It returns false to call the command off. */
  readonly begin: (session: Session) => boolean
  /** Is called exactly once after a `begin` that returned true. */
  readonly end: (session: Session, end: SendingEnd) => void
}

/**
 * Sets how a command is sent.
 *
 * @category models
 * @since 0.1.0
 */
export interface SendOptions {
  /**
   * The most that the call may take with its retries, in milliseconds. Default: the client's
   * `operationTimeout`.
   */
  readonly timeout?: number | undefined
  /** Default: true. */
  readonly retry?: boolean | undefined
  /** The session that must carry it; the call fails with `sent: "never"` when that is lost. */
  readonly session?: Session | undefined
  /** The node that must be asked, whoever owns the keys. Default: their owner. */
  readonly node?: Node | undefined
  /** Says whom to ask first; a replica may be asked for reads alone. Default: the master. */
  readonly readFrom?: "master" | "replica" | undefined
  /** Says that nobody reads the answer, so that idempotent commands may be sent again. */
  readonly answer?: "ignored" | undefined
  /**
   * Sets how long a command that has certainly not left, or that may be sent again, may wait for a
   * connection or for the circuit to close, in milliseconds. Default: 0.
   */
  readonly waitToSend?: number | undefined
  /** Follows each sending. */
  readonly sending?: Sending | undefined
}

/**
 * Is told once what came of a call.
 *
 * @category models
 * @since 0.1.0
 */
export type Done<A> = (result: Result.Result<A, RedisError.RedisCommandError>) => void

/**
 * Is called when nobody waits for a call any more: `done` is not told after that. It recalls
 * nothing.
 *
 * @category models
 * @since 0.1.0
 */
export type Cancel = () => void

/**
 * Commands with callbacks.
 *
 * @category models
 * @since 0.1.0
 */
export interface Dispatch {
  /** The clock that its waits live on: for sockets the live one, which no `TestClock` moves. */
  readonly clock: Clock.Clock
  /** How many milliseconds a command may take with its retries where its caller says nothing. */
  readonly operationTimeout: (kind: RedisCommand.CommandKind) => number
  /** The servers that own keys now. */
  readonly nodes: () => ReadonlyArray<Node>
  /** The server that owns a key. */
  readonly nodeOf: (key: string) => Node
  /** The slot of a key, from 0 to 16383; `undefined` where one server owns every key. */
  readonly slotOf: ((key: string) => number) | undefined
  /** Asks who owns which slots now, and tells whether somebody has answered. */
  readonly refresh: Effect.Effect<boolean>
  /** Tells of events until the returned function is called. */
  readonly listen: (listener: (event: NodeEvent) => void) => () => void
  /** Sends one command. Its arguments are not checked. */
  readonly send: (command: RedisCommand.RedisCommand, options: SendOptions, done: Done<RedisCommand.Reply>) => Cancel
  /**
   * Sends commands back to back and gives a result for each, losses included. `sendings` follows
   * them by index, in the place of `options.sending`.
   */
  readonly sendAll: (
    commands: ReadonlyArray<RedisCommand.RedisCommand>,
    options: SendOptions & { readonly sendings?: ReadonlyArray<Sending | undefined> | undefined },
    done: (results: ReadonlyArray<Result.Result<RedisCommand.Reply, RedisError.RedisCommandError>>) => void
  ) => Cancel
  /**
   * Reads one string as bytes. The reads of one tick are sent together. `bytes` is about how long
   * the value will be: a long one does not hold up others. With `first` only so many bytes of it
   * are read, of which a key that is not there has none. A `sending` follows what is not sent
   * together with others.
   */
  readonly get: (
    key: string,
    read: Pick<SendOptions, "sending" | "timeout"> & { readonly bytes: number; readonly first?: number | undefined },
    done: Done<RedisCommand.Reply>
  ) => Cancel
  /**
   * Tells of the settings that may change while the program runs, at once and at each change until
   * the returned function is called. Where no `RuntimeSettings` were given it tells of none.
   */
  readonly followSettings: (follow: (settings: Settings) => void) => () => void
  /** Asks each node for its history every second, for as long as the scope is open. */
  readonly watchHistory: Effect.Effect<void, never, Scope.Scope>
  /**
   * Runs the last work of whatever closes before the client, for at most what is left of the
   * client's `closeTimeout`: the client and all that stands on it share it. `false` says that the
   * time ran out.
   */
  readonly closeWithin: (work: Effect.Effect<unknown>) => Effect.Effect<boolean>
  /** Takes in what has happened just now, for the client's `events`. */
  readonly note: (happening: Happening) => void
  /**
   * What is told of an outage. Whoever stands on the client adds what he counts, until what `add`
   * returns is called.
   */
  readonly outage: OutageCounts
  /**
   * The lines of single operations. Whoever has something to say asks `isOn` first. See
   * `OperationLog`.
   */
  readonly operationLog: OperationLines
  /** The spans on whose behalf commands are sent. */
  readonly commandSpans: SpanOwners
}

/**
 * Lists what those who stand on a client count, for what is told of an outage. Each number only
 * grows, but for `waiting`.
 *
 * @category models
 * @since 0.1.0
 */
export interface OutageNumbers {
  /** Counts reads that something else than Redis has answered with a value. */
  readonly answers: number
  /** Counts lookups that have ended. */
  readonly lookups: number
  /** Counts writes that Redis did not confirm at once. */
  readonly deferred: number
  /** Counts writes that Redis was told of later. */
  readonly replayed: number
  /** Counts writes that Redis will not be told of. */
  readonly lost: number
  /** Says how many writes wait for Redis to be told of them. */
  readonly waiting: number
}

/**
 * Adds up what everyone counts who stands on a client. What is told of an outage is the difference.
 *
 * @category models
 * @since 0.1.0
 */
export interface OutageCounts {
  /** Takes in whoever counts, until what it returns is called. What he has counted stays. */
  readonly add: (source: () => Partial<OutageNumbers>) => () => void
  /** What has been counted by now. */
  readonly now: () => OutageNumbers
  /** What had been counted when the first command failed since `trust`, or by now. */
  readonly before: () => OutageNumbers
  /** Says that Redis answers: what failed before is no beginning of an outage. */
  readonly trust: () => void
}

/**
 * Writes lines at debug level about single operations, where somebody has switched them on.
 *
 * @category models
 * @since 0.1.0
 */
export interface OperationLines {
  /** Says whether lines are written. Whoever has one to write asks before he makes its fields. */
  isOn: boolean
  /**
   * Writes a line. A field that is `undefined` is left out. Without a context the loggers are those
   * of the client.
   */
  readonly write: (message: string, fields: Readonly<Record<string, unknown>>, context?: Context.Context<never>) => void
}

/**
 * The spans on whose behalf commands are sent. They are told as events when a command is tried
 * again or is refused by the circuit.
 *
 * @category models
 * @since 0.1.0
 */
export interface SpanOwners {
  /** Says whether a command that is sent on behalf of a span has one itself, below it. */
  isOn: boolean
  /** Says that what is sent in a span from now on is sent on its behalf. */
  readonly own: (span: Tracer.Span) => void
}

/**
 * The key that a `RedisClient` keeps its dispatch under.
 *
 * **Example** (A client with another dispatch, for a test)
 *
 * ```ts
 * import type { RedisClient } from "effect-ioredis"
 * import * as Dispatch from "effect-ioredis/dispatch"
 *
 * const withDispatch = (client: RedisClient.RedisClient, dispatch: Dispatch.Dispatch) => ({
 *   ...client,
 *   [Dispatch.TypeId]: dispatch
 * })
 * ```
 *
 * @category symbols
 * @since 0.1.0
 */
export const TypeId: unique symbol = Symbol.for("effect-ioredis/dispatch")

/**
 * The dispatch of a client.
 *
 * @category accessors
 * @since 0.1.0
 */
export const of = (client: RedisClient): Dispatch => client[TypeId]

/**
 * Shows a gauge for as long as the scope is open, summed over everyone who shows it. It is asked
 * for when it is read.
 *
 * @category metrics
 * @since 0.1.0
 */
export { show as showGauge } from "./internal/Gauges.ts"

/**
 * Shows a gauge until what it returns is called, for those who have no scope at hand.
 *
 * **Example** (A gauge that ends with what it shows)
 *
 * ```ts
 * import { Context, Metric } from "effect"
 * import * as Dispatch from "effect-ioredis/dispatch"
 *
 * const waiting = new Set<string>()
 * const end = Dispatch.beginGauge(Metric.gauge("waiting"), () => waiting.size, Context.empty())
 * end()
 * ```
 *
 * @category metrics
 * @since 0.1.0
 */
export { begin as beginGauge } from "./internal/Gauges.ts"

/**
 * The tally of a counter, for counts in a path that is too hot for a metric's update.
 *
 * @category metrics
 * @since 0.1.0
 */
export { type Tally, tallyOf } from "./internal/Tally.ts"

/**
 * The values of a histogram, for values in a path that is too hot for a metric's update.
 *
 * @category metrics
 * @since 0.1.0
 */
export { type Distribution, distributionOf } from "./internal/Distribution.ts"

/**
 * Defines a metric by its OpenTelemetry id, its unit and its kind, and gives what makes its series.
 *
 * **Example** (A gauge in bytes, which Prometheus calls `queue_size_bytes`)
 *
 * ```ts
 * import { Effect, Metric } from "effect"
 * import * as Dispatch from "effect-ioredis/dispatch"
 *
 * const queueSize = Dispatch.defineMetric({
 *   id: "queue.size",
 *   kind: "gauge",
 *   unit: "By",
 *   description: "What waits to be sent",
 *   attributes: ["queue.name"]
 * })
 *
 * const program = Effect.gen(function* () {
 *   yield* Metric.update(queueSize({ "queue.name": "mails" }), 42)
 *   return Dispatch.definedMetrics().map(({ id }) => id)
 * })
 * ```
 *
 * @category metrics
 * @since 0.1.0
 */
export {
  type AttributesOf,
  defineMetric,
  definedMetrics,
  type MetricDefinition,
  type MetricKind,
  type SeriesOf
} from "./internal/defineMetric.ts"

/**
 * Builds one of something, such as a series of a metric, for each label, and keeps it. Beyond
 * `limit` labels all others have that of `other`, so that labels which others make up cost no
 * memory.
 *
 * **Example** (A count for each kind of message, of a hundred at most)
 *
 * ```ts
 * import { Context, Metric } from "effect"
 * import * as Dispatch from "effect-ioredis/dispatch"
 *
 * const messages = Dispatch.oncePerLabel(100, (kind) =>
 *   Dispatch.tallyOf(Metric.counter("messages", { attributes: { kind } }), Context.empty())
 * )
 * messages("greeting").count++
 *
 * messages("greeting").count // => 1
 * ```
 *
 * @category metrics
 * @since 0.1.0
 */
export { once as oncePerLabel } from "./internal/Labels.ts"

/**
 * Makes the lines of single operations, for a library that stands on no client.
 *
 * **Example** (Lines of one's own)
 *
 * ```ts
 * import { Context } from "effect"
 * import * as Dispatch from "effect-ioredis/dispatch"
 *
 * const context = Context.empty()
 * const lines: Dispatch.OperationLines = Dispatch.makeOperationLines(false, "queue", context)
 *
 * if (lines.isOn) lines.write("Queue read", { operation: "take", duration_ms: 3 })
 * ```
 *
 * @category logging
 * @since 0.1.0
 */
export { makeOperationLines } from "./internal/OperationLog.ts"

/**
 * Says in one line what a schema expected and where, without the value that did not fit.
 *
 * **Example** (An error that may be logged)
 *
 * ```ts
 * import { Result, Schema } from "effect"
 * import { describeIssue } from "effect-ioredis/dispatch"
 *
 * const decode = Schema.decodeUnknownResult(Schema.Struct({ pin: Schema.String }))
 * const decoded = Result.mapError(decode({ pin: 42 }), ({ issue }) => describeIssue(issue))
 *
 * decoded // => Result.fail('expected string at ["pin"]')
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export { describeIssue } from "./internal/describeIssue.ts"

/**
 * Dies where Effect is of another minor version than 4.1, with a message that says what to install.
 * It is for entries that stand on Effect's unstable modules, which each minor version may change.
 *
 * **Example** (An entry of a package that needs 4.1)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { requireEffect } from "effect-ioredis/dispatch"
 *
 * const layer = Layer.unwrap(Effect.as(requireEffect("my-package/persistence"), Layer.empty))
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export { requireEffect } from "./internal/persistence/effectVersion.ts"
