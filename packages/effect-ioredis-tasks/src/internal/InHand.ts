import { Clock, type Context, Effect, type Exit, type Fiber, Latch } from "effect"
import type { Dispatch } from "effect-ioredis/dispatch"
import * as Handling from "./Handling.ts"
import type { Held, Leases, Leaving } from "./Leases.ts"
import { outcomes, type Settlement, type Taken } from "./scripts/work.ts"

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

interface Running {
  readonly held: Held
  readonly fiber: Fiber.Fiber<Handling.Ending>
  why: Leaving | "Closing" | undefined
}

/** Runs tasks as fibers of a context, each as long as its lease is held. */
export const make = <R>(
  { clock }: Dispatch,
  leases: Leases,
  context: Context.Context<R>,
  begin: (task: Taken, token: string) => Effect.Effect<Handling.Ending, never, R>,
  settle: (settlement: Settlement) => void
): InHand => {
  const running = new Set<Running>()
  const isEmpty = Latch.makeUnsafe(true)
  let isClosing = false
  const runFork = Effect.runForkWith(context)

  const end = (one: Running, exit: Exit.Exit<Handling.Ending>) => {
    running.delete(one)
    leases.release(one.held)
    if (running.size === 0) isEmpty.openUnsafe()
    // What ran to its end although it was to be left off has done its work: Redis says whose it is.
    const ending = exit._tag === "Success" ? exit.value : leftOff(one.why)
    if (ending !== undefined) settle({ id: one.held.id, token: one.held.token, ...ending })
  }

  const leave = (one: Running, why: Leaving | "Closing") => {
    one.why = why
    one.fiber.interruptUnsafe()
  }

  return {
    count: () => running.size,
    take: (task, token, until) => {
      if (isClosing || !leases.lasts(until)) return settle({ id: task.id, token, ...Handling.back(0) })
      const fiber = runFork(begin(task, token))
      const held: Held = { id: task.id, token, until, leave: (why) => leave(one, why) }
      const one: Running = { held, fiber, why: undefined }
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

const leftOff = (why: Running["why"]): Handling.Ending | undefined => {
  if (why === "Cancelled") return { kind: "cancelled", delay: 0, value: outcomes.cancelled }
  if (why === "Closing") return Handling.back(0)
  // Another has what is lost. What has nearly lapsed may be begun again now.
  return why === "Lost" ? undefined : { kind: "retry", delay: 0, value: "" }
}
