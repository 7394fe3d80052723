/**
 * The writes that may still be executed although nobody hears of it any more: they were sent in a
 * session that was lost before their reply came.
 *
 * Only what may undo a later write is a doubt.
 *
 * A doubt belongs to its session and is settled with it: when the session was ended on the server,
 * or when the server is known to be gone. Where neither can be had it is waited out, until the
 * value in doubt would have expired. A removal is not waited out, because one that runs late costs
 * a miss.
 */
export interface Doubts<in out Session> {
  /**
   * Records that a write of `key` may still run in `session`, and that what it would leave is gone
   * at `until`.
   */
  readonly add: (session: Session, key: string, region: string, until: number) => void
  /** Tells whether any write of the key is in doubt. */
  readonly has: (key: string) => boolean
  /** Tells whether any write of the region is in doubt. */
  readonly hasRegion: (region: string) => boolean
  /** Forgets all doubts of a session and returns their keys. */
  readonly settle: (session: Session) => ReadonlyArray<string>
  /** Forgets what of a session has expired by `now` and returns its keys. */
  readonly expire: (session: Session, now: number) => ReadonlyArray<string>
  /** The sessions with doubts. */
  readonly sessions: () => ReadonlyArray<Session>
}

/** Makes a record without doubts. */
export const make = <Session>(): Doubts<Session> => {
  const bySession = new Map<Session, Map<string, Doubt>>()

  const any = (predicate: (doubts: Map<string, Doubt>) => boolean): boolean => {
    for (const doubts of bySession.values()) if (predicate(doubts)) return true
    return false
  }

  const all = () => Array.from(bySession.values()).flatMap((doubts) => Array.from(doubts.values()))

  return {
    add: (session, key, region, until) => {
      const doubts = bySession.get(session) ?? new Map<string, Doubt>()
      bySession.set(session, doubts)
      doubts.set(key, { region, until: Math.max(until, doubts.get(key)?.until ?? until) })
    },
    has: (key) => bySession.size > 0 && any((doubts) => doubts.has(key)),
    hasRegion: (region) => all().some((doubt) => doubt.region === region),
    settle: (session) => {
      const keys = Array.from(bySession.get(session)?.keys() ?? [])
      bySession.delete(session)
      return keys
    },
    expire: (session, now) => {
      const doubts = bySession.get(session) ?? new Map<string, Doubt>()
      const expired = Array.from(doubts).flatMap(([key, { until }]) => (until > now ? [] : [key]))
      for (const key of expired) doubts.delete(key)
      if (doubts.size === 0) bySession.delete(session)
      return expired
    },
    sessions: () => Array.from(bySession.keys())
  }
}

interface Doubt {
  readonly region: string
  readonly until: number
}

/** Describes what is needed of a session to say how its doubts are settled. */
export interface SessionIdentity {
  readonly id: number | undefined
  readonly runId: string | undefined
}

/**
 * Tells how the doubts of a lost session are settled, given a session that is open on its node now.
 *
 * - `Gone`: another server answers there, so that the one with the doubts will not run them.
 * - `Kill`: the very same server answers, and the lost session is ended there by its id.
 * - `Wait`: who answers there is not known. An id may be a stranger's on another server, so nothing
 *   is ended by it.
 */
export const fenceOf = (lost: SessionIdentity, open: SessionIdentity): "Gone" | "Kill" | "Wait" => {
  if (lost.runId === undefined || open.runId === undefined) return "Wait"
  if (lost.runId !== open.runId) return "Gone"
  return lost.id === undefined ? "Wait" : "Kill"
}
