import { Effect, Schedule } from "effect"
import * as RedisError from "../../RedisError.ts"

/**
 * Asks again until Redis answers. The part of Effect's `PersistedQueue` that gives back the jobs of
 * lost workers ends for good at its first error, and nobody would be told: so an outage is none to
 * it, however long. It ends with its queue.
 */
export const outlasting = <A>(
  asking: Effect.Effect<A, RedisError.RedisCommandError>
): Effect.Effect<A, RedisError.RedisCommandError> =>
  Effect.retry(asking, { while: isOutage, schedule: Schedule.spaced("500 millis") })

// What Redis answers is final, but for what it puts off. A closed client is not opened again.
const isOutage = (error: RedisError.RedisCommandError): boolean => {
  if (error._tag === "RedisOperationError") return RedisError.isRetryable(error, "repeatable")
  return error._tag !== "RedisConnectionError" || error.reason !== "Closed"
}
