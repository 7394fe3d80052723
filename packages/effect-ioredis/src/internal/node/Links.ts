import { Clock, Effect, type Scope } from "effect"
import * as RedisError from "../../RedisError.ts"
import * as Waiters from "../Waiters.ts"
import type { Connect, Connected } from "./Lane.ts"
import type { Logins } from "./Logins.ts"
import type { NodeSession } from "./NodeSession.ts"

/**
 * The logins of a node that others keep for themselves, beside the sessions of its lanes.
 *
 * They take their turns with the lanes, for a server that drops whoever logs in is not logged in to
 * in a loop by these either. Nothing else that becomes of them concerns the node.
 */
export interface Links {
  /** Makes one, which ends with the caller's scope. */
  readonly connect: Effect.Effect<NodeSession, RedisError.RedisConnectionError, Scope.Scope>
  /** Those whose connections are open now. */
  readonly open: () => ReadonlyArray<NodeSession>
  /** A number that grows with everything that any of them hears. */
  readonly activity: () => number
}

/** Describes what links ask of their node. */
export interface Options {
  readonly connect: Connect
  readonly logins: Logins
  /** Makes a session that no lane has. */
  readonly sessionOf: (connected: Connected) => NodeSession
  /** Why none can be made now, if that is so. */
  readonly problem: () => RedisError.RedisConnectionError | undefined
  /** Says that no session is open. */
  readonly isLast: () => boolean
  /** Says that the client is being closed, and not this node alone. */
  readonly isClosing: () => boolean
}

/** Makes the links of a node. They end with the scope. */
export const make = Effect.fnUntraced(function* (options: Options): Effect.fn.Return<Links, never, Scope.Scope> {
  const { isClosing, isLast, logins, problem, sessionOf } = options
  const clock = yield* Clock.Clock
  const open = new Set<NodeSession>()
  const { changed: nodeClosed, wake } = Waiters.make()
  let isClosed = false
  let activityOfLost = 0
  const remove = (link: NodeSession): void => {
    if (open.delete(link)) activityOfLost += link.connection.activity()
  }
  const ended = () => (isClosing() ? closed : left)
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      isClosed = true
      wake()
      // Neither says anything of the server.
      for (const link of open) link.end(ended())
    })
  )

  const logIn = Effect.gen(function* () {
    const beganAt = yield* logins.turn
    const connected = yield* Effect.tapError(options.connect, (error) =>
      Effect.sync(() => logins.failed(beganAt, error))
    )
    const link = sessionOf(connected)
    logins.ready(link)
    open.add(link)
    // Whoever ends it says nothing of the server, be it by closing the connection or the scope.
    const stop = link.connection.onLoss(({ reason }) => {
      remove(link)
      if (reason !== "Closed") logins.lost(beganAt, link, isLast())
    })
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        stop()
        remove(link)
      })
    )
    return link
  })

  return {
    open: () => Array.from(open),
    activity: () => Array.from(open).reduce((sum, { connection }) => sum + connection.activity(), activityOfLost),
    connect: Effect.suspend(() => {
      const reason = isClosed ? ended() : problem()
      if (reason !== undefined) return Effect.fail(reason)
      return Effect.raceFirst(
        logIn,
        Effect.andThen(
          nodeClosed,
          Effect.suspend(() => Effect.fail(ended()))
        )
      )
    }).pipe(Effect.provideService(Clock.Clock, clock))
  }
})

const closed = RedisError.connectionError("CONNECT", "Closed", "never", new Error("The client was closed."))

const left = RedisError.connectionError(
  "CONNECT",
  "Reset",
  "never",
  new Error("The server is none of the client's any more.")
)
