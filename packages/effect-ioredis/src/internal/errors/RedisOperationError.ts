import { Schema } from "effect"
import { Cause } from "./fields.ts"
import * as Mark from "./Mark.ts"
import { outcome } from "./outcome.ts"

const RedirectFields = Schema.Struct({
  slot: Schema.Int,
  host: Schema.String,
  port: Schema.Int,
  ask: Schema.Boolean
})

/**
 * Says which server of a cluster a key is on, as another one has told.
 *
 * **Details**
 *
 * An empty `host` is that of the server which told. `ask` says that only this one command is to be
 * sent there, because the slot is on its way.
 *
 * @category models
 * @since 0.1.0
 */
export type Redirect = typeof RedirectFields.Type

/**
 * Reports that Redis answered with an error reply. `code` is its first word, such as `"WRONGTYPE"`,
 * `"OOM"` or `"READONLY"`.
 *
 * **Details**
 *
 * The code is one of Redis' own, or one that the command or the script declares in its `errors`,
 * and `"ERR"` for everything else, so that there are only so many. The message shows what Redis
 * said as far as those are Redis' own words, and the line of a script that failed; what may hold
 * data is left out.
 *
 * Three codes are this library's own and stand for commands that were never sent: `"ARGUMENT"` (no
 * name, an argument that is not a string, a finite number, a bigint or bytes, or a number of them
 * that Redis 7.0 does not take), `"UNSUPPORTED"` (a command that may not run on a shared
 * connection) and `"SUPERSEDED"` (a write that something newer has overtaken). One more,
 * `"REPLY"`, says that a command was executed and that its decoder did not take the answer.
 *
 * @category errors
 * @since 0.1.0
 */
export class RedisOperationError extends Schema.TaggedError<RedisOperationError>()("RedisOperationError", {
  /** Names the command, without arguments. */
  command: Schema.String,
  /** Holds the first word of the reply, or a code of this library. */
  code: Schema.String,
  /** Shows the reply as far as it is Redis' own words. */
  message: Schema.String,
  /** Says where the key is, in a reply of code `"MOVED"` or `"ASK"`. */
  redirect: Schema.optional(RedirectFields),
  /** Holds a redacted copy of what the driver threw. */
  cause: Cause
}) {
  /** Says what it tells a circuit breaker: see {@link outcome}. */
  get [Mark.TypeId]() {
    return outcome(this)
  }
}
