/**
 * Schedules: tasks that are enqueued again and again, at the times of a cron expression.
 *
 * **Example** (A report each morning)
 *
 * ```ts
 * import { Cron, Layer, Schema } from "effect"
 * import { Redis } from "effect-ioredis"
 * import { Task, TaskQueue, TaskSchedule } from "effect-ioredis-tasks"
 *
 * const Report = Task.make({
 *   name: "report",
 *   version: 1,
 *   payload: Schema.Struct({ day: Schema.String }),
 *   id: ({ day }) => day
 * })
 *
 * const Mornings = TaskSchedule.layer({
 *   name: "mornings",
 *   cron: Cron.parseUnsafe("0 6 * * *", "Europe/Vienna"),
 *   task: Report,
 *   payload: (at) => ({ day: at.toISOString().slice(0, 10) })
 * }).pipe(
 *   Layer.provide(TaskQueue.layer({ name: "reports" })),
 *   Layer.provide(Redis.layerFromEnv())
 * )
 * ```
 *
 * @since 0.1.0
 */
import { Clock, Context, Cron, Duration, Effect, Layer, Result, Tracer } from "effect"
import { SecureRandom } from "effect/crypto"
import type { RedisError } from "effect-ioredis"
import * as Dispatch from "effect-ioredis/dispatch"
import { inBackground } from "./internal/inBackground.ts"
import { isOutage } from "./internal/isOutage.ts"
import { dieOf, nameProblem, timeProblem } from "./internal/problems.ts"
import type { Leading } from "./internal/scripts/lead.ts"
import type { Task } from "./Task.ts"
import type { TaskQueueFullError } from "./TaskError.ts"
import * as TaskQueue from "./TaskQueue.ts"

/**
 * Sets up a schedule.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options<in out Payload, in out Success, in out Error, in out Progress> {
  /** Names it. Processes that say the same name are one schedule. */
  readonly name: string
  /**
   * Says when a task shall be begun, by the clock of Redis and in the time zone of the expression.
   * One that names none is in that of its process.
   */
  readonly cron: Cron.Cron
  /** Is the kind of task. */
  readonly task: Task<Payload, Success, Error, Progress>
  /**
   * Gives the payload of the task of a time. A time for which it throws, or gives what does not fit
   * the schema, is left out, with an error line.
   */
  readonly payload: (at: Date) => Payload
  /** Sets what goes first. Default: `"normal"`. */
  readonly priority?: TaskQueue.OfferOptions["priority"]
  /**
   * Sets how late a task may be enqueued whose time passed while no process was there to do so.
   * Default: 1 minute. `"Infinity"` enqueues all that were missed.
   */
  readonly missed?: Duration.Input | undefined
  /**
   * Sets for how long a process leads without a word from it: 1 second or more. Default: 10
   * seconds.
   */
  readonly lease?: Duration.Input | undefined
}

/**
 * Enqueues the tasks of a schedule on the queue of the context, for as long as the layer is.
 *
 * **Details**
 *
 * Of all processes that have the layer one leads. It enqueues the next task ahead, with a delay
 * until its time, so that the time is kept by Redis whatever becomes of the process.
 * Another one leads when its lease has lapsed. Each task's id is the schedule's name and its time,
 * in the place of the one that the payload gives: so it is enqueued once, however many processes
 * try.
 *
 * **Gotchas**
 *
 * - What was enqueued ahead stays when the expression changes, or when the schedule is given up:
 *   cancel it by its id.
 * - A task that is still running does not keep the next from being begun.
 * - Where clocks go back, a repeated time is one time, the first: a task of each hour or minute
 *   pauses for that hour. Say `onDstOverlap: "both"` to `Cron.parse`, or use UTC.
 * - A name that cannot be part of a key, a `lease` or a `missed` that makes no sense, and a `cron`
 *   that fits no time are mistakes in the program, and so a defect: a `RangeError`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <Payload, Success, Error, Progress>(
  options: Options<Payload, Success, Error, Progress>
): Layer.Layer<never, never, TaskQueue.TaskQueue> =>
  Layer.effectDiscard(Effect.andThen(dieOf("TaskSchedule", problemsOf(options)), Effect.forkScoped(run(options))))

const problemsOf = <P, S, E, G>({ cron, lease = "10 seconds", missed = 0, name }: Options<P, S, E, G>) => [
  nameProblem("name", name),
  timeProblem("lease", lease, "1 second"),
  // For ever is a lateness too: whatever was missed is enqueued.
  timeProblem("missed", missed, 0, true),
  Result.isFailure(Result.try(() => Cron.next(cron, 0))) ? "cron fits no time, such as the 30th of February" : undefined
]

const nameOf = (defect: unknown): string => (defect instanceof Error ? defect.name : typeof defect)

/** Gives the id of the task of a schedule that is to be begun at a time. */
const idOf = (schedule: string, at: Date): string => `${schedule}@${at.toISOString()}`

const run = Effect.fnUntraced(function* <Payload, Success, Error, Progress>({
  cron,
  lease = "10 seconds",
  missed = "1 minute",
  name,
  payload,
  priority,
  task
}: Options<Payload, Success, Error, Progress>) {
  const queue = yield* TaskQueue.TaskQueue
  const { client, offerAs, store } = queue[TaskQueue.TypeId]
  const dispatch = Dispatch.of(client)
  const candidacy = { process: SecureRandom.uuidV4Unsafe(), lease: Duration.toMillis(lease) }
  let known = 0
  let enqueued = 0
  let isFailing = false

  // A payload that cannot be made, or does not fit, is none the next time either. What is wrong
  // with it may quote it.
  const offer = (at: Date, delay: number) =>
    Effect.suspend(() => offerAs(`${task.name}:${idOf(name, at)}`, task, payload(at), { priority, delay })).pipe(
      Effect.catchTag("SchemaError", Effect.die),
      Effect.catchDefect((defect) =>
        Effect.logError("A schedule has no payload for one of its times, and leaves it out").pipe(
          Effect.annotateLogs({ schedule: name, at: at.toISOString(), error: nameOf(defect) })
        )
      )
    )

  // What was enqueued is told with the next round. A leader that is gone before has enqueued what
  // its successor enqueues again, and nothing comes of that.
  const enqueue = Effect.fnUntraced(function* ({ last, now }: Leading) {
    const from = last === 0 ? now : Math.max(last, now - Duration.toMillis(missed))
    let at = Cron.next(cron, new Date(from))
    while (true) {
      yield* offer(at, Math.max(0, at.getTime() - now))
      enqueued = at.getTime()
      if (enqueued > now) return enqueued - now
      at = Cron.next(cron, at)
    }
  })

  const round = Effect.gen(function* () {
    const leading = yield* inBackground(dispatch)(store.lead(name, { ...candidacy, known, enqueued }))
    if (!leading.leads) return candidacy.lease / 2
    const { last, now } = leading
    known = last
    enqueued = last
    // Another expression, which this one has replaced, may have enqueued what comes after the next.
    const isAhead = last > now && last <= Cron.next(cron, new Date(now)).getTime()
    const ahead = isAhead ? last - now : yield* enqueue({ ...leading, last: Math.min(last, now) })
    return Math.min(ahead, candidacy.lease / 3)
  })

  // The client tells of an outage. What else goes wrong does so each time, and is told once.
  const failed = Effect.fnUntraced(function* (error: TaskQueueFullError | RedisError.RedisCommandError) {
    const isTold = isFailing || error._tag === "TaskQueueFullError" || isOutage(error)
    if (isTold) return 1_000
    isFailing = true
    yield* Effect.logError("A schedule cannot enqueue its next task").pipe(
      Effect.annotateLogs({ schedule: name, error: error.message })
    )
    return 1_000
  })

  return yield* round.pipe(
    Effect.tap(() =>
      Effect.sync(() => {
        isFailing = false
      })
    ),
    Effect.catch(failed),
    Effect.flatMap(Effect.sleep),
    Effect.forever,
    Effect.provideService(Clock.Clock, dispatch.clock),
    // Whatever span the program began in has ended.
    Effect.updateContext((context: Context.Context<never>) => Context.omit(Tracer.ParentSpan)(context))
  )
})
