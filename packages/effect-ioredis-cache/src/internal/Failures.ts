import { Cause } from "effect"
import { Lru } from "./Lru.ts"

/** Remembers the lookups that failed last, which are not tried again for a while. */
export interface Failures {
  /** Gives the failure of a key's last lookup, if it is not to be tried again yet. */
  readonly get: (key: string) => Cause.Cause<unknown> | undefined
  /** Remembers the failure of a lookup. One that was interrupted has not failed. */
  readonly add: (key: string, cause: Cause.Cause<unknown>) => void
  /** Forgets the failure of a key, or of all. */
  readonly forget: (key: string | undefined) => void
}

/** Makes a memory of failures, each for `pause` milliseconds of the time that `now` tells. */
export const make = (pause: number, now: () => number): Failures => {
  let failures = new Lru<Failure>(mostFailures, Number.POSITIVE_INFINITY)
  return {
    get: (key) => {
      const failure = failures.get(key)
      if (failure === undefined || now() < failure.until) return failure?.cause
      failures.delete(key)
      return undefined
    },
    add: (key, cause) => {
      if (!Cause.hasInterruptsOnly(cause)) failures.set(key, { cause, until: now() + pause }, 1)
    },
    forget: (key) => {
      if (failures.size === 0) return
      if (key === undefined) failures = new Lru(mostFailures, Number.POSITIVE_INFINITY)
      else failures.delete(key)
    }
  }
}

interface Failure {
  readonly cause: Cause.Cause<unknown>
  readonly until: number
}

const mostFailures = 10_000
