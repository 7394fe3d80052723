import { Clock, Effect, Option } from "effect"
import * as Monotonic from "./Monotonic.ts"

/**
 * The time that closing may take altogether. A client and whatever stands on it close one after
 * the other, and share it.
 */
export interface ClosingTime {
  /** Runs work for at most what is left. `false` says that the time ran out. */
  readonly within: (work: Effect.Effect<unknown>) => Effect.Effect<boolean>
}

/** Makes a full one of `millis`. */
export const make = (millis: number, clock: Clock.Clock): ClosingTime => {
  let left = millis
  return {
    within: (work) =>
      Effect.suspend(() => {
        const startedAt = Monotonic.millis(clock)
        return Effect.timeoutOption(work, left).pipe(
          Effect.map(Option.isSome),
          Effect.ensuring(
            Effect.sync(() => {
              left = Math.max(0, left - (Monotonic.millis(clock) - startedAt))
            })
          ),
          Effect.provideService(Clock.Clock, clock)
        )
      })
  }
}
