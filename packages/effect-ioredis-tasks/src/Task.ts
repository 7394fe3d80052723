/**
 * Describes background tasks: what they are given, what they answer, by which id one is known, and
 * how often it is tried.
 *
 * **Example** (A mail that is sent once for each order)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { Task } from "effect-ioredis-tasks"
 *
 * class MailRefused extends Schema.TaggedError<MailRefused>()("MailRefused", {
 *   address: Schema.String
 * }) {}
 *
 * const ConfirmOrder = Task.make({
 *   name: "confirm-order",
 *   version: 1,
 *   payload: Schema.Struct({ order: Schema.Int, address: Schema.String }),
 *   error: MailRefused,
 *   id: ({ order }) => String(order)
 * })
 *
 * ConfirmOrder.name // => "confirm-order"
 * ```
 *
 * @since 0.1.0
 */
import { Schedule, Schema } from "effect"
import { countProblem, nameProblem } from "./internal/problems.ts"

/**
 * A kind of background task.
 *
 * **Details**
 *
 * Producers and workers share it. What it describes is stored as JSON, as its schemas encode it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Task<in out Payload, in out Success = void, in out Error = never, in out Progress = never> {
  /** Names it. It is part of the id of each of its tasks. */
  readonly name: string
  /** Tells shapes of the payload apart. */
  readonly version: number
  /** Describes what a handler is given. */
  readonly payload: Schema.Codec<Payload, unknown>
  /** Describes what a handler answers. */
  readonly success: Schema.Codec<Success, unknown>
  /** Describes what a handler fails with. */
  readonly error: Schema.Codec<Error, unknown>
  /** Describes what a handler tells while it runs. */
  readonly progress: Schema.Codec<Progress, unknown>
  /** Gives the id of a payload: the same id is the same task. */
  readonly id: (payload: Payload) => string
  /** Says how often, and when, a task is tried again. */
  readonly retry: RetryPolicy<Error>
}

/**
 * Says when a task is tried again that has failed.
 *
 * @category models
 * @since 0.1.0
 */
export interface RetryPolicy<in Error> {
  /**
   * Gives the delay before each attempt after the first, and ends where there shall be none. It is
   * given the error of the task, and `undefined` after a defect or where a worker was gone.
   */
  readonly schedule: Schedule.Schedule<unknown, Error | undefined>
  /** Says of an error whether another attempt may help. One that cannot is dead at once. */
  readonly while: (error: Error) => boolean
}

/**
 * Describes what a task is made of.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<in out Payload, in out Success, in out Error, in out Progress> {
  /** Names it, in characters that can be part of a key. */
  readonly name: string
  /**
   * Tells shapes of the payload apart. Raise it when the shape changes: a worker leaves alone what
   * it has no handler for.
   */
  readonly version: number
  /** Describes what a handler is given. */
  readonly payload: Schema.Codec<Payload, unknown>
  /** Describes what a handler answers. Default: nothing. */
  readonly success?: Schema.Codec<Success, unknown> | undefined
  /** Describes what a handler fails with. Default: it does not. */
  readonly error?: Schema.Codec<Error, unknown> | undefined
  /** Describes what a handler tells while it runs. Default: nothing. */
  readonly progress?: Schema.Codec<Progress, unknown> | undefined
  /** Gives the id of a payload: the same id is the same task. */
  readonly id: (payload: Payload) => string
  /** Says how often, and when, a task is tried again. Default: {@link defaultRetry}. */
  readonly retry?:
    | {
        /** Gives the delay before each attempt after the first. Default: {@link defaultRetry}. */
        readonly schedule?: RetryPolicy<NoInfer<Error>>["schedule"] | undefined
        /** Says of an error whether another attempt may help. Default: it may. */
        readonly while?: RetryPolicy<NoInfer<Error>>["while"] | undefined
      }
    | undefined
}

/**
 * Makes a kind of task.
 *
 * **Gotchas**
 *
 * A name that cannot be part of a key and a version that is no whole number from 1 on are mistakes
 * in the program: it throws a `RangeError`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <Payload, Success = void, Error = never, Progress = never>({
  error = Schema.Never as Schema.Codec<never, unknown> as Schema.Codec<Error, unknown>,
  progress = Schema.Never as Schema.Codec<never, unknown> as Schema.Codec<Progress, unknown>,
  success = Schema.Void as Schema.Codec<void, unknown> as Schema.Codec<Success, unknown>,
  retry: { schedule = defaultRetry, while: isWorthwhile = () => true } = {},
  ...options
}: Options<Payload, Success, Error, Progress>): Task<Payload, Success, Error, Progress> => {
  const problem = nameProblem("name", options.name) ?? countProblem("version", options.version)
  if (problem !== undefined) throw new RangeError(`Task: ${problem}`)
  return { ...options, success, error, progress, retry: { schedule, while: isWorthwhile } }
}

/**
 * The schedule of tasks that say nothing else: three more attempts, the first after a minute, each
 * after twice as long as the one before and after ten minutes at most, give or take a fifth.
 *
 * @category schedules
 * @since 0.1.0
 */
export const defaultRetry: Schedule.Schedule<unknown> = Schedule.min([
  Schedule.exponential("1 minute"),
  Schedule.spaced("10 minutes")
]).pipe(Schedule.jittered, Schedule.upTo({ times: 3 }))
