import { Effect, Exit, Latch, Schedule } from "effect"
import type { RedisClient, RedisError } from "effect-ioredis"
import type { Dispatch } from "effect-ioredis/dispatch"
import { errorTypeOf } from "./errorType.ts"
import { inBackground } from "./inBackground.ts"
import { isOutage } from "./isOutage.ts"
import type { Reason } from "./Metrics.ts"
import type { QueueStore } from "./QueueStore.ts"
import { type Call, type Settlement, type Taken, tokenOf } from "./scripts/work.ts"
import type { WorkerMetrics } from "./WorkerMetrics.ts"

/** A settlement, with what is counted of it. */
export interface Settling extends Settlement {
  /** Names the kind of task. */
  readonly task: string
  /** Says why it is dead, if it is. */
  readonly reason: Reason | undefined
}

/** What the rounds of a worker are told. */
export interface Settings extends Pick<Call, "lease" | "rate" | "worker"> {
  /** How many tasks it may take now. */
  readonly capacity: () => number
  /** How many rounds in a row may fail before the worker ends. */
  readonly attempts: number
  /** Is given each task, and until when it is certainly the worker's own. */
  readonly take: (task: Taken, token: string, until: number) => void
  /** Counts what Redis has taken or refused, and how long that took. */
  readonly metrics: Pick<WorkerMetrics, "settled" | "worked">
  /**
   * Is told after each round whether the worker would have taken more, and when there is something.
   */
  readonly after: (isIdle: boolean, due: number | undefined) => void
}

/** The rounds of a worker: each settles what is done and takes the next, in one script. */
export interface Rounds {
  /** Has a task settled in the next round. */
  readonly settle: (settling: Settling) => void
  /** Has a round made, as there may be something to take. */
  readonly look: () => void
  /** Waits until everything that was to be settled is. */
  readonly settled: Effect.Effect<void>
  /** Makes rounds until Redis refuses, or does not answer so many times. */
  readonly run: Effect.Effect<never, RedisError.RedisCommandError>
}

// At most so many in one round, so that Redis has time for others.
const most = 200

const patience: RedisClient.CallOptions = { waitToSend: "5 seconds", operationTimeout: "7 seconds" }

// Some refusals come at once, as long as Redis cannot write to its disk.
const pause = Schedule.spaced("200 millis")

/** Makes the rounds of one worker. */
export const make = (store: QueueStore, { clock }: Dispatch, settings: Settings): Rounds => {
  const { attempts, lease, metrics, rate, worker } = settings
  const shallLook = Latch.makeUnsafe(true)
  const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  const settlements: Array<Settling> = []
  const isSettled = Latch.makeUnsafe(true)
  let call = 0

  // A call whose reply is lost is made again, until one comes: Redis knows it by its number.
  const ask = (asked: Parameters<QueueStore["work"]>[0]) => {
    let failed = 0
    return Effect.suspend(() => {
      const sentAt = now()
      return store.work(asked, patience).pipe(
        Effect.onExit((exit) =>
          Effect.sync(() => metrics.worked(now() - sentAt, Exit.isFailure(exit) ? errorTypeOf(exit.cause) : undefined))
        ),
        Effect.map((worked) => ({ sentAt, worked }))
      )
    }).pipe(Effect.retry({ while: (error) => isOutage(error) && ++failed < attempts, schedule: pause }))
  }

  const round = Effect.gen(function* () {
    const settling = settlements.splice(0, most)
    const want = Math.min(most, settings.capacity())
    const asked = { worker, call: ++call, lease, want, rate, settlements: settling }
    const { sentAt, worked } = yield* ask(asked)
    for (const [index, settlement] of settling.entries()) {
      metrics.settled(settlement, worked.settled[index] === true)
    }
    const token = tokenOf(asked)
    for (const task of worked.taken) settings.take(task, token, sentAt + task.lease)
    if (settlements.length === 0) isSettled.openUnsafe()
    const isFull = want > 0 && worked.taken.length === want
    if (settlements.length > 0 || (isFull && settings.capacity() > 0)) shallLook.openUnsafe()
    settings.after(worked.taken.length < want, worked.due)
  })

  return {
    settle: (settling) => {
      settlements.push(settling)
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
    ).pipe(inBackground({ clock }))
  }
}
