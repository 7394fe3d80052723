import { Clock, Effect, type Fiber, Scheduler } from "effect"
import * as Monotonic from "../../internal/Monotonic.ts"

/**
 * Effect's Clock for synchronous code: everything in the simulation that takes time takes it from
 * here.
 */
export interface Timers {
  /** The clock of the program that the simulation was made in. */
  readonly clock: Clock.Clock
  /** Milliseconds that only go forward. */
  readonly now: () => number
  /** Milliseconds since 1970, which may jump. */
  readonly wallClock: () => number
  /**
   * Runs `f` this much later, unless the scope closes before or the returned function cancels it.
   */
  readonly after: (millis: number, f: () => void) => () => void
  /** Runs `f` at this very time, but never before the caller has returned. */
  readonly soon: (f: () => void) => void
  /** Logs what a foreign callback threw. */
  readonly report: (defect: unknown) => void
}

/** Makes timers that end with the scope. */
export const make = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  const dispatcher = (yield* Scheduler.Scheduler).makeDispatcher()
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  const sleeping = new Set<Fiber.Fiber<void>>()
  let closed = false

  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      closed = true
      for (const fiber of sleeping) fiber.interruptUnsafe()
    })
  )

  const timers: Timers = {
    clock,
    now: () => Monotonic.millis(clock),
    wallClock: () => clock.currentTimeMillisUnsafe(),
    after: (millis, f) => {
      if (closed) return () => {}
      const fiber = fork(Effect.andThen(Effect.sleep(millis), Effect.sync(f)))
      sleeping.add(fiber)
      fiber.addObserver(() => sleeping.delete(fiber))
      return () => fiber.interruptUnsafe()
    },
    soon: (f) => {
      // A whole chain of commands is answered within one turn of the event loop, so that a
      // TestClock is not moved on under it. The empty task makes the TestClock wait for that turn.
      dispatcher.scheduleTask(() => {}, 0)
      queueMicrotask(f)
    },
    // What was thrown may quote a reply.
    report: (defect) => {
      const name = defect instanceof Error ? defect.name : typeof defect
      fork(Effect.logError(`A callback of a Redis command threw ${name}. Others were served`))
    }
  }
  return timers
})
