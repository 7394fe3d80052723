/**
 * What befell a client and its servers: connections, circuits, outages, settings, and changes of a
 * cluster.
 *
 * **When to use**
 *
 * Use to answer, while something is wrong or after it, what happened when: on a page of your own,
 * in a report of a fault, or in a test. Metrics say how much, the log says it to people.
 *
 * **Details**
 *
 * A client keeps its last 200 events. A login that fails again for the same reason is none, nor is
 * what a circuit goes through that is probed again and stays open, so that a long outage does not
 * push out how it began. No event holds a key, a value or a secret.
 *
 * **Example** (What happened lately, as JSON)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { RedisClient, RedisEvents } from "effect-ioredis"
 *
 * const encode = Schema.encodeUnknownEffect(Schema.Array(RedisEvents.RedisEvent))
 *
 * const report = Effect.gen(function* () {
 *   const redis = yield* RedisClient.RedisClient
 *   return yield* encode(yield* redis.events.last)
 * })
 * ```
 *
 * **Example** (Whoever wants to know of outages)
 *
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { RedisClient } from "effect-ioredis"
 *
 * const watch = Effect.gen(function* () {
 *   const { events } = yield* RedisClient.RedisClient
 *   yield* Stream.runForEach(events.all, (event) =>
 *     event._tag === "OutageEnded"
 *       ? Effect.log(`${event.lookups} lookups took the place of Redis`)
 *       : Effect.void
 *   )
 * })
 * ```
 *
 * @since 0.1.0
 */
import { type Effect, Schema, type Stream } from "effect"

const at = Schema.DateTimeUtcFromString

const circuit = Schema.Literals(["Closed", "Open", "HalfOpen"])

/**
 * Lists what may happen to a client.
 *
 * **Details**
 *
 * - `NodeAdded`, `NodeRemoved`: a server is one of the client's, with so many connections, or is
 *   none any more.
 * - `ConnectionReady`, `ConnectionLost`, `ConnectionFailed`: what became of a connection. `reason`
 *   is a word for programs, `message` a sentence for people.
 * - `CircuitChanged`: `failures` are those in a row that the circuit had seen by then.
 * - `HistoryChanged`: a server may have other data than before.
 * - `SlotsMoved`: a server owns so many slots more.
 * - `OutageBegan`, `OutageEnded`: what the log lines of an outage say. `answers` came from memory,
 *   `lookups` ran, writes were `deferred`, `replayed` and `lost`.
 * - `SettingsChanged`: the names of what the program's `RuntimeSettings` say differently.
 * - `ConnectionsClosed`: the client has closed so many connections with its scope.
 *
 * @category models
 * @since 0.1.0
 */
export const RedisEvent = Schema.TaggedUnion({
  NodeAdded: { at, node: Schema.String, connections: Schema.Int },
  NodeRemoved: { at, node: Schema.String },
  ConnectionReady: { at, node: Schema.String },
  ConnectionLost: { at, node: Schema.String, reason: Schema.String, message: Schema.String },
  ConnectionFailed: { at, node: Schema.String, reason: Schema.String, message: Schema.String },
  CircuitChanged: { at, node: Schema.String, from: circuit, to: circuit, failures: Schema.Int },
  HistoryChanged: { at, node: Schema.String },
  SlotsMoved: { at, node: Schema.String, slots: Schema.Int },
  OutageBegan: { at, nodes: Schema.Array(Schema.String), cause: Schema.String, reason: Schema.String },
  OutageEnded: {
    at,
    nodes: Schema.Array(Schema.String),
    downMillis: Schema.Number,
    answers: Schema.Int,
    lookups: Schema.Int,
    deferred: Schema.Int,
    replayed: Schema.Int,
    lost: Schema.Int
  },
  SettingsChanged: { at, settings: Schema.Array(Schema.String) },
  ConnectionsClosed: { at, connections: Schema.Int }
})

/**
 * Something that happened to a client.
 *
 * @category models
 * @since 0.1.0
 */
export type RedisEvent = typeof RedisEvent.Type

/**
 * An event before anybody has said when it was.
 *
 * @category models
 * @since 0.1.0
 */
export type Happening = RedisEvent extends infer Event ? (Event extends RedisEvent ? Omit<Event, "at"> : never) : never

/**
 * The events of one client.
 *
 * @category models
 * @since 0.1.0
 */
export interface RedisEvents {
  /** The last 200 events, the oldest first. */
  readonly last: Effect.Effect<ReadonlyArray<RedisEvent>>
  /**
   * Starts with the last 200 events and emits each new one. Whoever takes them too slowly misses
   * the oldest. It ends with the client.
   */
  readonly all: Stream.Stream<RedisEvent>
}
