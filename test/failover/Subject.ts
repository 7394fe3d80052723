import type { Effect } from "effect"
import type { Incr } from "./Ledger.ts"

/** The client under test, and the cache on it where it has one. */
export interface Subject {
  readonly incr: Incr
  readonly cache: SubjectCache | undefined
}

/** A region of versions: every call is to be answered within `patience`, whatever Redis does. */
export interface SubjectCache {
  readonly patienceMillis: number
  readonly set: (keys: ReadonlyArray<string>, version: number) => Effect.Effect<void>
  readonly get: (key: string) => Effect.Effect<number | undefined>
  /** How many writes are still to be sent to Redis. */
  readonly journal: () => number
  /** The key in Redis. */
  readonly redisKey: (key: string) => string
  /** The version that a value in Redis holds. */
  readonly versionIn: (stored: string | null) => number | undefined
}
