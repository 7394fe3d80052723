/**
 * A server's time as it was told, kept as the difference to the client's own clock.
 *
 * Of several answers the quickest is the most exact: it is off by at most half of its round trip.
 */
export interface RedisTime {
  /** Redis' time in milliseconds; the client's own clock before the first answer. */
  readonly now: () => number
  /**
   * Takes an answer of TIME, asked for at `askedAt` and received at `receivedAt` of the client's
   * wall clock.
   */
  readonly learn: (reply: unknown, askedAt: number, receivedAt: number) => void
  /**
   * Makes another one, which begins with what this one knows and takes any answer, for the clocks
   * drift apart. What this one learns later, the other does not know: its server may be another.
   */
  readonly renewed: () => RedisTime
}

/** Makes one on a wall clock in milliseconds, which is so far behind Redis' time. */
export const make = (wallClock: () => number, behind = 0): RedisTime => {
  let offset = behind
  let roundTrip = Number.POSITIVE_INFINITY
  return {
    now: () => wallClock() + offset,
    learn: (reply, askedAt, receivedAt) => {
      const told = millisOf(reply)
      const took = receivedAt - askedAt
      if (told === undefined || took < 0 || took > roundTrip) return
      roundTrip = took
      offset = Math.round(told - (askedAt + receivedAt) / 2)
    },
    renewed: () => make(wallClock, offset)
  }
}

// TIME answers seconds and microseconds.
const millisOf = (reply: unknown): number | undefined => {
  if (!Array.isArray(reply) || reply.length !== 2) return undefined
  const millis = Number(reply[0]) * 1000 + Number(reply[1]) / 1000
  return Number.isFinite(millis) ? millis : undefined
}
