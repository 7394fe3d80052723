import { Effect, Schedule } from "effect"
import type * as RedisError from "../../RedisError.ts"
import { isOutage } from "./isOutage.ts"

/**
 * Asks again until Redis answers. The part of Effect's `PersistedQueue` that gives back the jobs of
 * lost workers ends for good at its first error, and nobody would be told: so an outage is none to
 * it, however long. It ends with its queue.
 */
export const outlasting = <A>(
  asking: Effect.Effect<A, RedisError.RedisCommandError>
): Effect.Effect<A, RedisError.RedisCommandError> =>
  Effect.retry(asking, { while: isOutage, schedule: Schedule.spaced("500 millis") })
