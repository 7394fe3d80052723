/**
 * The only port of this library: "send this command once, tell me what came of it".
 *
 * **Details**
 *
 * Everything that makes Redis bearable (admission, deadlines, retries, metrics) stands above this port and is written once. It is
 * implemented by `IoredisConnection` on a real server and by `SimulatedRedis` in virtual time; one suite of tests holds both to it:
 *
 * - `send` calls `done` exactly once, never throws, and never sends again by itself. It has no deadline of its own but a backstop far above
 *   the caller's.
 * - A command is sent only while the status is `"Ready"`. Otherwise, and when `maxInFlight` is reached, it fails with `sent: "never"`.
 * - Replies come in the order of the commands.
 * - When a connection is lost, every command in flight on it fails with the very same `cause`, so that one event can be told from many.
 * - It reconnects by itself, for as long as its scope is open.
 *
 * @since 0.1.0
 */
import { Context, Effect, type Exit } from "effect"
import type { RedisCommand, Reply } from "./RedisCommand.ts"
import type { RedisCommandError, RedisConnectionError } from "./RedisError.ts"

/**
 * Where a connection stands. `"Closed"` is final.
 *
 * @category models
 * @since 0.1.0
 */
export type Status = "Connecting" | "Ready" | "Reconnecting" | "Closed"

/**
 * What a listener is told: a connection became ready, was lost, or failed to be made.
 *
 * @category models
 * @since 0.1.0
 */
export type ConnectionEvent =
  | { readonly _tag: "Ready" }
  | { readonly _tag: "Lost"; readonly error: RedisConnectionError }
  | { readonly _tag: "Failed"; readonly error: RedisConnectionError }
  | { readonly _tag: "Closed" }

/**
 * Sends commands to one Redis.
 *
 * **Details**
 *
 * The functions are synchronous so that a command costs no fiber. `activity` is a number that grows whenever bytes arrive: a command that
 * timed out while it stood still has met a stalled connection. `reconnect` drops the connection with everything in flight on it and makes a
 * new one. `listen` returns the function that ends it.
 *
 * @category models
 * @since 0.1.0
 */
export interface RedisConnection {
  readonly send: (command: RedisCommand, done: (exit: Exit.Exit<Reply, RedisCommandError>) => void) => void
  readonly status: () => Status
  readonly inFlight: () => number
  readonly activity: () => number
  readonly lastError: () => RedisConnectionError | undefined
  readonly reconnect: () => void
  readonly listen: (listener: (event: ConnectionEvent) => void) => () => void
}

/**
 * Service tag for the connection that a `RedisClient` is built on.
 *
 * @category services
 * @since 0.1.0
 */
export const RedisConnection: Context.Service<RedisConnection, RedisConnection> = Context.Service<RedisConnection>(
  "effect-ioredis/RedisConnection"
)

/**
 * Sends one command as an Effect. Interrupting it means to stop listening: the command itself cannot be recalled.
 *
 * @category combinators
 * @since 0.1.0
 */
export const send = (self: RedisConnection, command: RedisCommand): Effect.Effect<Reply, RedisCommandError> =>
  Effect.callback((resume) => self.send(command, resume))
