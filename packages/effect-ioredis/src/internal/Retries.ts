import { type Cause, Duration, Effect, Schedule } from "effect"
import type { CommandKind } from "../RedisCommand.ts"
import type { RedisCommandError } from "../RedisError.ts"
import type { BackoffOptions, BudgetOptions, RetryPolicy, RetrySchedule } from "../RetryPolicy.ts"

/**
 * The bucket of retries that one client draws on.
 */
export interface RetryBudget {
  /** Adds what a first attempt earns. */
  readonly earn: () => void
  /** Takes one retry, and says whether there was one. */
  readonly spend: () => boolean
}

/**
 * Makes a full bucket; `false` makes one that is never empty.
 */
export const makeBudget = (options: BudgetOptions | false): RetryBudget => {
  if (options === false) return { earn: () => {}, spend: () => true }
  let tokens = options.capacity
  return {
    earn: () => {
      tokens = Math.min(options.capacity, tokens + options.perAttempt)
    },
    spend: () => {
      // Not `tokens < 1`: a size that is NaN must not stand for a bucket without a bottom.
      if (!(tokens >= 1)) return false
      tokens -= 1
      return true
    }
  }
}

/**
 * A schedule in progress: gives the delay in whole milliseconds before the next attempt, or
 * `undefined` when there is to be none.
 */
export type NextDelay = (error: RedisCommandError) => Effect.Effect<number | undefined>

/**
 * Starts the policy's schedule for a kind of command.
 */
export const start = (policy: RetryPolicy, kind: CommandKind): Effect.Effect<NextDelay> =>
  Effect.gen(function* () {
    const step = yield* Schedule.toStep(scheduleFor(policy, kind))
    const clock = yield* Effect.clockWith(Effect.succeed)
    return (error) =>
      Effect.match(
        Effect.suspend(() => step(clock.currentTimeMillisUnsafe(), error)),
        {
          onSuccess: ([, delay]) => Math.round(Duration.toMillis(delay)),
          onFailure: (_: Cause.Done<unknown>) => undefined
        }
      )
  })

const scheduleFor = (policy: RetryPolicy, kind: CommandKind): RetrySchedule => {
  if (kind === "read") return policy.read
  return kind === "repeatable" || kind === "idempotent" ? policy.write : policy.effectful
}

/**
 * The most retries that the policy allows for a kind of command, where its schedule has said so.
 */
export const most = (policy: RetryPolicy, kind: CommandKind): number | undefined =>
  optionsOf(scheduleFor(policy, kind))?.retries

/** Keeps what a schedule was made of, which nothing tells from outside. */
export const madeOf = <S extends object>(schedule: S, options: BackoffOptions): S => {
  made.set(schedule, options)
  return schedule
}

/** Gives what a schedule was made of, if `RetryPolicy` has made it. */
export const optionsOf = (schedule: object): BackoffOptions | undefined => made.get(schedule)

const made = new WeakMap<object, BackoffOptions>()
