/**
 * The errors of queues and of tasks.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"

/**
 * Says that a task was not accepted: Redis does not answer, and this process keeps as many tasks
 * for it as it may.
 *
 * @category errors
 * @since 0.1.0
 */
export class TaskQueueFullError extends Schema.TaggedError<TaskQueueFullError>()("TaskQueueFullError", {
  /** Names the queue. */
  queue: Schema.String,
  /** Says how many tasks are kept at most. */
  limit: Schema.Int,
  /** Says in one line what happened and what to do. */
  message: Schema.String
}) {}

/**
 * Says that a task has no result, and why.
 *
 * **Details**
 *
 * - `"Died"`: its handler died each time, with a defect.
 * - `"Lost"`: the worker that had it was gone each time.
 * - `"Undecodable"`: its payload does not fit the schema of whoever took it.
 * - `"Expired"`: it was not worth beginning any more.
 * - `"Cancelled"`: somebody cancelled it.
 * - `"Forgotten"`: it is over, and its result was kept long enough. A success of `Schema.Void` is
 *   never forgotten while the id is known.
 *
 * @category errors
 * @since 0.1.0
 */
export class TaskFailedError extends Schema.TaggedError<TaskFailedError>()("TaskFailedError", {
  /** Names the kind of task. */
  task: Schema.String,
  /** Says why there is no result. */
  reason: Schema.Literals(["Died", "Lost", "Undecodable", "Expired", "Cancelled", "Forgotten"]),
  /** Says in one line what happened. */
  message: Schema.String
}) {}
