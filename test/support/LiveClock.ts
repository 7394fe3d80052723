import { Clock, Effect } from "effect"

/**
 * Runs an effect on the real clock, also inside `it.effect`, where time is the TestClock's: a process, a socket and a
 * frozen server wait for nobody's virtual time.
 */
export const provide = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.provideService(effect, Clock.Clock, Clock.Clock.defaultValue())
