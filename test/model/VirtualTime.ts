import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"

/** Lets everything that can run, run, without any time passing. */
export const settle = Effect.forEach(Array.from({ length: 8 }), () => Effect.yieldNow, { discard: true })

export const pass = (millis: number) => Effect.andThen(settle, Effect.andThen(TestClock.adjust(millis), settle))

/** Runs while time passes in small steps. What does not end within a minute is a defect. */
export const passUntilDone = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    yield* settle
    for (let passed = 0; fiber.pollUnsafe() === undefined; passed += 50) {
      if (passed > 60_000) return yield* Effect.die(new Error("not done after a minute"))
      yield* pass(50)
    }
    return yield* Fiber.join(fiber)
  })
