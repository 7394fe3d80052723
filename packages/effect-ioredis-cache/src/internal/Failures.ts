import { Cause } from "effect"
import { Lru } from "./Lru.ts"

/** Remembers the keys whose last lookup was of no use, and which wait before the next one. */
export interface Failures {
  /** Tells whether a key is not to be looked up again yet. */
  readonly has: (key: string) => boolean
  /** Gives the failure of a key's last lookup, if it is not to be tried again yet. */
  readonly get: (key: string) => Cause.Cause<unknown> | undefined
  /** Remembers the failure of a lookup. One that was interrupted has not failed. */
  readonly add: (key: string, cause: Cause.Cause<unknown>) => void
  /** Remembers that the value of a lookup was not stored: the next read would find no other. */
  readonly addUnstored: (key: string) => void
  /** Forgets a key, or all. */
  readonly forget: (key: string | undefined) => void
}

/** Makes a memory of failures, each for `pause` milliseconds of the time that `now` tells. */
export const make = (pause: number, now: () => number): Failures => {
  let failures = new Lru<Failure>(mostFailures, Number.POSITIVE_INFINITY)

  const find = (key: string): Failure | undefined => {
    const failure = failures.get(key)
    if (failure === undefined || now() < failure.until) return failure
    failures.delete(key)
    return undefined
  }

  const add = (key: string, cause: Cause.Cause<unknown> | undefined): void =>
    failures.set(key, { cause, until: now() + pause }, 1)

  return {
    has: (key) => find(key) !== undefined,
    get: (key) => find(key)?.cause,
    add: (key, cause) => {
      if (!Cause.hasInterruptsOnly(cause)) add(key, cause)
    },
    addUnstored: (key) => add(key, undefined),
    forget: (key) => {
      if (failures.size === 0) return
      if (key === undefined) failures = new Lru(mostFailures, Number.POSITIVE_INFINITY)
      else failures.delete(key)
    }
  }
}

interface Failure {
  /** Says why it failed; nothing where its value was not stored. */
  readonly cause: Cause.Cause<unknown> | undefined
  readonly until: number
}

const mostFailures = 10_000
