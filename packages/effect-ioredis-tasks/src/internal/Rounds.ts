import { Effect, Exit, Latch, Schedule } from "effect"
import type { RedisClient, RedisError } from "effect-ioredis"
import type { Dispatch } from "effect-ioredis/dispatch"
import { errorTypeOf } from "./errorType.ts"
import { inBackground } from "./inBackground.ts"
import { isOutage } from "./isOutage.ts"
import type { QueueStore } from "./QueueStore.ts"
import { type Call, type Settlement, type Taken, tokenOf } from "./scripts/work.ts"
import * as Monotonic from "./Monotonic.ts"

/** What the rounds of a worker are told, whose settlements may say more than Redis is told. */
export interface Settings<in S extends Settlement> extends Pick<Call, "lease" | "rate" | "worker"> {
  /** How many tasks it may take now. */
  readonly capacity: () => number
  /** How many rounds in a row may fail before the worker ends. */
  readonly attempts: number
  /** Is given each task, and until when it is certainly the worker's own. */
  readonly take: (task: Taken, token: string, until: number) => void
  /**
   * Is told of each settlement, once Redis knows of it, whether the task was still the worker's
   * own: another may have it, or have had it.
   */
  readonly confirmed: (settlement: S, isOwn: boolean) => void
  /** Is told how many milliseconds each call took, and what it failed with, if it did. */
  readonly worked?: ((millis: number, errorType: string | undefined) => void) | undefined
  /**
   * Is told after each round whether the worker would have taken more, and in how many milliseconds
   * there is something for certain.
   */
  readonly after: (isIdle: boolean, due: number | undefined) => void
}

/** The rounds of a worker: each settles what is done and takes the next, in one script. */
export interface Rounds<in S extends Settlement = Settlement> {
  /** Has a task settled in the next round. */
  readonly settle: (settlement: S) => void
  /** Has a round made, as there may be something to take. */
  readonly look: () => void
  /** Tells whether Redis may not know yet what becomes of a task that it has given or will give. */
  readonly isOwing: () => boolean
  /** Tells whether a round is on its way or to be made. */
  readonly isUnderWay: () => boolean
  /**
   * Waits until everything that was to be settled is, and no round is to be made or on its way that
   * could take a task.
   */
  readonly settled: Effect.Effect<void>
  /**
   * Makes rounds until Redis refuses, or does not answer so many times. It may be run again: it
   * begins with the call that has no answer.
   */
  readonly run: Effect.Effect<never, RedisError.RedisCommandError>
}

type Asked<S> = Omit<Parameters<QueueStore["work"]>[0], "settlements"> & { readonly settlements: ReadonlyArray<S> }

/** How much is settled or taken in one round at most, so that Redis has time for others. */
export const most = 200

const patience: RedisClient.CallOptions = { waitToSend: "5 seconds", operationTimeout: "7 seconds" }

// Some refusals come at once, as long as Redis cannot write to its disk.
const pause = Schedule.spaced("200 millis")

/** Makes the rounds of one worker. */
export const make = <S extends Settlement>(
  store: QueueStore,
  { clock }: Dispatch,
  settings: Settings<S>
): Rounds<S> => {
  const { attempts, lease, rate, worked: told, worker } = settings
  const shallLook = Latch.makeUnsafe(true)
  const now = () => Monotonic.millis(clock)
  const settlements: Array<S> = []
  const isSettled = Latch.makeUnsafe()
  let call = 0
  let unanswered: Asked<S> | undefined

  // A call whose reply is lost is made again, until one comes: Redis knows it by its number.
  const ask = (asked: Asked<S>) => {
    let failed = 0
    return Effect.suspend(() => {
      const sentAt = now()
      return store.work(asked, patience).pipe(
        Effect.onExit((exit) =>
          Effect.sync(() => told?.(now() - sentAt, Exit.isFailure(exit) ? errorTypeOf(exit.cause) : undefined))
        ),
        Effect.map((worked) => ({ sentAt, worked }))
      )
    }).pipe(Effect.retry({ while: (error) => isOutage(error) && ++failed < attempts, schedule: pause }))
  }

  const round = Effect.gen(function* () {
    isSettled.closeUnsafe()
    const want = Math.max(0, Math.min(most, settings.capacity()))
    unanswered ??= { worker, call: ++call, lease, want, rate, settlements: settlements.splice(0, most) }
    const asked = unanswered
    const { sentAt, worked } = yield* ask(asked)
    unanswered = undefined
    for (const [index, settlement] of asked.settlements.entries()) {
      settings.confirmed(settlement, !worked.refused.has(index))
    }
    const token = tokenOf(asked)
    for (const task of worked.taken) settings.take(task, token, sentAt + task.lease)
    const isIdle = worked.taken.length < asked.want
    // Another is to be made for what this one had no place for.
    if (settlements.length > 0 || (!isIdle && settings.capacity() > 0)) shallLook.openUnsafe()
    if (!shallLook.isOpen()) isSettled.openUnsafe()
    settings.after(isIdle, worked.due)
  })

  return {
    settle: (settlement) => {
      settlements.push(settlement)
      isSettled.closeUnsafe()
      shallLook.openUnsafe()
    },
    look: () => {
      isSettled.closeUnsafe()
      shallLook.openUnsafe()
    },
    isOwing: () =>
      settlements.length > 0 || (unanswered !== undefined && unanswered.want + unanswered.settlements.length > 0),
    isUnderWay: () => !isSettled.isOpen(),
    settled: isSettled.await,
    run: Effect.forever(
      Effect.andThen(shallLook.await, () => {
        shallLook.closeUnsafe()
        return round
      })
    ).pipe(inBackground({ clock }))
  }
}
