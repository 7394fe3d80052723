import { Cause, type Context, Duration, Effect, Exit, Schedule } from "effect"
import { defaultOpenTime, type OpenTimes, type ResetSchedule } from "./OpenTimes.ts"

/**
 * Lets the n-th opening in a row last the n-th delay of a `Schedule`. Closing begins it anew.
 *
 * **Details**
 *
 * A step that gives no delay at once, because the schedule has ended, failed, or waits for
 * something, goes on with the last delay that the schedule gave, at first 30 seconds.
 *
 * **Example** (Staying open for longer each time)
 *
 * ```ts
 * import { Effect, Schedule } from "effect"
 * import { CircuitBreaker } from "effect-ioredis"
 *
 * const program = Effect.gen(function* () {
 *   const breaker = yield* CircuitBreaker.make({
 *     resetTimeout: CircuitBreaker.schedule(Schedule.exponential("1 second"))
 *   })
 *   return yield* breaker.execute(Effect.succeed("hello"))
 * })
 *
 * Effect.runSync(Effect.scoped(program)) // => "hello"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const schedule = (delays: Schedule.Schedule<unknown>): ResetSchedule => ({
  openTimes: (context) => new Scheduled(delays, context)
})

type Step = Effect.Success<ReturnType<typeof Schedule.toStep<unknown, unknown, never, never>>>

// A circuit opens within one turn of the event loop and cannot wait for its schedule. A step that
// ends (the schedule is over), dies or waits for something gives no delay: the last known delay
// goes on, at first the default.
class Scheduled implements OpenTimes {
  readonly #schedule: Schedule.Schedule<unknown>
  readonly #context: Context.Context<never>
  #step: Step | undefined
  #delay = Duration.toMillis(defaultOpenTime)

  constructor(schedule: Schedule.Schedule<unknown>, context: Context.Context<never>) {
    this.#schedule = schedule
    this.#context = context
    this.restart()
  }

  current(): number {
    return this.#delay
  }

  advance(): void {
    const step = this.#step
    if (step === undefined) return
    const next = this.#runNow(Effect.clockWith((clock) => step(clock.currentTimeMillisUnsafe(), undefined)))
    if (next !== undefined) this.#delay = Duration.toMillis(next[1])
  }

  restart(): void {
    this.#step = this.#runNow(Schedule.toStep(this.#schedule))
    this.advance()
  }

  #runNow<A>(effect: Effect.Effect<A, unknown>): A | undefined {
    const exit = Effect.runSyncExitWith(this.#context)(effect)
    if (Exit.isSuccess(exit)) return exit.value
    const error = Cause.squash(exit.cause)
    // A step that waits would go on by itself, though nobody needs its delay any more.
    if (Cause.isAsyncFiberError(error)) error.fiber.interruptUnsafe()
    return undefined
  }
}
