import { Clock, Effect, Latch, Schedule } from "effect"
import type { RedisClient, RedisError } from "effect-ioredis"
import type { Dispatch } from "effect-ioredis/dispatch"
import { isOutage } from "./isOutage.ts"
import type { QueueStore } from "./QueueStore.ts"
import { type Call, type Settlement, type Taken, tokenOf } from "./scripts/work.ts"

/** What the rounds of a worker are told. */
export interface Settings extends Pick<Call, "lease" | "rate" | "worker"> {
  /** How many tasks it may take now. */
  readonly capacity: () => number
  /** How many rounds in a row may fail before the worker ends. */
  readonly attempts: number
  /** Is given each task, and until when it is certainly the worker's own. */
  readonly take: (task: Taken, token: string, until: number) => void
  /** Is told of settlements that came too late: another has the task, or had it. */
  readonly late: (settlement: Settlement) => void
  /** Is told of each settlement, in time or late, once Redis knows of it. */
  readonly confirmed?: (settlement: Settlement) => void
  /** Is told after each round whether the worker would have taken more, and when there is something. */
  readonly after: (isIdle: boolean, due: number | undefined) => void
}

/** The rounds of a worker: each settles what is done and takes the next, in one script. */
export interface Rounds {
  /** Has a task settled in the next round. */
  readonly settle: (settlement: Settlement) => void
  /** Has a round made, as there may be something to take. */
  readonly look: () => void
  /**
   * Waits until everything that was to be settled is, and nothing is on its way that could take a
   * task.
   */
  readonly settled: Effect.Effect<void>
  /**
   * Makes rounds until Redis refuses, or does not answer so many times. It may be run again: it
   * begins with the call that has no answer.
   */
  readonly run: Effect.Effect<never, RedisError.RedisCommandError>
}

type Asked = Parameters<QueueStore["work"]>[0]

// At most so many in one round, so that Redis has time for others.
const most = 200

const patience: RedisClient.CallOptions = { waitToSend: "5 seconds", operationTimeout: "7 seconds" }

// Some refusals come at once, as long as Redis cannot write to its disk.
const pause = Schedule.spaced("200 millis")

/** Makes the rounds of one worker. */
export const make = (store: QueueStore, { clock }: Dispatch, settings: Settings): Rounds => {
  const { attempts, lease, rate, worker } = settings
  const shallLook = Latch.makeUnsafe(true)
  const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  const settlements: Array<Settlement> = []
  const isSettled = Latch.makeUnsafe(true)
  let call = 0
  let unanswered: Asked | undefined

  // A call whose reply is lost is made again, until one comes: Redis knows it by its number.
  const ask = (asked: Asked) => {
    let failed = 0
    return Effect.suspend(() => {
      const sentAt = now()
      return Effect.map(store.work(asked, patience), (worked) => ({ sentAt, worked }))
    }).pipe(Effect.retry({ while: (error) => isOutage(error) && ++failed < attempts, schedule: pause }))
  }

  const round = Effect.gen(function* () {
    isSettled.closeUnsafe()
    const want = Math.min(most, settings.capacity())
    unanswered ??= { worker, call: ++call, lease, want, rate, settlements: settlements.splice(0, most) }
    const asked = unanswered
    const { sentAt, worked } = yield* ask(asked)
    unanswered = undefined
    for (const [index, settlement] of asked.settlements.entries()) {
      if (worked.settled[index] !== true) settings.late(settlement)
      settings.confirmed?.(settlement)
    }
    const token = tokenOf(asked)
    for (const task of worked.taken) settings.take(task, token, sentAt + task.lease)
    if (settlements.length === 0) isSettled.openUnsafe()
    const isFull = asked.want > 0 && worked.taken.length === asked.want
    // Redis ends a wait that is shorter than a tenth of a second later than it was told.
    const isDue = worked.due === 1
    if (settlements.length > 0 || isDue || (isFull && settings.capacity() > 0)) shallLook.openUnsafe()
    settings.after(worked.taken.length < asked.want, worked.due)
  })

  return {
    settle: (settlement) => {
      settlements.push(settlement)
      isSettled.closeUnsafe()
      shallLook.openUnsafe()
    },
    look: () => {
      shallLook.openUnsafe()
    },
    settled: isSettled.await,
    run: Effect.forever(
      Effect.andThen(shallLook.await, () => {
        shallLook.closeUnsafe()
        return round
      })
    ).pipe(Effect.provideService(Clock.Clock, clock))
  }
}
