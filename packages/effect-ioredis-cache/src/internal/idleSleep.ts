import { Clock, Context, Duration, Effect } from "effect"

/**
 * Sleeps on the Clock, and on the live one without keeping the process alive.
 *
 * Effect's own timers keep it alive, which is right for work that somebody waits for, and wrong for
 * housekeeping of a program that has nothing else to do.
 */
export const idleSleep = (clock: Clock.Clock, millis: number): Effect.Effect<void> =>
  clock === live
    ? Effect.callback((resume) => {
        const timer = setTimeout(() => resume(Effect.void), millis)
        timer.unref()
        return Effect.sync(() => clearTimeout(timer))
      })
    : clock.sleep(Duration.millis(millis))

const live = Context.get(Context.empty(), Clock.Clock)
