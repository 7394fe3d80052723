import { DateTime, Duration } from "effect"
import type { Expiry } from "../commands/Keys.ts"

/** What a command says of an expiry: nothing of one that never comes. */
export const expiryWords = ({ expiresAt, timeToLive }: Expiry): ReadonlyArray<string | number> => {
  if (expiresAt !== undefined) return ["PXAT", DateTime.toEpochMillis(expiresAt)]
  if (timeToLive === undefined) return []
  const millis = millisOf(timeToLive)
  return millis === Number.POSITIVE_INFINITY ? [] : ["PX", millis]
}

/**
 * Whole milliseconds: a part of one counts as one. A Duration takes NaN for zero, and Redis refuses
 * it.
 */
export const millisOf = (duration: Duration.Input): number =>
  Number.isNaN(duration) ? Number.NaN : Math.ceil(Duration.toMillis(duration))

/** Seconds, with a fraction where there is one, as blocking commands take them. */
export const blockSeconds = (duration: Duration.Input): number => blockMillis(duration) / 1000

/** Whole milliseconds, as blocking commands take them: 0 for a time that is infinite. */
export const blockMillis = (duration: Duration.Input): number => {
  const millis = millisOf(duration)
  return millis === Number.POSITIVE_INFINITY ? 0 : millis
}
