/**
 * Decides when to send a command again, how long to wait before it, and when to stop.
 *
 * **Details**
 *
 * A policy is one `Schedule` per kind of command and one budget for all of them. Whether an error
 * may be retried at all is not the policy's to say: that follows from the error and the command's
 * kind (`RedisError.isRetryable`).
 *
 * - `read`: 3 retries, exponential from 100 ms, doubling, each delay jittered by 0.8–1.2, none
 *   above 30 s (the cap comes after the jitter).
 * - `write`, for repeatable and idempotent commands: the same with 2 retries.
 * - `effectful`: as `write`; it applies only where Redis certainly did not execute the command.
 * - `budget`: a bucket that starts full at 10 tokens; each first attempt adds 0.2, each retry takes
 *   1. When it is empty, the original error is returned, so that an outage of n calls costs at most
 *   n + 10 + 0.2·n attempts.
 *
 * **Example** (Retrying reads more patiently)
 *
 * ```ts
 * import { RetryPolicy } from "effect-ioredis"
 *
 * const policy = RetryPolicy.make({
 *   read: RetryPolicy.exponential({ retries: 5, base: "50 millis" })
 * })
 *
 * policy.budget // => { capacity: 10, perAttempt: 0.2 }
 * ```
 *
 * @since 0.1.0
 */
import { Duration, Effect, Random, Schedule } from "effect"
import { madeOf } from "./internal/Retries.ts"
import type { RedisCommandError } from "./RedisError.ts"

/**
 * A schedule whose delays follow an error, and which ends when there is to be no further attempt.
 *
 * @category models
 * @since 0.1.0
 */
export type RetrySchedule = Schedule.Schedule<unknown, RedisCommandError>

/**
 * One schedule per kind of command, and the budget they share.
 *
 * @category models
 * @since 0.1.0
 */
export interface RetryPolicy {
  /** Schedules the retries of reads. */
  readonly read: RetrySchedule
  /** Schedules the retries of repeatable and idempotent commands. */
  readonly write: RetrySchedule
  /**
   * Schedules the retries of all other commands, which are sent again only where they were never
   * executed.
   */
  readonly effectful: RetrySchedule
  /** Bounds the retries of all calls together. */
  readonly budget: BudgetOptions | false
}

/**
 * The size of the bucket of retries and what each first attempt adds to it.
 *
 * @category models
 * @since 0.1.0
 */
export interface BudgetOptions {
  /** Sets how many retries the bucket holds. */
  readonly capacity: number
  /** Sets what each first attempt adds to it. */
  readonly perAttempt: number
}

/**
 * Shapes a backoff.
 *
 * @category models
 * @since 0.1.0
 */
export interface BackoffOptions {
  /** Bounds the attempts after the first. */
  readonly retries: number
  /** Sets the first delay. Default: 100 milliseconds. */
  readonly base?: Duration.Input | undefined
  /** Bounds every delay. Default: 30 seconds. */
  readonly cap?: Duration.Input | undefined
}

/**
 * Makes a policy; what is left out has the default described above. `budget: false` turns the
 * budget off.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options?: Partial<RetryPolicy>): RetryPolicy => ({
  read: options?.read ?? exponential({ retries: 3 }),
  write: options?.write ?? exponential({ retries: 2 }),
  effectful: options?.effectful ?? exponential({ retries: 2 }),
  budget: options?.budget ?? { capacity: 10, perAttempt: 0.2 }
})

const never = madeOf(Schedule.recurs(0), { retries: 0 })

/**
 * Sends nothing twice.
 *
 * **Example** (A client that leaves retries to its callers)
 *
 * ```ts
 * import { RedisClient, RetryPolicy } from "effect-ioredis"
 *
 * const layer = RedisClient.layer({ retry: RetryPolicy.none })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const none: RetryPolicy = make({ read: never, write: never, effectful: never })

/**
 * Exponential backoff: `base`, then `factor` (default 2) times as much each time, each delay
 * multiplied by 0.8–1.2 at random.
 *
 * **Example** (The delays of the three schedules, where chance is always in the middle)
 *
 * ```ts
 * import { Duration, Effect, Random, Schedule } from "effect"
 * import { RetryPolicy } from "effect-ioredis"
 *
 * const middle = { nextDoubleUnsafe: () => 0.5, nextIntUnsafe: () => 0 }
 *
 * const delaysOf = (schedule: Schedule.Schedule<unknown>) => {
 *   const delays: Array<number> = []
 *   const noted = Schedule.modifyDelay(schedule, ({ duration }) => {
 *     delays.push(Duration.toMillis(duration))
 *     return Effect.succeed(Duration.zero)
 *   })
 *   return Effect.retry(Effect.fail("away"), noted).pipe(
 *     Effect.ignore,
 *     Effect.provideService(Random.Random, middle),
 *     Effect.as(delays),
 *     Effect.runPromise
 *   )
 * }
 *
 * const options = { retries: 4, base: "50 millis", cap: "300 millis" } as const
 *
 * delaysOf(RetryPolicy.exponential(options)) // => [50, 100, 200, 300]
 * delaysOf(RetryPolicy.fullJitter(options)) // => [25, 50, 100, 150]
 * delaysOf(RetryPolicy.decorrelatedJitter(options)) // => [100, 175, 287.5, 300]
 * ```
 *
 * @category schedules
 * @since 0.1.0
 */
export const exponential = (
  options: BackoffOptions & { readonly factor?: number | undefined }
): Schedule.Schedule<unknown> =>
  // The cap stands outside the jitter: `Schedule.jittered` may exceed one that was applied before
  // it.
  upTo(
    Schedule.min([
      Schedule.jittered(Schedule.exponential(options.base ?? defaultBase, options.factor ?? 2)),
      Schedule.spaced(options.cap ?? defaultCap)
    ]),
    options
  )

/**
 * "Full jitter": each delay is anything between zero and the exponential one. It spreads a herd the
 * furthest and may retry at once.
 *
 * **Details**
 *
 * After "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 *
 * @category schedules
 * @since 0.1.0
 */
export const fullJitter = (options: BackoffOptions): Schedule.Schedule<unknown> =>
  upTo(
    Schedule.min([Schedule.exponential(options.base ?? defaultBase), Schedule.spaced(options.cap ?? defaultCap)]).pipe(
      Schedule.modifyDelay(({ duration }) => Effect.map(Random.next, (random) => Duration.times(duration, random)))
    ),
    options
  )

/**
 * "Decorrelated jitter": each delay is anything between `base` and three times the one before.
 *
 * **Details**
 *
 * After "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 *
 * **Example** (Many processes that retry their writes)
 *
 * ```ts
 * import { RetryPolicy } from "effect-ioredis"
 *
 * const policy = RetryPolicy.make({
 *   write: RetryPolicy.decorrelatedJitter({ retries: 3, base: "50 millis" })
 * })
 * ```
 *
 * @category schedules
 * @since 0.1.0
 */
export const decorrelatedJitter = (options: BackoffOptions): Schedule.Schedule<unknown> => {
  const base = Duration.toMillis(options.base ?? defaultBase)
  const cap = Duration.toMillis(options.cap ?? defaultCap)
  const delays = Schedule.fromStep(
    Effect.sync(() => {
      let previous = base
      return () =>
        Effect.map(Random.next, (random) => {
          previous = Math.min(cap, base + random * (previous * 3 - base))
          return [previous, Duration.millis(previous)] as [number, Duration.Duration]
        })
    })
  )
  return upTo(delays, options)
}

const upTo = (schedule: Schedule.Schedule<unknown>, options: BackoffOptions): Schedule.Schedule<unknown> =>
  madeOf(Schedule.upTo(schedule, { times: options.retries }), options)

const defaultBase: Duration.Input = "100 millis"

const defaultCap: Duration.Input = "30 seconds"
