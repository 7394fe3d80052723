import { Context, Deferred, Effect, type Fiber, type Scope } from "effect"
import * as Cache from "../Cache.ts"

/**
 * One lookup per key at a time, shared by everyone who waits for that key.
 *
 * A lookup runs in a fiber of its own, so that it ends early only when every waiter has left. Its failure reaches every waiter. A key that
 * was detached (it was written or removed meanwhile) starts a new lookup for whoever comes later, while the old one goes on for those who
 * wait for it. A lookup that comes to wait for itself, at once or through others, is a defect: it would wait for ever.
 */
export interface Flights {
  readonly join: <A, E, R>(key: string, lookup: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  readonly detach: (key: string) => void
  readonly detachAll: () => void
}

export const make = (region: string, scope: Scope.Scope): Flights => {
  const flights = new Map<string, Flight>()

  const land = (key: string, flight: Flight): void => {
    if (flights.get(key) === flight) flights.delete(key)
  }

  const start = <A, E, R>(key: string, lookup: Effect.Effect<A, E, R>): Effect.Effect<Flight, never, R> => {
    const flight: Flight = { done: Deferred.makeUnsafe(), waiters: 0, waitsFor: new Set(), fiber: undefined }
    flights.set(key, flight)
    return lookup.pipe(
      Effect.provideService(Current, flight),
      Effect.forkIn(scope),
      Effect.map((fiber) => {
        flight.fiber = fiber
        // An observer is told even of a fiber that was interrupted before it began.
        fiber.addObserver((exit) => {
          land(key, flight)
          Deferred.doneUnsafe(flight.done, exit)
        })
        return flight
      })
    )
  }

  const board = <A, E, R>(key: string, lookup: Effect.Effect<A, E, R>): Effect.Effect<Flight, never, R> =>
    Effect.flatMap(Current, (current) => {
      const flying = flights.get(key)
      if (flying !== undefined && current !== undefined && reaches(flying, current)) {
        return Effect.die(new Cache.LookupCycleError({ region, message: cycle(region) }))
      }
      return Effect.map(flying === undefined ? start(key, lookup) : Effect.succeed(flying), (flight) => {
        flight.waiters++
        current?.waitsFor.add(flight)
        return flight
      })
    })

  // Whoever leaves last ends the lookup, but does not wait for its end: he may be part of it.
  const leave = (key: string, flight: Flight): Effect.Effect<void> =>
    Effect.map(Current, (current) => {
      current?.waitsFor.delete(flight)
      flight.waiters--
      if (flight.waiters > 0 || Deferred.isDoneUnsafe(flight.done)) return
      land(key, flight)
      flight.fiber?.interruptUnsafe()
    })

  return {
    join: <A, E, R>(key: string, lookup: Effect.Effect<A, E, R>) =>
      // A waiter is given the lookup that runs, which may be another caller's: it is of the same key, and so of the same kind.
      Effect.acquireUseRelease(
        board(key, lookup),
        ({ done }) => Deferred.await(done),
        (flight) => leave(key, flight)
      ) as Effect.Effect<A, E, R>,
    detach: (key) => {
      flights.delete(key)
    },
    detachAll: () => flights.clear()
  }
}

interface Flight {
  readonly done: Deferred.Deferred<unknown, unknown>
  /** The lookups that this one waits for. */
  readonly waitsFor: Set<Flight>
  waiters: number
  fiber: Fiber.Fiber<unknown, unknown> | undefined
}

// The lookup that the current fiber runs for, if any.
const Current = Context.Reference<Flight | undefined>("effect-ioredis-cache/Flights/Current", {
  defaultValue: () => undefined
})

const reaches = (from: Flight, to: Flight): boolean =>
  from === to || Array.from(from.waitsFor).some((next) => reaches(next, to))

const cycle = (region: string): string =>
  `A lookup of region ${region} waits for itself: it asks, at once or through other lookups, for its own key. Look that value up without the cache`
