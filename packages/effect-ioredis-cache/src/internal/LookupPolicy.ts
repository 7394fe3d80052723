import { Duration } from "effect"
import type * as Cache from "../Cache.ts"
import { millisOf } from "./millisOf.ts"
import * as RefreshDue from "./refreshDue.ts"

/**
 * Says what becomes of a read in one region while its lookup is slow or fails. Times are in
 * milliseconds.
 */
export interface LookupPolicy {
  /** For how long an expired value may still be served. */
  readonly staleFor: number
  /** Tells whether a fresh value is due to be looked up anew, where values are refreshed. */
  readonly isDue: RefreshDue.Due | undefined
  /** How long a caller waits for a lookup that it has an expired value in the place of. */
  readonly soft: number | undefined
  /** How long a lookup may take. */
  readonly hard: number | undefined
  /** For how long a lookup that failed is not tried again. */
  readonly retryAfterFailure: number
}

/** Reads the policy of a region. */
export const make = ({ lookupTimeout, refresh, retryAfterFailure, staleFor }: Options): LookupPolicy => ({
  staleFor: Duration.toMillis(staleFor ?? 0),
  isDue: refresh && RefreshDue.make(refresh),
  soft: millisOf(lookupTimeout?.soft),
  hard: millisOf(lookupTimeout?.hard),
  retryAfterFailure: Duration.toMillis(retryAfterFailure ?? 0)
})

/** Tells whether a read is answered by the policy before or in the place of its lookup. */
export const isPlain = ({ isDue, retryAfterFailure, staleFor }: LookupPolicy): boolean =>
  staleFor === 0 && isDue === undefined && retryAfterFailure === 0

/** Tells whether it matters that a lookup failed. */
export const remembersFailures = ({ isDue, retryAfterFailure }: LookupPolicy): boolean =>
  isDue !== undefined || retryAfterFailure > 0

/**
 * For how long a lookup that failed is not tried again. Where the region does not say, that is so
 * for refreshes alone.
 */
export const failurePause = ({ retryAfterFailure }: LookupPolicy): number => retryAfterFailure || 1000

type Options = Pick<
  Cache.RegionOptions<never, never, Duration.Input | undefined>,
  "lookupTimeout" | "refresh" | "retryAfterFailure" | "staleFor"
>
