import { Duration, Effect, Option, Pull, Schedule } from "effect"

/**
 * The delay before the attempt that follows so many, if there shall be one.
 *
 * The count in Redis is all that is known of the attempts before, which other processes made: so
 * the schedule is run from its beginning each time, with the time that its own delays have taken.
 */
export const retryDelay = Effect.fnUntraced(function* <Error>(
  schedule: Schedule.Schedule<unknown, Error | undefined>,
  attempts: number,
  error: Error | undefined
): Effect.fn.Return<Option.Option<number>> {
  const step = yield* Schedule.toStep(schedule)
  let elapsed = 0
  let delay = 0
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const next = yield* Pull.catchDone(step(elapsed, error), () => Effect.undefined)
    if (next === undefined) return Option.none()
    delay = Duration.toMillis(next[1])
    elapsed += delay
  }
  return Option.some(delay)
})
