import { Clock, type Context, Effect, type Exit, type Fiber, Latch } from "effect"
import type { Dispatch } from "effect-ioredis/dispatch"
import * as Handling from "./Handling.ts"
import type { Held, Leases, Leaving } from "./Leases.ts"
import { outcomes, type Taken } from "./scripts/work.ts"
import type { Settling, WorkerMetrics } from "./WorkerMetrics.ts"
import * as Monotonic from "./Monotonic.ts"

/** The tasks whose handlers run. */
export interface InHand {
  readonly count: () => number
  /**
   * Runs a task, which is certainly the worker's own until then. It gives back at once what is not
   * any more, as its call had to wait for Redis, and what comes after the worker was told to end.
   */
  readonly take: (task: Taken, token: string, until: number) => void
  /** Waits until none is left, for a time, and lets go of what is left then. */
  readonly drain: (longest: number) => Effect.Effect<void>
}

/** A task that was taken: of which kind it is, and what runs it. */
export interface Beginning<R> {
  readonly task: string
  readonly run: Effect.Effect<Handling.Ending, never, R>
}

interface Running {
  readonly held: Held
  readonly task: string
  readonly startedAt: number
  readonly fiber: Fiber.Fiber<Handling.Ending>
  why: Leaving | "Closing" | undefined
}

/**
 * Runs tasks as fibers of a context, each as long as its lease is held. `freed` is told when one
 * ends of which nothing is to be settled: there is room for another.
 */
export const make = <R>(
  { clock }: Dispatch,
  leases: Leases,
  context: Context.Context<R>,
  begin: (taken: Taken, token: string) => Beginning<R>,
  settle: (settling: Settling) => void,
  freed: () => void,
  metrics: Pick<WorkerMetrics, "ended">
): InHand => {
  const now = () => Monotonic.millis(clock)
  const running = new Set<Running>()
  const isEmpty = Latch.makeUnsafe(true)
  let isClosing = false
  const runFork = Effect.runForkWith(context)

  const end = (one: Running, exit: Exit.Exit<Handling.Ending>) => {
    running.delete(one)
    leases.release(one.held)
    // What ran to its end although it was to be left off has done its work: Redis says whose it is.
    const { held, startedAt, task, why } = one
    const ending = exit._tag === "Success" ? exit.value : leftOff(why)
    if (ending !== undefined) {
      const { delay, kind, reason, value } = ending
      settle({ id: held.id, token: held.token, kind, delay, value, task, reason })
    } else {
      freed()
    }
    const endedAt = now()
    const errorType = exit._tag === "Success" ? exit.value.errorType : (why ?? "Interrupted")
    const mayOverlap = why === "Lost" || endedAt > held.until
    metrics.ended({ task, ending, why, errorType, millis: endedAt - startedAt, mayOverlap })
    // Who waits for that ends the worker: what is to be settled is by then.
    if (running.size === 0) isEmpty.openUnsafe()
  }

  const leave = (one: Running, why: Leaving | "Closing") => {
    one.why = why
    one.fiber.interruptUnsafe()
  }

  return {
    count: () => running.size,
    take: (taken, token, until) => {
      if (isClosing || !leases.lasts(until)) return settle(unbegun(taken, token))
      const startedAt = now()
      const { run, task } = begin(taken, token)
      const fiber = runFork(run)
      const held: Held = { id: taken.id, token, until, leave: (why) => leave(one, why) }
      const one: Running = { held, task, startedAt, fiber, why: undefined }
      running.add(one)
      isEmpty.closeUnsafe()
      leases.hold(held)
      fiber.addObserver((exit) => end(one, exit))
    },
    drain: (longest) =>
      Effect.gen(function* () {
        isClosing = true
        yield* Effect.timeoutOption(isEmpty.await, longest)
        for (const one of running) leave(one, "Closing")
        // A handler that cannot be interrupted keeps its task until its lease lapses.
        yield* Effect.timeoutOption(isEmpty.await, "1 second")
      }).pipe(Effect.provideService(Clock.Clock, clock))
  }
}

const unbegun = (taken: Taken, token: string): Settling => ({
  ...Handling.unbegun(taken, 0),
  id: taken.id,
  token,
  task: "unknown",
  reason: undefined
})

const leftOff = (why: Running["why"]): Handling.Ending | undefined => {
  if (why === "Cancelled") return { kind: "cancelled", delay: 0, value: outcomes.cancelled }
  if (why === "Closing") return Handling.back(0)
  // Another has what is lost. What has nearly lapsed may be begun again now.
  return why === "Lost" ? undefined : { kind: "lost", delay: 0, value: "" }
}
