import { Effect, Random, type Scope } from "effect"
import type { RedisConnection } from "../../RedisConnection.ts"
import type * as RedisError from "../../RedisError.ts"
import * as ReconnectDelay from "../ReconnectDelay.ts"
import type { Introduction } from "./Introduction.ts"
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

/** Describes what a lane asks of its node. */
export interface Keeper {
  /** Connects, logs in and introduces itself, with a bound on the whole of it. */
  readonly connect: Effect.Effect<
    readonly [RedisConnection, Introduction],
    RedisError.RedisConnectionError,
    Scope.Scope
  >
  readonly onReady: (lane: Lane, connection: RedisConnection, introduction: Introduction) => NodeSession
  readonly onFailed: (lane: Lane, error: RedisError.RedisConnectionError) => void
  readonly onLost: (lane: Lane, session: NodeSession, error: RedisError.RedisConnectionError) => void
  readonly now: () => number
}

/** Makes a lane without a connection. */
export const make = (): Lane => ({ session: undefined, lastError: undefined })

/**
 * Keeps a lane connected for as long as it is not interrupted.
 *
 * The delay between two logins grows, and begins anew only after a connection that has lived for
 * some seconds: a server that drops whoever logs in would otherwise be logged in to in a loop.
 */
export const keep = (lane: Lane, keeper: Keeper): Effect.Effect<never> =>
  Effect.gen(function* () {
    let attempt = 0
    while (true) {
      const lived = yield* Effect.scoped(live(lane, keeper))
      attempt = lived >= settledAfter ? 1 : attempt + 1
      yield* Effect.sleep(ReconnectDelay.millis(attempt, yield* Random.next))
    }
  })

// One connection from the attempt to make it to its loss: for how many milliseconds it was ready.
const live = Effect.fnUntraced(function* (lane: Lane, keeper: Keeper): Effect.fn.Return<number, never, Scope.Scope> {
  const made = yield* Effect.result(keeper.connect)
  if (made._tag === "Failure") {
    lane.lastError = made.failure
    keeper.onFailed(lane, made.failure)
    return 0
  }
  const [connection, introduction] = made.success
  const session = keeper.onReady(lane, connection, introduction)
  yield* Effect.callback<void>((resume) => {
    const stop = connection.onLoss((error) => {
      lane.session = undefined
      lane.lastError = error
      keeper.onLost(lane, session, error)
      resume(Effect.void)
    })
    return Effect.sync(stop)
  })
  return keeper.now() - session.openedAt
})

/** Says how long a connection lives before its loss is an event of its own, in milliseconds. */
export const settledAfter = 5000
