import { Clock, Effect, Latch, type Scope } from "effect"
import { SecureRandom } from "effect/crypto"
import type { RedisClient, RedisError } from "effect-ioredis"
import * as Dispatch from "effect-ioredis/dispatch"
import * as Handling from "../Handling.ts"
import * as Leases from "../Leases.ts"
import type { QueueStore } from "../QueueStore.ts"
import * as Rounds from "../Rounds.ts"
import type { Settlement, Taken } from "../scripts/work.ts"
import * as Wakeup from "../Wakeup.ts"

/** A task that a taker has, and its lease. */
export interface Given {
  readonly task: Taken
  readonly held: Leases.Held
}

/** Those who wait for tasks of one queue, and those who have one. */
export interface Takers {
  /**
   * Waits for the next task, for as long as Redis does not refuse. `interruptible` says where it
   * may be interrupted: what it was given by then goes back.
   */
  readonly next: (
    interruptible: <A, E>(wait: Effect.Effect<A, E>) => Effect.Effect<A, E>
  ) => Effect.Effect<Given, RedisError.RedisCommandError>
  /** Has Redis told what becomes of a task, by the way. */
  readonly settle: (given: Given, ending: Handling.Ending) => Settlement
  /** Does so, and waits until Redis knows, but no longer than a lease: it is told later then. */
  readonly end: (given: Given, ending: Handling.Ending) => Effect.Effect<void>
}

interface Taker {
  readonly resume: (given: Effect.Effect<Given, RedisError.RedisCommandError>) => void
  given: Given | undefined
}

/**
 * Makes the rounds of a queue for whoever waits, for as long as the scope is open.
 *
 * A taker runs its handler itself, so that it cannot be made to leave off with a task: its lease is
 * renewed for as long as Redis lets it. Whether it still had the task, Redis says at the end.
 */
export const make = Effect.fnUntraced(function* (
  client: RedisClient.RedisClient,
  store: QueueStore,
  lease: number
): Effect.fn.Return<Takers, never, Scope.Scope> {
  const dispatch = Dispatch.of(client)
  const takers = new Set<Taker>()
  const confirmations = new Map<Settlement, Latch.Latch>()
  let isClosed = false

  const settle: Takers["settle"] = ({ held }, ending) => {
    const settlement = { id: held.id, token: held.token, ...ending }
    leases.release(held)
    rounds.settle(settlement)
    return settlement
  }

  const give = (task: Taken, token: string, until: number) => {
    const [taker] = takers
    // Nobody waits any more, or what was taken had to wait for Redis for too long.
    if (taker === undefined || !leases.lasts(until)) return rounds.settle({ id: task.id, token, ...Handling.back(0) })
    takers.delete(taker)
    const held: Leases.Held = { id: task.id, token, until, leave: (why) => why === "Lapsed" && keep(held) }
    leases.hold(held)
    taker.given = { task, held }
    taker.resume(Effect.succeed(taker.given))
  }

  const keep = (held: Leases.Held) => {
    held.until = Number.POSITIVE_INFINITY
    leases.hold(held)
  }

  const refuse = (error: RedisError.RedisCommandError) =>
    Effect.sync(() => {
      for (const taker of takers) taker.resume(Effect.fail(error))
      takers.clear()
    })

  const leases = Leases.make(store, dispatch, lease)
  const wakeup = Wakeup.make(client, dispatch, store.keys.wake, Wakeup.longestOf(lease), () => rounds.look())
  const rounds: Rounds.Rounds = Rounds.make(store, dispatch, {
    worker: SecureRandom.uuidV4Unsafe(),
    lease,
    attempts: Number.POSITIVE_INFINITY,
    rate: { limit: 0, window: 0 },
    capacity: () => takers.size,
    take: give,
    confirmed: (settlement) => confirmations.get(settlement)?.openUnsafe(),
    after: (found) => {
      if (found._tag === "TooFew") wakeup.idle(found.due)
      else wakeup.busy()
    }
  })

  yield* Effect.forkScoped(leases.run)
  yield* Effect.forkScoped(wakeup.run)
  yield* Effect.forkScoped(
    rounds.run.pipe(
      // Whoever waits hears of it. For who comes next Redis may not refuse any more.
      Effect.catch((error) => Effect.andThen(refuse(error), Effect.sleep("500 millis"))),
      Effect.andThen(Effect.sync(rounds.look)),
      Effect.forever,
      Effect.provideService(Clock.Clock, dispatch.clock)
    )
  )
  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      isClosed = true
      for (const latch of confirmations.values()) latch.openUnsafe()
      return dispatch.closeWithin(rounds.settled)
    })
  )

  return {
    next: (interruptible) =>
      Effect.suspend(() => {
        let taker: Taker | undefined
        const wait = Effect.callback<Given, RedisError.RedisCommandError>((resume) => {
          const one: Taker = { resume, given: undefined }
          taker = one
          takers.add(one)
          rounds.look()
          return Effect.sync(() => takers.delete(one))
        })
        const giveBack = Effect.sync(() => taker?.given !== undefined && settle(taker.given, Handling.back(0)))
        return Effect.onInterrupt(interruptible(wait), () => giveBack)
      }),
    settle,
    end: (given, ending) =>
      Effect.suspend(() => {
        const isConfirmed = Latch.makeUnsafe(isClosed)
        const settlement = settle(given, ending)
        confirmations.set(settlement, isConfirmed)
        return isConfirmed.await.pipe(
          Effect.timeoutOption(lease),
          Effect.ensuring(Effect.sync(() => confirmations.delete(settlement))),
          Effect.provideService(Clock.Clock, dispatch.clock)
        )
      })
  }
})
