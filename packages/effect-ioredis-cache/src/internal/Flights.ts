import { Effect, type Exit, Fiber, type Scope } from "effect"

/**
 * One lookup per key at a time, shared by everyone who waits for that key.
 *
 * A lookup runs in a fiber of its own, so that it ends early only when every waiter has left. Its failure reaches every waiter. A key that
 * was detached (it was written or removed meanwhile) starts a new lookup for whoever comes later, while the old one goes on for those who
 * wait for it.
 */
export interface Flights {
  readonly join: <A, E, R>(key: string, lookup: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  readonly detach: (key: string) => void
  readonly detachAll: () => void
}

export const make = (scope: Scope.Scope): Flights => {
  const flights = new Map<string, Flight>()

  const start = <A, E, R>(key: string, lookup: Effect.Effect<A, E, R>): Effect.Effect<Flight, never, R> =>
    Effect.gen(function* () {
      const flight: Flight = { waiters: new Set(), fiber: undefined, exit: undefined }
      flights.set(key, flight)
      const fiber = yield* Effect.forkIn(lookup, scope)
      flight.fiber = fiber
      fiber.addObserver((exit) => {
        flight.exit = exit
        leave(key, flight)
        for (const resume of flight.waiters) resume(exit)
      })
      return flight
    })

  const leave = (key: string, flight: Flight): void => {
    if (flights.get(key) === flight) flights.delete(key)
  }

  const wait = (key: string, flight: Flight): Effect.Effect<unknown, unknown> =>
    Effect.callback((resume) => {
      if (flight.exit !== undefined) return resume(flight.exit)
      flight.waiters.add(resume)
      return Effect.suspend(() => {
        flight.waiters.delete(resume)
        if (flight.waiters.size > 0 || flight.fiber === undefined) return Effect.void
        leave(key, flight)
        return Fiber.interrupt(flight.fiber)
      })
    })

  return {
    join: <A, E, R>(key: string, lookup: Effect.Effect<A, E, R>) =>
      // A waiter is given the lookup that runs, which may be another caller's: it is of the same key, and so of the same kind.
      Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(
          Effect.suspend(() => {
            const flying = flights.get(key)
            return flying === undefined ? start(key, lookup) : Effect.succeed(flying)
          }),
          (flight) => restore(wait(key, flight))
        )
      ) as Effect.Effect<A, E, R>,
    detach: (key) => {
      flights.delete(key)
    },
    detachAll: () => flights.clear()
  }
}

interface Flight {
  readonly waiters: Set<(exit: Exit.Exit<unknown, unknown>) => void>
  fiber: Fiber.Fiber<unknown, unknown> | undefined
  exit: Exit.Exit<unknown, unknown> | undefined
}
