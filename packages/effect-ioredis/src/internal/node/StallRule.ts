import type { Deadlines } from "../Deadlines.ts"
import type { NodeSession } from "./NodeSession.ts"

/**
 * Tells a connection that no longer answers from a caller who would not wait.
 *
 * A connection is stalled when something is in flight on it and not one byte has come for
 * `commandTimeout`, or when bytes trickle in but no reply has been completed for five times as
 * long. A call with a shorter deadline of its own only raises the suspicion: the rule then watches
 * the connection until it speaks, has nothing in flight, or has been silent for long enough.
 */
export interface StallRule {
  /**
   * `activity` is what the connection had heard at `since`, and it is `at` now, in monotonic
   * milliseconds. Who was woken by a deadline gives that, for a timer may wake him a little early.
   */
  readonly suspect: (session: NodeSession, activity: number, since: number, at: number) => void
}

/**
 * Makes the rule. `onStall` is told of each stalled session once, and since when it has been
 * silent.
 */
export const make = ({
  commandTimeout,
  deadlines,
  now,
  onStall
}: {
  readonly commandTimeout: number
  readonly deadlines: Deadlines
  readonly now: () => number
  readonly onStall: (session: NodeSession, silentSince: number) => void
}): StallRule => {
  const watch = (session: NodeSession, seen: Seen): void => {
    session.watched = true
    const millis = Math.max(1, seen.at + commandTimeout - now())
    deadlines.add(now() + millis, millis, () => {
      session.watched = false
      const { connection } = session
      if (!connection.isOpen() || connection.inFlight() === 0) return
      if (connection.activity() === seen.activity) return onStall(session, seen.at)
      const unanswered = session.replies === seen.replies
      if (unanswered && now() - seen.repliedAt >= commandTimeout * trickleFactor)
        return onStall(session, seen.repliedAt)
      watch(session, see(session, now(), unanswered ? seen.repliedAt : now()))
    })
  }

  return {
    suspect: (session, activity, since, at) => {
      const { connection } = session
      if (session.watched || !connection.isOpen() || connection.inFlight() === 0) return
      if (connection.activity() !== activity) return watch(session, see(session, now(), now()))
      // In the same sum as the deadline's own, which rounds alike.
      if (at >= since + commandTimeout) return onStall(session, since)
      watch(session, { ...see(session, since, since), activity })
    }
  }
}

// What a connection had heard at a moment, and since when no reply has been completed.
interface Seen {
  readonly activity: number
  readonly at: number
  readonly replies: number
  readonly repliedAt: number
}

const see = (session: NodeSession, at: number, repliedAt: number): Seen => ({
  activity: session.connection.activity(),
  at,
  replies: session.replies,
  repliedAt
})

const trickleFactor = 5
