/**
 * Defines what can go wrong between a program and Redis: one tagged union of five errors, and the
 * pure functions that say what each of them means.
 *
 * **Details**
 *
 * Every error carries the name of the command (never its arguments, keys or values), a one-line
 * `message` that says what to do next where there is something to do, and the redacted `cause`
 * where there is one. What may be retried, what counts as an outage and what became of a sending
 * follows from the error's fields alone: see {@link isRetryable},
 * {@link outcome} and {@link endOf}.
 *
 * **Example** (Telling a full Redis from one that is away)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { RedisClient } from "effect-ioredis"
 *
 * const program = Effect.gen(function*() {
 *   const redis = yield* RedisClient.RedisClient
 *   return yield* redis.set("greeting", "hello")
 * }).pipe(
 *   Effect.catchTag("RedisOperationError", (error) =>
 *     Effect.logWarning(`Redis refused the write: ${error.code}`)
 *   ),
 *   Effect.catchTag(
 *     ["RedisConnectionError", "RedisTimeoutError", "RedisCircuitBreakerOpenError"],
 *     () => Effect.logWarning("Redis is away")
 *   )
 * )
 * ```
 *
 * @since 0.1.0
 */
import { Result } from "effect"
import { ownCodes } from "./internal/errors/outcome.ts"
import type { RedisCircuitBreakerOpenError } from "./internal/errors/RedisCircuitBreakerOpenError.ts"
import { type ConnectionFailure, RedisConnectionError } from "./internal/errors/RedisConnectionError.ts"
import type { RedisOperationError } from "./internal/errors/RedisOperationError.ts"
import type { RedisSerializationError } from "./internal/errors/RedisSerializationError.ts"
import type { RedisTimeoutError } from "./internal/errors/RedisTimeoutError.ts"
import { tlsAdvice } from "./internal/tlsAdvice.ts"
import type { CommandKind } from "./RedisCommand.ts"

// A file for each class: bundlers keep a class that extends the result of a call, used or not.
export { isRedisError } from "./internal/errors/Mark.ts"
export { outcome } from "./internal/errors/outcome.ts"
export { RedisCircuitBreakerOpenError } from "./internal/errors/RedisCircuitBreakerOpenError.ts"
export { type ConnectionFailure, RedisConnectionError } from "./internal/errors/RedisConnectionError.ts"
export { type Redirect, RedisOperationError } from "./internal/errors/RedisOperationError.ts"
export { RedisSerializationError } from "./internal/errors/RedisSerializationError.ts"
export { RedisTimeoutError } from "./internal/errors/RedisTimeoutError.ts"

/**
 * Lists what a command can fail with.
 *
 * @category models
 * @since 0.1.0
 */
export type RedisCommandError =
  | RedisConnectionError
  | RedisTimeoutError
  | RedisOperationError
  | RedisCircuitBreakerOpenError

/**
 * Lists everything that this library fails with.
 *
 * @category models
 * @since 0.1.0
 */
export type RedisError = RedisCommandError | RedisSerializationError

/**
 * Makes the `RedisConnectionError` for a reason, with the message that belongs to it.
 *
 * **Example** (What a lost connection means for a command)
 *
 * ```ts
 * import { Result } from "effect"
 * import { RedisError } from "effect-ioredis"
 *
 * const lost = RedisError.connectionError("INCR", "Reset", "unknown")
 *
 * lost.message // => "INCR may or may not have been executed: the connection was lost"
 * RedisError.outcome(lost) // => "failure"
 * RedisError.endOf(Result.fail(lost)) // => "doubtful"
 * RedisError.isRetryable(lost, "effectful") // => false
 * RedisError.isRetryable(lost, "read") // => true
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const connectionError = (
  command: string,
  reason: ConnectionFailure,
  sent: "never" | "unknown",
  cause?: unknown
): RedisConnectionError =>
  new RedisConnectionError({
    command,
    reason,
    sent,
    message: `${consequence(command, sent)}: ${explanation(command, reason, cause)}`,
    cause
  })

/**
 * Says what became of one sending of a command.
 *
 * **Details**
 *
 * - `"confirmed"`: Redis has executed it. It has as well where a script or a transaction ends with
 *   an error reply: nothing of it runs later, but a part may have run.
 * - `"refused"`: Redis certainly does not execute it. It never left, or the reply says so: every
 *   error reply does of a command that runs no script, and NOSCRIPT, MOVED and ASK do of any.
 * - `"doubtful"`: Redis may have executed it, or may still do so.
 *
 * @category predicates
 * @since 0.1.0
 */
export const endOf = (result: Result.Result<unknown, RedisCommandError>): "confirmed" | "refused" | "doubtful" => {
  if (Result.isSuccess(result)) return "confirmed"
  const error = result.failure
  switch (error._tag) {
    case "RedisTimeoutError":
      return "doubtful"
    case "RedisConnectionError":
      return error.sent === "never" ? "refused" : "doubtful"
    case "RedisCircuitBreakerOpenError":
      return "refused"
    case "RedisOperationError":
      return mayHaveRunInPart(error) ? "confirmed" : "refused"
  }
}

/**
 * Tells whether sending the command again is safe and can change the answer.
 *
 * **Details**
 *
 * - What Redis certainly did not execute may be sent again whatever its kind: it never left, or
 *   Redis put it off (LOADING, BUSY, READONLY…).
 * - What it may have executed is sent again if it is a `read` or `repeatable`, and if it is
 *   `idempotent` and the caller says `answer: "ignored"`. A script that Redis put off may have run
 *   in part, and counts as this.
 * - An open circuit, a failed login and every other reply stay as they are.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isRetryable = (
  error: RedisCommandError,
  kind: CommandKind,
  options?: { readonly answer?: "ignored" | undefined }
): boolean => {
  const twice = kind === "read" || kind === "repeatable" || (kind === "idempotent" && options?.answer === "ignored")
  switch (error._tag) {
    case "RedisTimeoutError":
      return twice
    case "RedisConnectionError":
      if (error.reason === "Auth" || (error.reason === "Closed" && error.sent === "never")) return false
      return twice || error.sent === "never"
    case "RedisCircuitBreakerOpenError":
      return false
    case "RedisOperationError":
      return deferredCodes.has(error.code) && (twice || !mayHaveRunInPart(error))
  }
}

// Redis did not execute the command and may do so later.
const deferredCodes = new Set(["LOADING", "MASTERDOWN", "CLUSTERDOWN", "BUSY", "NOREPLICAS", "TRYAGAIN", "READONLY"])

// What runs several commands: an error reply may come from one of them, when others have run.
const compound = new Set(["EVAL", "EVALSHA", "FCALL", "EVAL_RO", "EVALSHA_RO", "FCALL_RO", "EXEC", "PIPELINE"])

// Redis says these before it begins with the script or the transaction. What a script raises itself
// never has one of these codes, unless it says what Redis says to the letter.
const beforeAny = new Set(["NOSCRIPT", "MOVED", "ASK", "EXECABORT"])

const mayHaveRunInPart = ({ code, command }: RedisOperationError): boolean =>
  compound.has(command) && !ownCodes.has(code) && !beforeAny.has(code)

const consequence = (command: string, sent: "never" | "unknown"): string => {
  if (command === "CONNECT") return "No connection to Redis"
  return `${command} ${sent === "never" ? "was not sent" : "may or may not have been executed"}`
}

const explanation = (command: string, reason: ConnectionFailure, cause: unknown): string => {
  if (reason === "Auth" && cause instanceof Error) {
    if (cause.message.startsWith("NOPERM")) return notPermitted
    if (cause.message.startsWith("DENIED")) return protectedMode
  }
  if (reason === "Saturated" && command === "RESERVE") return allReserved
  if (reason === "Tls" && cause instanceof Error) return tlsAdvice(cause) ?? explanations.Tls
  return explanations[reason]
}

const notPermitted =
  "the user's ACL does not permit a command that the login needs. Grant it (ACL SETUSER … +info +client +select +ping)"

const allReserved = "as many connections are reserved as may be. Give them back sooner, or raise maxReserved"

const protectedMode =
  "Redis runs in protected mode and takes no connections from other machines. Give it a password, or let it know its network"

const explanations: Readonly<Record<ConnectionFailure, string>> = {
  Refused: "the server refused the connection. Check that Redis runs and that the host and port are right",
  Reset: "the connection was lost",
  Closed: "the connection is closed",
  NotReady: "the connection is not ready yet. The cause says what the server answered, if it did",
  Timeout:
    "the connection was not made in time. Check that the host can be reached from here, and for rediss:// that the port speaks TLS",
  Stalled:
    "the connection was silent for too long and was replaced. Check whether Redis hangs or the network loses packets",
  Dns: "the host name could not be resolved. Check the host in the Redis settings",
  Tls: "the TLS handshake failed. Check that the port speaks TLS (rediss://) and that its certificate is trusted",
  Auth: "Redis refused the login. Check the user name, the password, the user's permissions and the database number",
  Login:
    "the effect that gives the login failed or took too long, and Redis was not asked. Look at where its password comes from",
  TooManyClients:
    "Redis has as many clients as it takes. Raise maxclients, or find out who keeps connections open (CLIENT LIST)",
  UnknownMaster:
    "the sentinels know no master of that name. Check the master's name, and that these sentinels watch it (SENTINEL MASTERS)",
  Saturated:
    "too many commands are in flight on this connection. Send fewer at once, or raise the number of connections"
}
