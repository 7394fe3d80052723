import { Effect, type Scope } from "effect"
import type { RedisConnection } from "../../RedisConnection.ts"
import type { RedisAddress } from "../../RedisConnector.ts"
import type * as RedisError from "../../RedisError.ts"
import type { Introduction } from "./Introduction.ts"
import type { Logins } from "./Logins.ts"
import type { NodeSession } from "./NodeSession.ts"

/**
 * One of the connections that a node keeps: made, lost, and made again.
 *
 * Invariant: `session` is set exactly while its connection may carry commands.
 */
export interface Lane {
  session: NodeSession | undefined
  lastError: RedisError.RedisConnectionError | undefined
}

/** Holds a connection that has introduced itself. */
export interface Connected {
  /** Says where it was made to: that of a node may change. */
  readonly address: RedisAddress
  readonly connection: RedisConnection
  readonly introduction: Introduction
}

/** Connects, logs in and introduces itself, with a bound on the whole of it. */
export type Connect = Effect.Effect<Connected, RedisError.RedisConnectionError, Scope.Scope>

/** Describes what a lane asks of its node. */
export interface Keeper {
  readonly connect: Connect
  /** Says when it may log in. */
  readonly logins: Logins
  readonly isLast: () => boolean
  readonly onReady: (lane: Lane, connected: Connected) => NodeSession
  readonly onFailed: (error: RedisError.RedisConnectionError) => void
  readonly onLost: (session: NodeSession, error: RedisError.RedisConnectionError) => void
}

/** Makes a lane without a connection. */
export const make = (): Lane => ({ session: undefined, lastError: undefined })

/** Keeps a lane connected for as long as it is not interrupted. */
export const keep = (lane: Lane, keeper: Keeper): Effect.Effect<never> =>
  Effect.forever(Effect.flatMap(keeper.logins.turn, (beganAt) => Effect.scoped(live(lane, keeper, beganAt))))

// One connection from the attempt to make it to its loss.
const live = Effect.fnUntraced(function* (
  lane: Lane,
  { connect, isLast, logins, onFailed, onLost, onReady }: Keeper,
  beganAt: number
): Effect.fn.Return<void, never, Scope.Scope> {
  const made = yield* Effect.result(connect)
  if (made._tag === "Failure") {
    lane.lastError = made.failure
    logins.failed(beganAt, made.failure)
    return onFailed(made.failure)
  }
  const { connection } = made.success
  const session = onReady(lane, made.success)
  logins.ready(session)
  yield* Effect.callback<void>((resume) => {
    const stop = connection.onLoss((error) => {
      lane.session = undefined
      lane.lastError = error
      logins.lost(beganAt, session, isLast())
      onLost(session, error)
      resume(Effect.void)
    })
    return Effect.sync(stop)
  })
})
