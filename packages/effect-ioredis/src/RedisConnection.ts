/**
 * One login on one socket, from connect to loss.
 *
 * **Details**
 *
 * A connection never reconnects, never sends a command again and has no deadline of its own. Once
 * it is lost it stays lost, and the client makes another one.
 *
 * @since 0.1.0
 */
import { Effect, type Result } from "effect"
import type { RedisCommand, Reply } from "./RedisCommand.ts"
import type { RedisCommandError, RedisConnectionError } from "./RedisError.ts"

/**
 * Describes what came of one command on one connection.
 *
 * @category models
 * @since 0.1.0
 */
export type ReplyResult = Result.Result<Reply, RedisCommandError>

/**
 * Describes what a subscribed connection is sent that answers no command.
 *
 * **Details**
 *
 * - `["message", channel, payload]`, and `"smessage"` of a shard channel.
 * - `["pmessage", pattern, channel, payload]` for who has subscribed to a pattern.
 * - `["sunsubscribe", channel, count]` when a shard channel's slot has left the server.
 *
 * Kinds, patterns and channels are text, a payload is bytes. On `__redis__:invalidate` the payload
 * is an array of keys as bytes, or `null`: everything may have changed.
 *
 * @category models
 * @since 0.1.0
 */
export type Push = ReadonlyArray<Reply>

/**
 * Submits commands and tells what came of them.
 *
 * **Details**
 *
 * The functions are synchronous, so that a command costs no fiber. Replies come in the order of the
 * commands. Nothing that a server sends and nothing that a callback throws gets past the adapter:
 * a reply that cannot be taken (too large, not of the protocol, one that nobody asked for) ends the
 * connection, and a throwing callback is reported and harms nobody else.
 *
 * A connection may subscribe, as nobody else uses it then. SUBSCRIBE, PSUBSCRIBE and SSUBSCRIBE and
 * what ends them are answered once for each channel: the last answer is the command's reply. While
 * it is subscribed it takes only these and PING, which is answered by an array.
 *
 * @category models
 * @since 0.1.0
 */
export interface RedisConnection {
  /**
   * Sends a command once and calls `onReply` exactly once, never before `submit` has returned.
   *
   * After the loss it fails with `sent: "never"`. When the connection is lost, every command in
   * flight fails with `sent: "unknown"` and the very same `cause`, in the order of sending, and
   * `onLoss` listeners are told after that. `isOpen` is already false in all of these callbacks.
   */
  readonly submit: (command: RedisCommand, onReply: (result: ReplyResult) => void) => void
  /** Tells whether commands can still be submitted. */
  readonly isOpen: () => boolean
  /** Commands that were submitted and whose reply has not come. */
  readonly inFlight: () => number
  /** A number that grows whenever bytes arrive, so that silence can be told from slowness. */
  readonly activity: () => number
  /**
   * Calls the listener once, when the connection is lost; at once if it is already. Returns what
   * ends it.
   */
  readonly onLoss: (listener: (error: RedisConnectionError) => void) => () => void
  /**
   * Calls the listener for each push, in the order in which pushes and replies arrive, until the
   * returned function is called. After the loss nothing is told.
   *
   * A connection that has never subscribed is sent none: there, what answers no command ends it.
   */
  readonly onPush: (listener: (push: Push) => void) => () => void
  /**
   * Waits for the replies of what is in flight, or for the loss. The simulation does not wait, for
   * nobody moves its time while a program closes.
   */
  readonly drain: Effect.Effect<void>
  /** Ends the connection at once. Commands in flight fail with the reason and cause of `error`. */
  readonly destroy: (error: RedisConnectionError) => void
}

/**
 * Sends one command as an Effect.
 *
 * **Gotchas**
 *
 * Interrupting it stops the waiting. The command cannot be recalled.
 *
 * @category combinators
 * @since 0.1.0
 */
export const send = (self: RedisConnection, command: RedisCommand): Effect.Effect<Reply, RedisCommandError> =>
  Effect.callback((resume) => self.submit(command, (result) => resume(Effect.fromResult(result))))
