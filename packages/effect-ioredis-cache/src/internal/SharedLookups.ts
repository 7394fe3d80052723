import { type Cause, Context, Deferred, Duration, Effect, Exit, type Fiber, Option, type Scope } from "effect"
import * as Cache from "../Cache.ts"
import type { Current } from "./CacheTier.ts"
import type * as Sequences from "./Sequences.ts"

/**
 * One lookup per key at a time, shared by everyone who waits for that key.
 *
 * **Details**
 *
 * A lookup runs in a fiber of its own, so that it ends early only when every waiter has left, and
 * not even then where it was started for nobody. Its failure reaches every waiter.
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
  readonly join: <A, E, R>(key: string, lookup: (watch: Current) => Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /**
   * Waits for the lookup likewise, but no longer than so many milliseconds. The lookup then goes on
   * for nobody.
   */
  readonly joinFor: <A, E, R>(
    key: string,
    millis: number,
    lookup: (watch: Current) => Effect.Effect<A, E, R>
  ) => Effect.Effect<Option.Option<A>, E, R>
  /**
   * Waits for this lookup in the place of one that runs, which goes on for its waiters and stores
   * nothing. Whoever comes later joins this one, by whichever method.
   */
  readonly renew: <A, E, R>(key: string, lookup: (watch: Current) => Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /**
   * Starts this lookup for nobody, unless one of the key runs. It may end without having looked up:
   * whoever has joined it then starts anew.
   */
  readonly start: <R>(
    key: string,
    lookup: (watch: Current) => Effect.Effect<unknown, unknown, R>
  ) => Effect.Effect<void, never, R>
  /**
   * Lets whoever joins from now on start a new lookup. The one that runs goes on for its waiters.
   */
  readonly detach: (key: string) => void
  /** Detaches every key. */
  readonly detachAll: () => void
}

/** The end of a lookup that has not looked up. */
export const notRun: unique symbol = Symbol("effect-ioredis-cache/SharedLookups/notRun")

/** The type of {@link notRun}. */
export type NotRun = typeof notRun

/** Describes how lookups end, besides by themselves. */
export interface Options {
  /** The longest that one may take, in milliseconds. Default: as long as it takes. */
  readonly limit?: number | undefined
  /** Is told of a lookup that failed, unless its key was written meanwhile. */
  readonly onFailure?: ((key: string, cause: Cause.Cause<unknown>) => void) | undefined
  /** Is told whose lookups are detached: of a key, or of all. */
  readonly onDetach?: ((key: string | undefined) => void) | undefined
  /** Is told of a caller who waits for the lookup of another. */
  readonly onShare?: (() => void) | undefined
}

/** Makes the lookups of one region. They run in the scope, and end with it. */
export const make = (
  region: string,
  scope: Scope.Scope,
  watch: (key: string) => Sequences.Watch,
  options: Options = {}
): SharedLookups => {
  const running: Running = new Map()
  const { onDetach, onShare } = options

  const begin = makeBegin(region, scope, watch, running, options)

  const enter = <R>(key: string, run: Run<R>): Effect.Effect<Wait, never, R> =>
    Effect.withFiber((fiber) => {
      const current = fiber.getRef(RunningFor)
      // A lookup that has ended waits for nothing, and the fibers it left behind are nobody's.
      const by = current === undefined || current.hasEnded() ? undefined : current
      const isOwn = by?.fiber === fiber
      const known = running.get(key)
      const cycle = known === undefined || by === undefined ? "none" : cycleOf(known, by, isOwn)
      if (cycle === "certain") return dieOfCycle(region)
      if (known !== undefined) onShare?.()
      return Effect.map(known === undefined ? begin(key, run) : Effect.succeed(known), (lookup) => {
        const wait = new Wait(lookup, by, isOwn, cycle === "possible")
        lookup.waiters++
        by?.waits.add(wait)
        return wait
      })
    })

  // A waiter may be given another caller's lookup. It is of the same key, and so of the same kind.
  const waitFor = <A, E, R>(
    key: string,
    run: Run<R>,
    use: (wait: Wait) => Effect.Effect<unknown, unknown>
  ): Effect.Effect<A, E, R> => {
    const used = Effect.acquireUseRelease(enter(key, run), use, (wait) => Effect.sync(() => wait.leave()))
    return Effect.flatMap(used, (answer) =>
      answer === notRun ? waitFor(key, run, use) : Effect.succeed(answer)
    ) as Effect.Effect<A, E, R>
  }

  const join = <A, E, R>(key: string, lookup: (watch: Current) => Effect.Effect<A, E, R>, renews = false) =>
    waitFor<A, E, R>(key, { lookup, renews }, (wait) => answerOf(wait, region))

  return {
    join: (key, lookup) => join(key, lookup),
    joinFor: <A, E, R>(key: string, millis: number, lookup: (watch: Current) => Effect.Effect<A, E, R>) =>
      waitFor<Option.Option<A>, E, R>(key, { lookup, renews: false }, (wait) =>
        Effect.map(Effect.timeoutOption(answerOf(wait, region), millis), (answer) => {
          if (Option.isNone(answer)) wait.lookup.goesOn = true
          return Option.isSome(answer) && answer.value === notRun ? notRun : answer
        })
      ),
    renew: (key, lookup) =>
      Effect.suspend(() => {
        const known = running.get(key)
        if (known?.renews === false) known.replace()
        return join(key, lookup, true)
      }),
    // A caller that was interrupted in between would leave a lookup that nothing ends.
    start: (key, lookup) =>
      Effect.uninterruptible(
        Effect.suspend(() => (running.has(key) ? Effect.void : begin(key, { lookup, renews: false, goesOn: true })))
      ),
    detach: (key) => {
      running.delete(key)
      onDetach?.(key)
    },
    detachAll: () => {
      running.clear()
      onDetach?.(undefined)
    }
  }
}

/** Describes a lookup that is to run. */
interface Run<R> {
  readonly lookup: (watch: Current) => Effect.Effect<unknown, unknown, R>
  readonly renews: boolean
  readonly goesOn?: boolean
}

type Running = Map<string, Lookup>

const makeBegin = (
  region: string,
  scope: Scope.Scope,
  watch: (key: string) => Sequences.Watch,
  running: Running,
  { limit, onFailure }: Options
) => {
  // Runs beside the lookup rather than around it. So the lookup keeps the fiber by which a cycle is
  // known, and one that cannot be interrupted keeps nobody waiting.
  const endInTime = (lookup: Lookup, millis: number): Effect.Effect<Lookup> =>
    Effect.sleep(millis).pipe(
      Effect.andThen(Effect.sync(() => lookup.end(Exit.fail(timeout(region, millis))))),
      Effect.forkIn(scope, { startImmediately: true }),
      Effect.map((timer) => {
        lookup.fiber?.addObserver(() => timer.interruptUnsafe())
        return lookup
      })
    )

  return <R>(key: string, run: Run<R>): Effect.Effect<Lookup, never, R> => {
    const lookup = new Lookup(key, watch(key), running, run, onFailure)
    running.set(key, lookup)
    const begun = run.lookup(lookup).pipe(
      Effect.provideService(RunningFor, lookup),
      Effect.forkIn(scope),
      Effect.map((fiber) => {
        lookup.fiber = fiber
        // An observer is told even of a fiber that was interrupted before it began.
        fiber.addObserver((exit) => lookup.end(exit))
        return lookup
      })
    )
    return limit === undefined ? begun : Effect.flatMap(begun, (lookup) => endInTime(lookup, limit))
  }
}

class Lookup implements Current {
  readonly key: string
  readonly done = Deferred.makeUnsafe<unknown, unknown>()
  /** Says what this lookup waits for, in whichever of its fibers. */
  readonly waits = new Set<Wait>()
  /** Says that it began although there may have been a value, so that a `renew` joins it. */
  readonly renews: boolean
  /** Says that it goes on when nobody waits. */
  goesOn: boolean
  waiters = 0
  fiber: Fiber.Fiber<unknown, unknown> | undefined = undefined
  readonly #watch: Sequences.Watch
  readonly #running: Running
  readonly #onFailure: Options["onFailure"]
  #isReplaced = false

  constructor(
    key: string,
    watch: Sequences.Watch,
    running: Running,
    { goesOn = false, renews }: Pick<Run<never>, "goesOn" | "renews">,
    onFailure: Options["onFailure"]
  ) {
    this.key = key
    this.#watch = watch
    this.#running = running
    this.goesOn = goesOn
    this.renews = renews
    this.#onFailure = onFailure
  }

  isCurrent(): boolean {
    return !this.#isReplaced && this.#watch.isCurrent()
  }

  hasEnded(): boolean {
    return Deferred.isDoneUnsafe(this.done)
  }

  /** Another lookup begins in its place, and its value is not stored. */
  replace(): void {
    this.#isReplaced = true
    this.#leaveRunning()
  }

  /**
   * Ends it for everyone who waits. Its fiber may go on until it can be interrupted, and nobody
   * waits for that, being perhaps part of it.
   */
  end(exit: Exit.Exit<unknown, unknown>): void {
    if (this.hasEnded()) return
    this.#leaveRunning()
    if (Exit.isFailure(exit) && this.isCurrent()) this.#onFailure?.(this.key, exit.cause)
    this.#watch.end()
    this.waits.clear()
    Deferred.doneUnsafe(this.done, exit)
    this.fiber?.interruptUnsafe()
  }

  /** The last waiter to leave interrupts it. */
  left(): void {
    this.waiters--
    if (this.waiters > 0 || this.goesOn || this.hasEnded()) return
    this.#leaveRunning()
    this.fiber?.interruptUnsafe()
  }

  #leaveRunning(): void {
    if (this.#running.get(this.key) === this) this.#running.delete(this.key)
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

  leave(): void {
    this.by?.waits.delete(this)
    this.lookup.left()
  }
}

// The lookup that the current fiber runs for, if any. Fibers inherit it from the one that forks
// them.
const RunningFor = Context.Reference<Lookup | undefined>("effect-ioredis-cache/SharedLookups/Current", {
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

const timeout = (region: string, millis: number): Cache.LookupTimeoutError => {
  const duration = Duration.millis(millis)
  const message = `A lookup of region ${region} took longer than its ${Duration.format(duration)}`
  return new Cache.LookupTimeoutError({ region, duration, message })
}
