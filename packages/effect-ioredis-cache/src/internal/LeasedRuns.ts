import { Clock, Effect, Fiber, Option } from "effect"
import type { Current, Found, Replaced } from "./CacheTier.ts"
import type { Lease, Leases } from "./Lease.ts"
import type { LookupRuns, Request } from "./LookupRuns.ts"
import type { Reads } from "./Reads.ts"
import { notRun } from "./SharedLookups.ts"
import { unwrap } from "./Wrapped.ts"

/** Holds what lookups under leases are made with. */
export interface Environment<in out Key, in out Value, in out E> {
  readonly runs: LookupRuns<Key, Value, E>
  readonly leases: Leases
  readonly reads: Pick<Reads<Key, Value, E>, "find">
  /** Gives a number from 0 up to 1. */
  readonly random: () => number
  /** The time of `Request.askedAt`. */
  readonly now: () => number
}

/**
 * Makes lookups take leases. The tier that has leases brings it along, so that nobody else does.
 */
export type Leased<in out Value> = <Key, E>(
  environment: Omit<Environment<Key, Value, E>, "leases">
) => LookupRuns<Key, Value, E>

/**
 * Makes what the lookups of a region do that lets one process at a time look a key up.
 *
 * - Whoever finds nothing takes the lease and looks up, or waits for the value of whoever has it.
 *   After the patience of the cache it looks up without a lease.
 * - A `refresh` that its caller waits for wants a value that is newer than any lookup which runs,
 *   so it takes the lease from whoever has it.
 * - A refresh that nobody waits for is left to whoever has the lease.
 * - Keys that are looked up together take no leases: their lookup is one for each process.
 */
export const make = <Key, Value, E>(environment: Environment<Key, Value, E>): LookupRuns<Key, Value, E> => {
  const { leases, runs } = environment
  const awaitTurn = makeAwaitTurn(environment)

  // Whatever ends the lookup, the lease is given back: by its fill, or here.
  const leased = <A, E2, R>(
    { rendered }: Request<Key, Value, unknown, unknown>,
    use: (lease: Lease) => Effect.Effect<A, E2, R>
  ): Effect.Effect<A, E2, R> =>
    Effect.suspend(() => {
      const lease = leases.of(rendered)
      return Effect.onExit(use(lease), () => Effect.sync(() => leases.giveBack(lease)))
    })

  return {
    fill: (request, replaces, watch) => {
      if (request.isPart || !leases.isOn()) return runs.fill(request, replaces, watch)
      return leased(request, (lease) =>
        Effect.flatMap(awaitTurn(request, lease, replaces), (turn) => {
          if (turn._tag === "Found") return Effect.succeed(turn.value)
          return leases.whileRenewed(lease, runs.fill(request, turn.replaces, watch, lease))
        })
      )
    },
    // Redis answers what was asked before the lookup, and so it is known whether the lease is held.
    replace: (request, watch) => {
      if (request.isPart || !leases.isOn()) return runs.replace(request, watch)
      return leased(request, (lease) =>
        Effect.andThen(
          Effect.forkChild(leases.seize(lease), { startImmediately: true }),
          leases.whileRenewed(lease, runs.replace(request, watch, lease))
        )
      )
    },
    refresh: <E2, R>(request: Request<Key, Value, E2, R>, watch: Current) => {
      if (request.isPart || !leases.isOn()) return runs.refresh(request, watch)
      return leased(request, (lease) =>
        Effect.flatMap(
          leases.take(lease, leases.patience),
          (answer): ReturnType<typeof runs.refresh<E2, R>> =>
            answer === "Another's"
              ? Effect.as(onClock(leases, Effect.sleep(longestPause)), notRun)
              : leases.whileRenewed(lease, runs.refresh(request, watch, lease))
        )
      )
    }
  }
}

/** Says what a lookup is to do: to answer with what was found, or to run. */
type Turn<Value> =
  | { readonly _tag: "Found"; readonly value: Value }
  | { readonly _tag: "LookUp"; readonly replaces: Replaced | undefined }

/**
 * Waits until a lookup may run, or until there is a value. Each look takes the lease first and then
 * reads the key, so that what the last holder has stored is found.
 */
const makeAwaitTurn = <Key, Value, E>({ leases, now, random, reads }: Environment<Key, Value, E>) => {
  const look = (rendered: string, lease: Lease, timeLeft: number) =>
    Effect.gen(function* () {
      const taking = yield* Effect.forkChild(leases.take(lease, timeLeft), { startImmediately: true })
      const found = yield* Effect.orElseSucceed(reads.find(rendered), () => unanswered)
      return { found, answer: yield* Fiber.join(taking) }
    })

  const awaitTurn = Effect.fnUntraced(function* (
    { askedAt, rendered }: Request<Key, Value, unknown, unknown>,
    lease: Lease,
    replaces: Replaced | undefined
  ): Effect.fn.Return<Turn<Value>> {
    const until = leases.now() + leases.patience - (now() - askedAt)
    let longest = firstPause
    while (until > leases.now()) {
      const timeLeft = until - leases.now()
      const looked = yield* Effect.timeoutOption(look(rendered, lease, timeLeft), timeLeft)
      if (Option.isNone(looked)) break
      const { answer, found } = looked.value
      if (found.hit !== undefined) return { _tag: "Found", value: unwrap(found.hit.value) }
      if (answer !== "Another's") {
        return { _tag: "LookUp", replaces: found.source === "redis" ? found.replaces : replaces }
      }
      // Whole milliseconds, so that the last pause does not end just before its end.
      yield* Effect.sleep(Math.ceil(Math.min(longest * (0.5 + random() / 2), until - leases.now())))
      longest = Math.min(2 * longest, longestPause)
    }
    return { _tag: "LookUp", replaces }
  })

  return (...turn: Parameters<typeof awaitTurn>) => onClock(leases, awaitTurn(...turn))
}

const onClock = <A, E, R>({ clock }: Leases, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.provideService(effect, Clock.Clock, clock)

const unanswered: Found<never> = { hit: undefined, source: "fallback" }

const firstPause = 10
const longestPause = 100
