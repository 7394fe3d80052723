import { Effect, Schedule } from "effect"
import * as LiveClock from "./LiveClock.ts"

/** Looks every few milliseconds of real time until it is so; after thirty seconds the test fails with what it waited for. */
export const until = <E = never, R = never>(
  what: string,
  condition: (() => boolean) | Effect.Effect<boolean, E, R>
): Effect.Effect<void, never, R> => {
  const look = Effect.isEffect(condition) ? Effect.orElseSucceed(condition, () => false) : Effect.sync(condition)
  return Effect.flatMap(look, (so) => (so ? Effect.void : Effect.fail(what))).pipe(
    Effect.retry({ schedule: Schedule.spaced("3 millis"), times: 10_000 }),
    Effect.timeout("30 seconds"),
    Effect.catch(() => Effect.die(new Error(`waited in vain: ${what}`))),
    LiveClock.provide
  )
}

/** How many milliseconds of real time an effect took, and what came of it. */
export const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const start = performance.now()
    return Effect.map(effect, (value) => ({ value, millis: performance.now() - start }))
  })
