/**
 * Makes a part of a program's health of its queue of tasks.
 *
 * **Example** (Redis, and the mails that wait there)
 *
 * ```ts
 * import { Layer } from "effect"
 * import { Redis } from "effect-ioredis"
 * import * as Health from "effect-ioredis/Health"
 * import { TaskQueue } from "effect-ioredis-tasks"
 * import * as TaskHealth from "effect-ioredis-tasks/TaskHealth"
 *
 * const HealthLive = Health.layer([
 *   Health.redis(),
 *   TaskHealth.queue({ limit: "5 minutes" })
 * ]).pipe(
 *   Layer.provide(TaskQueue.layer({ name: "mails" })),
 *   Layer.provide(Redis.layerFromEnv())
 * )
 * ```
 *
 * @since 0.1.0
 */
import { Duration, Effect } from "effect"
import { of } from "effect-ioredis/dispatch"
import * as Health from "effect-ioredis/Health"
import { errorTypeOf } from "./internal/errorType.ts"
import { dieOf, timeProblem } from "./internal/problems.ts"
import { type QueueWatch, type WatchedWorker, waitingIn } from "./internal/QueueWatch.ts"
import type { Counts } from "./internal/scripts/inspect.ts"
import * as TaskQueue from "./TaskQueue.ts"
import * as Monotonic from "./internal/Monotonic.ts"

/**
 * Makes a part of the queue of the context: it is degraded while tasks wait there for too long.
 *
 * **Details**
 *
 * Its cause says what is wrong:
 *
 * - `"NothingTaken"`: a worker of this process has taken nothing for so long although tasks wait,
 *   for all of its handlers are busy, or it does not reach Redis.
 * - `"Aging"`: the oldest task that may be begun, and never was, waits for longer than that.
 * - `"Paused"`: the same, and the queue hands nothing out.
 * - `"NotAnswered"`: Redis could not be asked.
 *
 * It is never worse than degraded: a program that cannot work on its tasks still serves. The queue
 * is asked at most every 15 seconds, however often this is. Options are those of
 * `Health.PartOptions`; its name is by default `tasks` and that of the queue.
 *
 * **Gotchas**
 *
 * A `limit` that makes no sense is a mistake in the program, and so a defect: a `RangeError`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const queue = (
  options: Health.PartOptions & {
    /** Sets for how long a task may wait. Default: 1 minute. */
    readonly limit?: Duration.Input | undefined
  } = {}
): Effect.Effect<Health.Part, never, TaskQueue.TaskQueue> =>
  Effect.gen(function* () {
    const queue = yield* TaskQueue.TaskQueue
    const { critical = false, interval, limit: longest = "1 minute", name = `tasks ${queue.name}`, timeout } = options
    yield* dieOf("TaskHealth.queue", [timeProblem("limit", longest, "1 millis")])
    const limit = Duration.toMillis(longest)
    const { client, watch } = queue[TaskQueue.TypeId]
    const { clock } = of(client)
    const now = () => Monotonic.millis(clock)
    const check = watch.counts.pipe(
      Effect.map((counts) => conditionOf(counts, stuckIn(watch, now() - limit), limit)),
      Effect.catchCause((cause) =>
        Effect.succeed(
          Health.degraded({ cause: "NotAnswered", reason: `Redis could not be asked: ${errorTypeOf(cause)}` })
        )
      )
    )
    return { name, critical, interval, timeout, check }
  })

// A worker that has not moved since then.
const stuckIn = ({ workers }: QueueWatch, since: number): WatchedWorker | undefined =>
  Array.from(workers).find(({ movedAt }) => movedAt < since)

const conditionOf = (counts: Counts, stuck: WatchedWorker | undefined, limit: number): Health.Condition => {
  const { oldest, paused } = counts
  const waiting = waitingIn(counts)
  const isLate = oldest > limit
  if (isLate && paused) return degraded("Paused", `The queue is paused, and its oldest task waits for ${text(oldest)}`)
  if (stuck !== undefined && waiting > 0 && !paused) {
    const { concurrency, running } = stuck
    const why = running() < concurrency ? "it does not reach Redis" : `all of its ${concurrency} handlers are busy`
    return degraded("NothingTaken", `A worker has taken nothing for ${text(limit)} and ${waiting} tasks wait: ${why}`)
  }
  return isLate ? degraded("Aging", `The oldest of ${waiting} tasks waits for ${text(oldest)}`) : Health.up
}

const degraded = (cause: string, reason: string): Health.Condition => Health.degraded({ cause, reason })

const text = (millis: number): string => Duration.format(Duration.millis(Math.floor(millis / 1000) * 1000))
