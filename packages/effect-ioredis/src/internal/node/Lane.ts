import { Effect, Exit, Latch, Scope } from "effect"
import type { RedisConnection } from "../../RedisConnection.ts"
import type { RedisAddress } from "../../RedisConnector.ts"
import * as RedisCommand from "../../RedisCommand.ts"
import * as RedisError from "../../RedisError.ts"
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
  /** Is open where another connection is to take the place of the one in use. */
  readonly succession: Latch.Latch
}

/** Holds a connection that has introduced itself. */
export interface Connected {
  /** Say where it was made to and as whom: those of a node may change. */
  readonly address: RedisAddress
  readonly database: number
  readonly username: string
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
  /**
   * Is told of a session. One that takes the place of another holds back what it is sent, until
   * that one has answered.
   */
  readonly onReady: (lane: Lane, connected: Connected, before: NodeSession | undefined) => NodeSession
  readonly onFailed: (error: RedisError.RedisConnectionError) => void
  readonly onLost: (session: NodeSession, error: RedisError.RedisConnectionError) => void
  /** Is told why there is no connection yet in the place of the one in use, which stays. */
  readonly onNotReplaced: (error: RedisError.RedisConnectionError) => void
  /** Bounds how long a connection that has a successor may take to answer, in milliseconds. */
  readonly mostDraining: () => number
}

/** Makes a lane without a connection. */
export const make = (): Lane => ({ session: undefined, lastError: undefined, succession: Latch.makeUnsafe() })

/** Keeps a lane connected for as long as it is not interrupted. */
export const keep = (lane: Lane, keeper: Keeper): Effect.Effect<never> =>
  Effect.forever(Effect.flatMap(keeper.logins.turn, (beganAt) => Effect.scoped(live(lane, keeper, beganAt))))

// From the attempt to make a connection to a loss: one connection, or several that followed each
// other.
const live = Effect.fnUntraced(function* (
  lane: Lane,
  keeper: Keeper,
  beganAt: number
): Effect.fn.Return<void, never, Scope.Scope> {
  // What is made from now on is what anybody asks for who has asked by now.
  yield* lane.succession.close
  const made = yield* Effect.result(connectApart(keeper, beganAt))
  if (made._tag === "Failure") {
    lane.lastError = made.failure
    keeper.logins.failed(beganAt, made.failure)
    return keeper.onFailed(made.failure)
  }
  let held = yield* hold(lane, keeper, made.success, undefined)
  while (true) {
    const isLost = yield* Effect.raceFirst(Effect.as(held.lost, true), Effect.as(lane.succession.await, false))
    if (isLost) return
    const next = yield* Effect.raceFirst(Effect.as(held.lost, undefined), another(lane, keeper))
    if (next === undefined || held.isLost()) return
    const before = held
    before.stop()
    held = yield* hold(lane, keeper, next, before)
    // What is held back is sent in any case, also if this ends at once.
    yield* Effect.forkScoped(retire(keeper, before, held.session), { startImmediately: true })
  }
})

/** A connection that was made, in a scope of its own. */
interface Made {
  readonly connected: Connected
  readonly beganAt: number
  readonly close: Effect.Effect<void>
}

/** A session that a lane has, and what tells of its loss. */
interface Held {
  readonly session: NodeSession
  readonly lost: Effect.Effect<void>
  readonly isLost: () => boolean
  readonly stop: () => void
  readonly close: Effect.Effect<void>
  /** Bounds how long it may take to answer what was sent when it was new, in milliseconds. */
  readonly draining: number
}

const connectApart = Effect.fnUntraced(function* ({ connect }: Keeper, beganAt: number) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const close = Scope.close(scope, Exit.void)
  const connected = yield* Effect.onError(Scope.provide(connect, scope), () => close)
  return { connected, beganAt, close } satisfies Made
})

const hold = Effect.fnUntraced(function* (
  lane: Lane,
  { isLast, logins, mostDraining, onLost, onReady }: Keeper,
  { beganAt, close, connected }: Made,
  before: Held | undefined
) {
  const lost = Latch.makeUnsafe()
  // Whoever hears of the session may change the settings at once.
  // It answers after those before it.
  const draining = Math.max(mostDraining(), before?.draining ?? 0)
  const session = onReady(lane, connected, before?.session)
  logins.ready(session)
  let isLost = false
  const end = connected.connection.onLoss((error) => {
    isLost = true
    lane.session = undefined
    lane.lastError = error
    logins.lost(beganAt, session, isLast())
    session.replaceBefore()
    onLost(session, error)
    lost.openUnsafe()
  })
  const stop = (): void => {
    if (!isLost) end()
  }
  // Whoever ends the lane says nothing of the server.
  yield* Effect.addFinalizer(() => Effect.sync(stop))
  return { session, lost: lost.await, isLost: () => isLost, stop, close, draining } satisfies Held
})

// Makes a connection beside the one in use, however often that takes.
const another = Effect.fnUntraced(function* (lane: Lane, keeper: Keeper): Effect.fn.Return<Made, never, Scope.Scope> {
  while (true) {
    const beganAt = yield* keeper.logins.turn
    // Who asks for it from now on asks for another one.
    yield* lane.succession.close
    const made = yield* Effect.result(connectApart(keeper, beganAt))
    if (made._tag === "Success") return made.success
    keeper.logins.failed(beganAt, made.failure)
    keeper.onNotReplaced(made.failure)
  }
})

// What was sent before is answered before anything is sent by its successor, so that the commands
// of a key stay in order. Replies come in order too: the last one says that all have come.
// What is in flight keeps its time, also where calls are given less by now.
const retire = ({ mostDraining, onLost }: Keeper, { close, draining, session }: Held, successor: NodeSession) =>
  Effect.callback<void>((resume) => session.submitInTurn(ping, () => resume(Effect.void))).pipe(
    Effect.timeoutOption(Math.max(draining, mostDraining())),
    Effect.ensuring(
      Effect.sync(() => {
        session.replace()
        successor.release()
        onLost(session, replaced)
      })
    ),
    Effect.andThen(close)
  )

const ping = RedisCommand.make("PING")

const replaced = RedisError.connectionError(
  "CONNECT",
  "Reset",
  "never",
  new Error("Another connection has taken its place.")
)
