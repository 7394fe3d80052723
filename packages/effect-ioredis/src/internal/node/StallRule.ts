import type { Deadline, Deadlines } from "../Deadlines.ts"
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
export const make = (options: {
  /** The milliseconds for which a connection may be silent, which are asked for each time. */
  readonly commandTimeout: number
  readonly deadlines: Deadlines
  readonly now: () => number
  readonly onStall: (session: NodeSession, silentSince: number) => void
}): StallRule => {
  const { deadlines, now, onStall } = options
  const stall = (session: NodeSession, silentSince: number): void => {
    session.watch?.deadline.cancel()
    session.watch = undefined
    onStall(session, silentSince)
  }

  const trickles = ({ replies }: NodeSession, seen: Seen): boolean =>
    replies === seen.replies && now() - seen.repliedAt >= options.commandTimeout * trickleFactor

  const watch = (session: NodeSession, seen: Seen): void => {
    session.watch?.deadline.cancel()
    const millis = Math.max(1, seen.at + options.commandTimeout - now())
    const deadline = deadlines.add(now() + millis, millis, () => {
      session.watch = undefined
      const { connection } = session
      if (!connection.isOpen() || connection.inFlight() === 0) return
      if (connection.activity() === seen.activity) return stall(session, seen.at)
      if (trickles(session, seen)) return stall(session, seen.repliedAt)
      watch(session, see(session, now(), repliedSince(session, seen, now())))
    })
    session.watch = { deadline, seen }
  }

  return {
    suspect: (session, activity, since, at) => {
      const { connection, watch: watched } = session
      if (!connection.isOpen() || connection.inFlight() === 0) return
      const isSilent = connection.activity() === activity
      // In the same sum as the deadline's own, which rounds alike.
      if (isSilent && at >= since + options.commandTimeout) return stall(session, since)
      if (watched === undefined)
        return watch(session, isSilent ? see(session, since, since) : see(session, now(), now()))
      // A watch that began before this silence, or later in it, would find it too late.
      if (!isSilent || (watched.seen.activity === activity && watched.seen.at <= since)) return
      if (trickles(session, watched.seen)) return stall(session, watched.seen.repliedAt)
      watch(session, see(session, since, repliedSince(session, watched.seen, since)))
    }
  }
}

/** Watches a connection until `deadline`, by which something is to have come. */
export interface Watch {
  readonly deadline: Deadline
  readonly seen: Seen
}

/** Holds what a connection had heard at a moment, and since when no reply has been completed. */
export interface Seen {
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

const repliedSince = ({ replies }: NodeSession, seen: Seen, otherwise: number): number =>
  replies === seen.replies ? seen.repliedAt : otherwise

const trickleFactor = 5
