import { type Context, Effect } from "effect"
import { SecureRandom } from "effect/crypto"
import type { RedisError } from "effect-ioredis"
import type { Dispatch } from "effect-ioredis/dispatch"
import * as InHand from "./InHand.ts"
import type { Leases } from "./Leases.ts"
import type { QueueStore } from "./QueueStore.ts"
import * as Rounds from "./Rounds.ts"
import type { Taken } from "./scripts/work.ts"
import type { Wakeup } from "./Wakeup.ts"
import type { Settling, WorkerMetrics } from "./WorkerMetrics.ts"

/** What the shifts of a worker are told. */
export interface Settings extends Pick<Rounds.Settings<never>, "attempts" | "lease" | "rate"> {
  /** How many tasks they may have in hand together. */
  readonly concurrency: number
  readonly leases: Leases
  readonly metrics: WorkerMetrics
  /** Is told of each task that was taken, and whenever there was none to take. */
  readonly moved: () => void
  readonly wakeup: Pick<Wakeup, "busy" | "idle">
}

/**
 * The shifts of a worker: each has a share of the tasks in hand and makes the rounds for it, and is
 * a worker of its own to Redis. So Redis works on the round of one while the handlers of the other
 * run. In one shift the two wait for each other: two thirds of the tasks a second.
 */
export interface Shifts {
  /** How many tasks are in hand. */
  readonly running: () => number
  /** Has a round made where most could be taken, as there may be something. */
  readonly look: () => void
  /** Takes no more. */
  readonly close: () => void
  /** Waits for what is in hand, for a time, and lets go of what is left then. */
  readonly drain: (longest: number) => Effect.Effect<void>
  /** Waits until everything that was to be settled is, and no round is to be made or on its way. */
  readonly settled: Effect.Effect<void>
  /** Tells whether Redis may not know yet what becomes of a task. */
  readonly isOwing: () => boolean
  /** Makes rounds until Redis refuses, or does not answer so many times. */
  readonly run: Effect.Effect<never, RedisError.RedisCommandError>
}

interface Shift {
  readonly inHand: InHand.InHand
  readonly rounds: Rounds.Rounds<Settling>
  /** How many tasks it could take if it asked now: none while a round is on its way. */
  readonly room: () => number
}

/** Makes the shifts of one worker, whose handlers run with the services of a context. */
export const make = <R>(
  store: QueueStore,
  dispatch: Dispatch,
  context: Context.Context<R>,
  begin: (taken: Taken, token: string) => InHand.Beginning<R>,
  { attempts, concurrency, lease, leases, metrics, moved, rate, wakeup }: Settings
): Shifts => {
  let isClosing = false

  const makeShift = (share: number): Shift => {
    const settle = (settling: Settling) => rounds.settle(settling)
    const freed = () => rounds.look()
    const inHand: InHand.InHand = InHand.make(dispatch, leases, context, begin, settle, freed, metrics)
    const capacity = () => (isClosing ? 0 : share - inHand.count())
    const rounds: Rounds.Rounds<Settling> = Rounds.make(store, dispatch, {
      worker: SecureRandom.uuidV4Unsafe(),
      attempts,
      lease,
      rate,
      capacity,
      take: (task, token, until) => {
        moved()
        inHand.take(task, token, until)
      },
      confirmed: metrics.settled,
      worked: metrics.worked,
      after: (isIdle, due) => {
        if (isIdle) moved()
        // There may be more than this shift has room for.
        else for (const shift of shifts) if (shift.room() > 0) shift.rounds.look()
        if (!hasRoom()) wakeup.busy()
        // A round that is on its way knows of what has come since.
        else if (isIdle && !shifts.some(({ rounds }) => rounds.isUnderWay())) wakeup.idle(due)
      }
    })
    return { inHand, rounds, room: () => (rounds.isUnderWay() ? 0 : capacity()) }
  }

  const shifts = sharesOf(concurrency).map(makeShift)
  const hasRoom = () => shifts.some((shift) => shift.room() > 0)
  const look = () => shifts.reduce((one, other) => (other.room() > one.room() ? other : one)).rounds.look()

  return {
    running: () => shifts.reduce((count, { inHand }) => count + inHand.count(), 0),
    look,
    close: () => {
      isClosing = true
    },
    drain: (longest) => together(shifts, ({ inHand }) => inHand.drain(longest)),
    settled: together(shifts, ({ rounds }) => rounds.settled),
    isOwing: () => shifts.some(({ inHand, rounds }) => inHand.count() > 0 || rounds.isOwing()),
    run: Effect.raceAllFirst(shifts.map(({ rounds }) => rounds.run))
  }
}

const sharesOf = (concurrency: number): ReadonlyArray<number> =>
  concurrency === 1 ? [1] : [Math.ceil(concurrency / 2), Math.floor(concurrency / 2)]

const together = (shifts: ReadonlyArray<Shift>, of: (shift: Shift) => Effect.Effect<void>): Effect.Effect<void> =>
  Effect.forEach(shifts, of, { concurrency: "unbounded", discard: true })
