/**
 * When a node may log in next, whichever of its lanes asks.
 *
 * A server that lets clients log in and drops them must not be logged in to in a loop, and a pool
 * must not do so once per connection. So one login shows first whether the server keeps it. The
 * other lanes follow at once when it has stayed for a moment. A login that was dropped is tried
 * again at once, for it may have been a blink. From then on logins come one by one, at most two in
 * a second, until one has stayed for some seconds.
 *
 * An attempt that the server refused is no login: it is tried again soon, and then ever more
 * slowly.
 */
export interface LoginPace {
  /** Says what the server does with those who log in, as far as it is known. */
  readonly trust: "Unknown" | "Keeps" | "Drops"
  /** Counts the logins dropped since the server last kept one, and the first that followed. */
  readonly drops: number
  /** Counts the failures of every kind since then. */
  readonly failures: number
  /** Says when an attempt last failed: a session that is older says nothing of what came after. */
  readonly failedAt: number
  /** Says until when a login that was dropped holds back the next one. */
  readonly heldUntil: number
  /** Says when the next attempt may begin. Times are monotonic, in milliseconds. */
  readonly nextAt: number
}

/** The pace of a node that has not connected yet: at once. */
export const initial: LoginPace = {
  trust: "Unknown",
  drops: 0,
  failures: 0,
  failedAt: Number.NEGATIVE_INFINITY,
  heldUntil: Number.NEGATIVE_INFINITY,
  nextAt: Number.NEGATIVE_INFINITY
}

/** An attempt has begun. Where the server is not known to keep logins, the others wait for it. */
export const began = (pace: LoginPace, now: number, random: number): LoginPace => {
  if (pace.trust === "Keeps") return pace
  // A second login follows a dropped one at once, and so the third comes a second later, once.
  return pace.drops === 1 ? { ...pace, drops: 2, nextAt: now + second } : { ...pace, nextAt: now + pause(random) }
}

/** The server could not be reached, or said that it does not want this login. */
export const refused = (pace: LoginPace, now: number, random: number): LoginPace => {
  const failures = pace.failures + 1
  const nextAt = Math.max(pace.heldUntil, now + delay(failures, random))
  const trust = pace.trust === "Keeps" ? "Unknown" : pace.trust
  return { ...pace, trust, failures, failedAt: now, nextAt }
}

/**
 * A login that began at `beganAt` was dropped before or soon after it was ready. Those that began
 * before the last failure were dropped with it, unless the server has kept one since.
 */
export const dropped = (pace: LoginPace, beganAt: number, now: number, random: number): LoginPace => {
  if (beganAt < pace.failedAt && pace.trust !== "Keeps") return pace
  const drops = pace.drops + 1
  const heldUntil = drops === 1 ? now + delay(1, random) : Math.max(pace.nextAt, beganAt + pause(random))
  return { ...pace, trust: "Drops", drops, failures: pace.failures + 1, failedAt: now, heldUntil, nextAt: heldUntil }
}

/** A session was lost that had lived for long. `isLast` says that no other one is open. */
export const ended = (pace: LoginPace, isLast: boolean, now: number, random: number): LoginPace => ({
  ...pace,
  trust: isLast && pace.trust === "Keeps" ? "Unknown" : pace.trust,
  failures: Math.max(1, pace.failures),
  nextAt: Math.max(pace.nextAt, now + delay(1, random))
})

/** A session that was ready at `openedAt` is still open after it has `lived` for so long. */
export const stayed = (pace: LoginPace, openedAt: number, lived: number): LoginPace => {
  const enough = pace.trust === "Drops" ? settledAfter : moment
  if (pace.trust === "Keeps" || openedAt < pace.failedAt || lived < enough) return pace
  return { ...pace, trust: "Keeps", drops: 0, failures: 0, nextAt: openedAt + lived }
}

/** Says how long the first session must live for the other lanes to follow it. */
export const moment = 100

/** Says how long a session lives before its loss is an event of its own. */
export const settledAfter = 5000

// Any three logins are more than a second apart, with something to spare for a busy event loop.
const pause = (random: number): number => 550 + random * 200
const second = 1100

/**
 * Tells how long to wait after so many failures in a row: 20 ms at first, doubling, 500 to
 * 750 at last, each at random in [0, 1). A cap of 10 s, as is common, would delay recovery by as
 * much.
 */
export const delay = (failures: number, random: number): number => {
  const base = Math.min(2 ** Math.min(failures, 6) * 10, 500)
  return base === 500 ? 500 + random * 250 : base * (0.75 + random / 2)
}
