import { Schema } from "effect"
import { Cause } from "./fields.ts"
import * as Mark from "./Mark.ts"

/**
 * Reports that a key or a value does not fit its schema, on the way in (`"encode"`) or out
 * (`"decode"`).
 *
 * **Details**
 *
 * The key is given as a short hash, and the message says where the schema was not met without
 * quoting the data.
 *
 * @category errors
 * @since 0.1.0
 */
export class RedisSerializationError extends Schema.TaggedError<RedisSerializationError>()("RedisSerializationError", {
  /** Names the method of the region. */
  command: Schema.String,
  /** Names the region. */
  region: Schema.String,
  /** Holds a short hash of the key, empty where the key itself does not fit. */
  keyHash: Schema.String,
  /** Says whether it was on the way in or out. */
  direction: Schema.Literals(["encode", "decode"]),
  /** Says where the schema was not met, without the data. */
  message: Schema.String,
  /** Holds a redacted copy of what was thrown. */
  cause: Cause
}) {
  /** Says what it tells a circuit breaker: the call has failed, as with any other error. */
  get [Mark.TypeId]() {
    return "failure" as const
  }
}
