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
import { Duration, Result, Schema } from "effect"
import { tlsAdvice } from "./internal/tlsAdvice.ts"
import type { CommandKind } from "./RedisCommand.ts"

const ConnectionFailure = Schema.Literals([
  "Refused",
  "Reset",
  "Closed",
  "NotReady",
  "Timeout",
  "Stalled",
  "Dns",
  "Tls",
  "Auth",
  "Login",
  "TooManyClients",
  "UnknownMaster",
  "Saturated"
])

const Sent = Schema.Literals(["never", "unknown"])

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

// Causes are redacted copies of what a driver threw.
const Cause = Schema.optional(Schema.Defect())

/**
 * Says why a connection could not carry a command.
 *
 * **Details**
 *
 * - `Refused`: nothing listens there.
 * - `Reset`: the connection was lost.
 * - `Closed`: this program has closed it.
 * - `NotReady`: it is being made, or the server is not ready to serve.
 * - `Timeout`: it was not made in time.
 * - `Stalled`: it was silent for too long and was replaced.
 * - `Dns`, `Auth`: the name was not resolved, the login was refused.
 * - `Tls`: the handshake failed, or a file of a certificate or key could not be used.
 * - `Login`: the Effect that gives the login failed or took too long, so Redis was not asked.
 * - `TooManyClients`: the server has as many clients as it takes (`maxclients`).
 * - `UnknownMaster`: no sentinel knows a master of the name that was given.
 * - `Saturated`: this program has as many commands in flight as it allows itself (`maxInFlight`),
 *   or as many connections reserved (`maxReserved`).
 *
 * @category models
 * @since 0.1.0
 */
export type ConnectionFailure = typeof ConnectionFailure.Type

/**
 * Reports that there was no connection to send the command on, or that it was lost before the reply
 * came.
 *
 * **Details**
 *
 * `sent: "never"` means that Redis cannot have executed the command. `sent: "unknown"` means that
 * it may have. `reason: "Timeout"` is a connection that was not made in time; a command that got no
 * reply in time is a {@link RedisTimeoutError}.
 *
 * @category errors
 * @since 0.1.0
 */
export class RedisConnectionError extends Schema.TaggedError<RedisConnectionError>()("RedisConnectionError", {
  /** Names the command, without arguments. */
  command: Schema.String,
  /** Says why there was no connection. */
  reason: ConnectionFailure,
  /** Says whether Redis may have executed the command. */
  sent: Sent,
  /** Says in one line what happened and what to do. */
  message: Schema.String,
  /** Holds a redacted copy of what the driver threw. */
  cause: Cause
}) {}

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
  /** Makes the error of a deadline in milliseconds. What happened before it is its `cause`. */
  static after(command: string, millis: number, cause?: unknown): RedisTimeoutError {
    const duration = Duration.millis(millis)
    const message = `${command} had no reply within ${Duration.format(duration)}; Redis may still execute it`
    return new RedisTimeoutError({ command, duration, sent: "unknown", message, cause })
  }
}

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
}) {}

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
) {}

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
}) {}

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
 * Tells whether a value is an error of this library: to tell it from the errors of a lookup, say.
 *
 * **Example** (Telling the errors of Redis from those of a lookup)
 *
 * ```ts
 * import { RedisError } from "effect-ioredis"
 *
 * const describe = (error: unknown) =>
 *   RedisError.isRedisError(error) ? `Redis: ${error.message}` : "something else"
 *
 * const lost = RedisError.connectionError("GET", "Reset", "unknown")
 * describe(lost) // => "Redis: GET may or may not have been executed: the connection was lost"
 * describe(new Error("no such user")) // => "something else"
 * ```
 *
 * @category guards
 * @since 0.1.0
 */
export const isRedisError = (u: unknown): u is RedisError =>
  u instanceof RedisConnectionError ||
  u instanceof RedisTimeoutError ||
  u instanceof RedisOperationError ||
  u instanceof RedisCircuitBreakerOpenError ||
  u instanceof RedisSerializationError

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
 * Says what an error tells a circuit breaker about Redis.
 *
 * **Details**
 *
 * `"failure"`: transport errors, timeouts, and the replies that say Redis cannot serve now.
 * `"success"`: every other reply, for it came from a Redis that lives. `"ignored"`: what says
 * nothing about the server (the breaker's own refusal, a saturated client, a command that was not
 * sent, and what a server of a cluster says because of others: CLUSTERDOWN, TRYAGAIN).
 *
 * @category predicates
 * @since 0.1.0
 */
export const outcome = (error: RedisCommandError): "success" | "failure" | "ignored" => {
  switch (error._tag) {
    case "RedisTimeoutError":
      return "failure"
    case "RedisConnectionError":
      return error.reason === "Saturated" || isFirstConnecting(error) ? "ignored" : "failure"
    case "RedisCircuitBreakerOpenError":
      return "ignored"
    case "RedisOperationError":
      if (outageCodes.has(error.code)) return "failure"
      return ownCodes.has(error.code) || clusterCodes.has(error.code) ? "ignored" : "success"
  }
}

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

// Redis cannot serve anyone right now: these count as an outage although they are replies.
const outageCodes = new Set(["LOADING", "MASTERDOWN", "BUSY", "NOAUTH", "WRONGPASS"])

// Nothing is known of a server to which the first connection is still being made: calls in their
// hundreds opened the circuit of each server that joined a cluster.
const isFirstConnecting = ({ cause, reason, sent }: RedisConnectionError): boolean =>
  reason === "NotReady" && sent === "never" && cause === undefined

// What a server says because of others of its cluster. Where it counted as an outage, one dead
// master opened the circuits of the healthy ones.
const clusterCodes = new Set(["CLUSTERDOWN", "TRYAGAIN"])

// Redis did not execute the command and may do so later.
const deferredCodes = new Set(["LOADING", "MASTERDOWN", "CLUSTERDOWN", "BUSY", "NOREPLICAS", "TRYAGAIN", "READONLY"])

const ownCodes = new Set(["ARGUMENT", "UNSUPPORTED", "SUPERSEDED"])

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
