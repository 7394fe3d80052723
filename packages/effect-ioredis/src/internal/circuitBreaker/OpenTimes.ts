import { Cause, type Context, Duration, Effect, Exit, Schedule } from "effect"

/** Sets how long a circuit stays open where nobody has said it. */
export const defaultOpenTime: Duration.Duration = Duration.seconds(30)

/**
 * Tells how long each opening in a row lasts, in milliseconds.
 *
 * A circuit opens within one turn of the event loop and cannot wait for its schedule. A step that
 * ends (the schedule is over), dies or waits for something gives no delay: the last known delay
 * goes on, at first the default.
 */
export interface OpenTimes {
  /** Tells how long the circuit stays open if it opens now. */
  readonly current: () => number
  /** Takes the next delay: the circuit has opened. */
  readonly advance: () => void
  /** Begins anew: the circuit has closed. */
  readonly restart: () => void
}

export const make = (
  resetTimeout: Duration.Input | Schedule.Schedule<unknown>,
  context: Context.Context<never>
): OpenTimes =>
  Schedule.isSchedule(resetTimeout)
    ? new Scheduled(resetTimeout, context)
    : new Fixed(Duration.toMillis(Duration.fromInputUnsafe(resetTimeout)))

class Fixed implements OpenTimes {
  private readonly millis: number

  constructor(millis: number) {
    this.millis = millis
  }

  current(): number {
    return this.millis
  }

  advance(): void {}

  restart(): void {}
}

type Step = Effect.Success<ReturnType<typeof Schedule.toStep<unknown, unknown, never, never>>>

class Scheduled implements OpenTimes {
  private readonly schedule: Schedule.Schedule<unknown>
  private readonly context: Context.Context<never>
  private step: Step | undefined
  private delay = Duration.toMillis(defaultOpenTime)

  constructor(schedule: Schedule.Schedule<unknown>, context: Context.Context<never>) {
    this.schedule = schedule
    this.context = context
    this.restart()
  }

  current(): number {
    return this.delay
  }

  advance(): void {
    const { step } = this
    if (step === undefined) return
    const next = this.runNow(Effect.clockWith((clock) => step(clock.currentTimeMillisUnsafe(), undefined)))
    if (next !== undefined) this.delay = Duration.toMillis(next[1])
  }

  restart(): void {
    this.step = this.runNow(Schedule.toStep(this.schedule))
    this.advance()
  }

  private runNow<A>(effect: Effect.Effect<A, unknown>): A | undefined {
    const exit = Effect.runSyncExitWith(this.context)(effect)
    if (Exit.isSuccess(exit)) return exit.value
    const error = Cause.squash(exit.cause)
    // A step that waits would go on by itself, though nobody needs its delay any more.
    if (Cause.isAsyncFiberError(error)) error.fiber.interruptUnsafe()
    return undefined
  }
}
