import { Context, Deferred, Effect, type Fiber, type Scope } from "effect"
import * as Cache from "../Cache.ts"
import type * as Sequences from "./Sequences.ts"

/**
 * One lookup per key at a time, shared by everyone who waits for that key.
 *
 * **Details**
 *
 * A lookup runs in a fiber of its own, so that it ends early only when every waiter has left. Its
 * failure reaches every waiter.
 *
 * A lookup that comes to wait for itself, at once or through other lookups, would wait for ever. It
 * is a defect at once where the lookups' own fibers wait. A fiber that a lookup has forked may be
 * one that the lookup waits for or one that it leaves behind, and nothing tells which. Where such a
 * fiber is part of the cycle, the lookup in question is given 30 seconds to end.
 */
export interface SharedLookups {
  /**
   * Waits for the lookup of a key that runs, or starts this one. Its key is watched from the moment
   * it is started, because its fiber begins later, and what is written until then is newer too.
   */
  readonly join: <A, E, R>(
    key: string,
    lookup: (watch: Sequences.Watch) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E, R>
  /**
   * Lets whoever joins from now on start a new lookup. The one that runs goes on for its waiters.
   */
  readonly detach: (key: string) => void
  /** Detaches every key. */
  readonly detachAll: () => void
}

/** Makes the lookups of one region. They run in the scope, and end with it. */
export const make = (region: string, scope: Scope.Scope, watch: (key: string) => Sequences.Watch): SharedLookups => {
  const running = new Map<string, Lookup>()

  const end = (key: string, lookup: Lookup): void => {
    if (running.get(key) === lookup) running.delete(key)
  }

  const start = <A, E, R>(
    key: string,
    effect: (watch: Sequences.Watch) => Effect.Effect<A, E, R>
  ): Effect.Effect<Lookup, never, R> => {
    const lookup = new Lookup()
    const watching = watch(key)
    running.set(key, lookup)
    return effect(watching).pipe(
      Effect.provideService(Current, lookup),
      Effect.forkIn(scope),
      Effect.map((fiber) => {
        lookup.fiber = fiber
        // An observer is told even of a fiber that was interrupted before it began.
        fiber.addObserver((exit) => {
          end(key, lookup)
          watching.end()
          lookup.waits.clear()
          Deferred.doneUnsafe(lookup.done, exit)
        })
        return lookup
      })
    )
  }

  const enter = <A, E, R>(
    key: string,
    effect: (watch: Sequences.Watch) => Effect.Effect<A, E, R>
  ): Effect.Effect<Wait, never, R> =>
    Effect.withFiber((fiber) => {
      const current = fiber.getRef(Current)
      // A lookup that has ended waits for nothing, and the fibers it left behind are nobody's.
      const by = current === undefined || current.hasEnded() ? undefined : current
      const isOwn = by?.fiber === fiber
      const known = running.get(key)
      const cycle = known === undefined || by === undefined ? "none" : cycleOf(known, by, isOwn)
      if (cycle === "certain") return dieOfCycle(region)
      return Effect.map(known === undefined ? start(key, effect) : Effect.succeed(known), (lookup) => {
        const wait = new Wait(lookup, by, isOwn, cycle === "possible")
        lookup.waiters++
        by?.waits.add(wait)
        return wait
      })
    })

  // The last waiter to leave ends the lookup, but does not wait for its end, being perhaps part of
  // it.
  const leave = (key: string, wait: Wait): void => {
    const { by, lookup } = wait
    by?.waits.delete(wait)
    lookup.waiters--
    if (lookup.waiters > 0 || lookup.hasEnded()) return
    end(key, lookup)
    lookup.fiber?.interruptUnsafe()
  }

  return {
    join: <A, E, R>(key: string, lookup: (watch: Sequences.Watch) => Effect.Effect<A, E, R>) =>
      // A waiter may be given another caller's lookup. It is of the same key, and so of the same
      // kind.
      Effect.acquireUseRelease(
        enter(key, lookup),
        (wait) => answerOf(wait, region),
        (wait) => Effect.sync(() => leave(key, wait))
      ) as Effect.Effect<A, E, R>,
    detach: (key) => {
      running.delete(key)
    },
    detachAll: () => running.clear()
  }
}

class Lookup {
  readonly done = Deferred.makeUnsafe<unknown, unknown>()
  /** Says what this lookup waits for, in whichever of its fibers. */
  readonly waits = new Set<Wait>()
  waiters = 0
  fiber: Fiber.Fiber<unknown, unknown> | undefined = undefined

  hasEnded(): boolean {
    return Deferred.isDoneUnsafe(this.done)
  }
}

class Wait {
  readonly lookup: Lookup
  readonly by: Lookup | undefined
  /**
   * Says that the fiber which waits is the one that `by` runs in, and not one that was forked
   * there.
   */
  readonly isOwn: boolean
  readonly mayBeCycle: boolean

  constructor(lookup: Lookup, by: Lookup | undefined, isOwn: boolean, mayBeCycle: boolean) {
    this.lookup = lookup
    this.by = by
    this.isOwn = isOwn
    this.mayBeCycle = mayBeCycle
  }
}

// The lookup that the current fiber runs for, if any. Fibers inherit it from the one that forks
// them.
const Current = Context.Reference<Lookup | undefined>("effect-ioredis-cache/SharedLookups/Current", {
  defaultValue: () => undefined
})

const cycleOf = (asked: Lookup, by: Lookup, isOwn: boolean): "none" | "possible" | "certain" => {
  if (!reaches(asked, by, () => true)) return "none"
  return isOwn && reaches(asked, by, (wait) => wait.isOwn) ? "certain" : "possible"
}

// Whether `from` waits for `to`, at once or through others. Each lookup is visited once.
const reaches = (from: Lookup, to: Lookup, follows: (wait: Wait) => boolean): boolean => {
  // Iterating over a set includes what is added to it meanwhile.
  const visited = new Set([from])
  for (const lookup of visited) {
    if (lookup === to) return true
    for (const wait of lookup.waits) if (follows(wait)) visited.add(wait.lookup)
  }
  return false
}

const answerOf = ({ lookup, mayBeCycle }: Wait, region: string): Effect.Effect<unknown, unknown> => {
  const answer = Deferred.await(lookup.done)
  return mayBeCycle
    ? Effect.timeoutOrElse(answer, { duration: "30 seconds", orElse: () => dieOfCycle(region) })
    : answer
}

const dieOfCycle = (region: string): Effect.Effect<never> =>
  Effect.die(
    new Cache.LookupCycleError({
      region,
      message: `A lookup of region ${region} waits for itself: it asks, at once or through other lookups, for its own key. Look that value up without the cache`
    })
  )
