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
 *
 * **Owners that change**
 *
 * A doubt counts only while the node of its session owns the key. Another owner is not concerned:
 * the old one refuses the slot, or loses what it executes when it follows the new one. The doubt is
 * *parked* meanwhile, and counts again if the slot comes back before it is settled.
 */
export interface Doubts<in out Session> {
  /** Records that a write may still run in `session`. */
  readonly add: (session: Session, key: string, doubt: Doubt) => void
  /** Tells whether any write of the key is in doubt where the key is owned. */
  readonly has: (key: string) => boolean
  /** Tells whether any write of the region is in doubt on a node that owns its key. */
  readonly hasRegion: (region: string, node: string) => boolean
  /** The keys of some slots that are in doubt, parked ones included. */
  readonly inSlots: (slots: ReadonlySet<number>) => ReadonlyArray<string>
  /** Forgets all doubts of a session and returns their keys. */
  readonly settle: (session: Session) => ReadonlyArray<string>
  /** Forgets what of a session has expired by `now` and returns its keys. */
  readonly expire: (session: Session, now: number) => ReadonlyArray<string>
  /** The sessions with doubts on a node of this name. */
  readonly sessionsOn: (node: string) => ReadonlyArray<Session>
}

/** Describes one write in doubt. */
export interface Doubt {
  readonly region: string
  /** Says when what it would leave is gone. */
  readonly until: number
  /**
   * Says whether it may only undo a `clear` of the region, and not what was written under the key.
   */
  readonly isOfRegion: boolean
}

/** Tells whose a doubt is and whose its key. Nodes are told apart by their names. */
export interface Owners<in Session> {
  readonly nodeOf: (session: Session) => string
  readonly ownerOf: (key: string) => string
  readonly slotOf: ((key: string) => number) | undefined
}

/** Makes a record without doubts. */
export const make = <Session>({ nodeOf, ownerOf, slotOf }: Owners<Session>): Doubts<Session> => {
  const bySession = new Map<Session, Map<string, Kept>>()

  const any = (predicate: (doubts: Map<string, Kept>, session: Session) => boolean): boolean => {
    for (const [session, doubts] of bySession) if (predicate(doubts, session)) return true
    return false
  }

  return {
    add: (session, key, { isOfRegion, region, until }) => {
      const doubts = bySession.get(session) ?? new Map<string, Kept>()
      bySession.set(session, doubts)
      const known = doubts.get(key)
      doubts.set(key, {
        region,
        until: Math.max(until, known?.until ?? until),
        isOfRegion: isOfRegion && known?.isOfRegion !== false,
        slot: slotOf?.(key)
      })
    },
    has: (key) =>
      bySession.size > 0 &&
      any((doubts, session) => doubts.get(key)?.isOfRegion === false && nodeOf(session) === ownerOf(key)),
    hasRegion: (region, node) =>
      any(
        (doubts, session) =>
          nodeOf(session) === node &&
          Array.from(doubts).some(([key, doubt]) => doubt.region === region && ownerOf(key) === node)
      ),
    inSlots: (slots) =>
      Array.from(bySession.values()).flatMap((doubts) =>
        Array.from(doubts).flatMap(([key, { slot }]) => (slot !== undefined && slots.has(slot) ? [key] : []))
      ),
    settle: (session) => {
      const keys = Array.from(bySession.get(session)?.keys() ?? [])
      bySession.delete(session)
      return keys
    },
    expire: (session, now) => {
      const doubts = bySession.get(session) ?? new Map<string, Kept>()
      const expired = Array.from(doubts).flatMap(([key, { until }]) => (until > now ? [] : [key]))
      for (const key of expired) doubts.delete(key)
      if (doubts.size === 0) bySession.delete(session)
      return expired
    },
    sessionsOn: (node) => Array.from(bySession.keys()).filter((session) => nodeOf(session) === node)
  }
}

interface Kept extends Doubt {
  readonly slot: number | undefined
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
