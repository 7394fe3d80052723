import { Effect, Fiber, type Scope } from "effect"

/**
 * Lets all who ask while it runs share one run of an effect.
 *
 * It runs in the context in which it was made, and goes on when who asked has left. It ends with
 * the scope.
 */
export const make = Effect.fnUntraced(function* <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.fn.Return<Effect.Effect<A, E>, never, R | Scope.Scope> {
  const runFork = Effect.runForkWith(yield* Effect.context<R>())
  let running: Fiber.Fiber<A, E> | undefined
  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => (running === undefined ? Effect.void : Fiber.interrupt(running)))
  )
  const begin = (): Fiber.Fiber<A, E> => {
    const fiber = runFork(effect)
    running = fiber
    fiber.addObserver(() => {
      running = undefined
    })
    return fiber
  }
  return Effect.suspend(() => Fiber.join(running ?? begin()))
})
