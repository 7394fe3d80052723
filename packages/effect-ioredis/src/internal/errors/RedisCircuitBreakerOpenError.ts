import { Schema } from "effect"
import * as Mark from "./Mark.ts"

/**
 * Reports that the circuit breaker refused the command. Nothing was sent.
 *
 * **Details**
 *
 * `retryAfter` is the whole open time of this opening, so that all refusals of one opening can
 * share one value: the circuit is due no later than that after the error was seen.
 *
 * @category errors
 * @since 0.1.0
 */
export class RedisCircuitBreakerOpenError extends Schema.TaggedError<RedisCircuitBreakerOpenError>()(
  "RedisCircuitBreakerOpenError",
  {
    /** Names the command, without arguments. */
    command: Schema.String,
    /** Says after how long the circuit is due at the latest. */
    retryAfter: Schema.Duration,
    /** Says in one line what happened. */
    message: Schema.String
  }
) {
  /** Says what it tells a circuit breaker: nothing, for it is the breaker's own. */
  get [Mark.TypeId]() {
    return "ignored" as const
  }
}
