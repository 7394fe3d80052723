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
import { Context, Effect, Hash, type Result } from "effect"
import * as RedisCommand from "./RedisCommand.ts"
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
 * One connection from its making to its loss: its CLIENT ID and the server's `run_id`, each `undefined` where the user may not ask for it.
 *
 * **Details**
 *
 * A command that was sent in a session whose reply never came may still be executed, until the session is known to be gone on the server
 * (`CLIENT KILL ID`). A `run_id` that changes says that the server was started anew, perhaps from an old dump, or that another took over.
 *
 * @category models
 * @since 0.1.0
 */
export interface Session {
  readonly id: number | undefined
  readonly runId: string | undefined
}

/**
 * Sends commands to one Redis.
 *
 * **Details**
 *
 * The functions are synchronous so that a command costs no fiber. `activity` is a number that grows whenever bytes arrive: a command that
 * timed out while it stood still has met a stalled connection. `session` is the one that commands are sent in now, if any. `reconnect` drops the connection with everything in flight on it and makes a
 * new one; `"Stalled"` says that it was silent, which becomes the reason of what is lost with it. `listen` returns the function that ends it. `members` are the connections of a {@link pool}.
 *
 * @category models
 * @since 0.1.0
 */
export interface RedisConnection {
  readonly send: (
    command: RedisCommand.RedisCommand,
    done: (result: Result.Result<RedisCommand.Reply, RedisCommandError>) => void
  ) => void
  readonly status: () => Status
  readonly session: () => Session | undefined
  readonly inFlight: () => number
  readonly activity: () => number
  readonly lastError: () => RedisConnectionError | undefined
  readonly reconnect: (reason?: "Stalled") => void
  readonly listen: (listener: (event: ConnectionEvent) => void) => () => void
  readonly members?: ReadonlyArray<RedisConnection> | undefined
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
 * Several connections to the same Redis as one. Commands of one key always take the same member, so that they stay in order.
 *
 * **When to use**
 *
 * Where values are large: a reply of a megabyte holds up those behind it. For small values one connection measured best.
 *
 * @category constructors
 * @since 0.1.0
 */
export const pool = (members: ReadonlyArray<RedisConnection>): RedisConnection => ({
  members,
  send: (command, done) => memberOf(members, command)?.send(command, done),
  status: () => members.map((member) => member.status()).find((status) => status !== "Ready") ?? "Ready",
  session: () => undefined,
  inFlight: () => members.reduce((sum, member) => sum + member.inFlight(), 0),
  activity: () => members.reduce((sum, member) => sum + member.activity(), 0),
  lastError: () => members.map((member) => member.lastError()).find((error) => error !== undefined),
  reconnect: (reason) => {
    for (const member of members) member.reconnect(reason)
  },
  listen: (listener) => {
    const stops = members.map((member) => member.listen(listener))
    return () => {
      for (const stop of stops) stop()
    }
  }
})

/**
 * The member of a pool that carries a command, chosen by its first key; a connection that is no pool carries it itself.
 *
 * @category accessors
 * @since 0.1.0
 */
export const memberFor = (self: RedisConnection, command: RedisCommand.RedisCommand | undefined): RedisConnection =>
  (self.members && memberOf(self.members, command)) ?? self

/**
 * The member of a pool that carries the commands of a key.
 *
 * @category accessors
 * @since 0.1.0
 */
export const memberOfKey = (self: RedisConnection, key: string): RedisConnection =>
  (self.members && memberOfText(self.members, key)) ?? self

/**
 * Sends one command as an Effect. Interrupting it means to stop listening: the command itself cannot be recalled.
 *
 * @category combinators
 * @since 0.1.0
 */
export const send = (
  self: RedisConnection,
  command: RedisCommand.RedisCommand
): Effect.Effect<RedisCommand.Reply, RedisCommandError> =>
  Effect.callback((resume) => self.send(command, (result) => resume(Effect.fromResult(result))))

/**
 * Waits until the connection is ready; returns at once if it is.
 *
 * @category combinators
 * @since 0.1.0
 */
export const awaitReady = (self: RedisConnection): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (self.status() === "Ready") return resume(Effect.void)
    const stop = self.listen((event) => {
      if (event._tag === "Ready") resume(Effect.void)
    })
    return Effect.sync(stop)
  })

const memberOf = (
  members: ReadonlyArray<RedisConnection>,
  command: RedisCommand.RedisCommand | undefined
): RedisConnection | undefined => {
  const key = command && RedisCommand.keyOf(command)
  return typeof key === "string" ? memberOfText(members, key) : members[0]
}

const memberOfText = (members: ReadonlyArray<RedisConnection>, key: string): RedisConnection | undefined =>
  members[Math.abs(Hash.string(key)) % members.length]
