import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"

/** Runs an effect while TestClock moves on by so much at once, and joins it. */
export const inTime = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  time: Parameters<typeof TestClock.adjust>[0] = "5 seconds"
) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    yield* TestClock.adjust(time)
    return yield* Fiber.join(fiber)
  })
