import { Duration, Schema } from "effect"
import { Cause } from "./fields.ts"
import * as Mark from "./Mark.ts"
import { outcome } from "./outcome.ts"

/**
 * Reports that there was no reply within the deadline.
 *
 * **Details**
 *
 * Redis may have executed the command, or may still do so. A command that could not be sent fails
 * with what kept it from being sent, and does not wait for its deadline.
 *
 * @category errors
 * @since 0.1.0
 */
export class RedisTimeoutError extends Schema.TaggedError<RedisTimeoutError>()("RedisTimeoutError", {
  /** Names the command, without arguments. */
  command: Schema.String,
  /** Says how long was waited. */
  duration: Schema.Duration,
  /** Says that Redis may have executed the command. */
  sent: Schema.Literal("unknown"),
  /** Says in one line what happened. */
  message: Schema.String,
  /** Holds the error of an earlier attempt. */
  cause: Cause
}) {
  /** Says what it tells a circuit breaker: see {@link outcome}. */
  get [Mark.TypeId]() {
    return outcome(this)
  }

  /** Makes the error of a deadline in milliseconds. What happened before it is its `cause`. */
  static after(command: string, millis: number, cause?: unknown): RedisTimeoutError {
    const duration = Duration.millis(millis)
    const message = `${command} had no reply within ${Duration.format(duration)}; Redis may still execute it`
    return new RedisTimeoutError({ command, duration, sent: "unknown", message, cause })
  }
}
