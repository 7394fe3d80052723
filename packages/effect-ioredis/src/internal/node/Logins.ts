import { Context, Effect, Latch, Random } from "effect"
import type * as RedisError from "../../RedisError.ts"
import type { Deadlines } from "../Deadlines.ts"
import * as LoginPace from "./LoginPace.ts"
import type { NodeSession } from "./NodeSession.ts"

/** Lets the lanes of a node log in one after another, at the pace that the server deserves. */
export interface Logins {
  /** Waits until a lane may log in, and gives the time at which it does. */
  readonly turn: Effect.Effect<number>
  /** Says that an attempt led to no session. */
  readonly failed: (beganAt: number, error: RedisError.RedisConnectionError) => void
  /** Says that an attempt led to a session. */
  readonly ready: (session: NodeSession) => void
  /** Says that a session was lost. `isLast` says that no other one is open. */
  readonly lost: (beganAt: number, session: NodeSession, isLast: boolean) => void
  /** Forgets what the server has done: another one has taken its place. */
  readonly forget: () => void
}

/** Makes the turns of one node. */
export const make = Effect.fnUntraced(function* (deadlines: Deadlines, now: () => number) {
  const random = Context.get(yield* Effect.context<never>(), Random.Random)
  let pace = LoginPace.initial
  let moved = Latch.makeUnsafe()

  // Whoever waits looks at the pace again.
  const wake = (): void => {
    moved.openUnsafe()
    moved = Latch.makeUnsafe()
  }

  const turn: Logins["turn"] = Effect.suspend(() => {
    const at = now()
    if (at < pace.nextAt) {
      // A clock that counts in whole milliseconds would wake it too early again and again.
      const millis = Math.ceil(pace.nextAt - at)
      return Effect.andThen(Effect.raceFirst(Effect.sleep(millis), moved.await), turn)
    }
    pace = LoginPace.began(pace, at, random.nextDoubleUnsafe())
    return Effect.succeed(at)
  })

  const stay = (session: NodeSession, lived: number): void => {
    if (!session.isOpen()) return
    const before = pace
    pace = LoginPace.stayed(pace, session.openedAt, lived)
    if (pace !== before) wake()
  }

  return {
    turn,
    failed: (beganAt, error) => {
      const draw = random.nextDoubleUnsafe()
      pace = wasDropped(error) ? LoginPace.dropped(pace, beganAt, now(), draw) : LoginPace.refused(pace, now(), draw)
      // Who waits for this attempt need not wait for as long as a login takes.
      wake()
    },
    ready: (session) => {
      for (const millis of [LoginPace.moment, LoginPace.settledAfter]) {
        deadlines.add(session.openedAt + millis, millis, () => stay(session, millis))
      }
    },
    lost: (beganAt, session, isLast) => {
      const at = now()
      const isSettled = session.isReplaced || at - session.openedAt >= LoginPace.settledAfter
      const draw = random.nextDoubleUnsafe()
      pace = isSettled ? LoginPace.ended(pace, isLast, at, draw) : LoginPace.dropped(pace, beganAt, at, draw)
    },
    forget: () => {
      pace = LoginPace.initial
      wake()
    }
  } satisfies Logins
})

// The server ended a connection that it had taken, without a word.
const wasDropped = ({ reason }: RedisError.RedisConnectionError): boolean => reason === "Reset" || reason === "Closed"
