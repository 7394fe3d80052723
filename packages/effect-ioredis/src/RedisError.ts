/**
 * What can go wrong between a program and Redis: one tagged union of five errors, and the pure functions that say what each of them means.
 *
 * **Details**
 *
 * Every error carries the name of the command (never its arguments, keys or values), a one-line `message` that says what to do next where
 * there is something to do, and the redacted `cause` where there is one. What may be retried and what counts as an outage follows from the
 * error's fields alone: see {@link isRetryable}, {@link outcome} and {@link needsReconnect}.
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
 *   Effect.catchTag("RedisOperationError", (error) => Effect.logWarning(`Redis refused the write: ${error.code}`)),
 *   Effect.catchTag(["RedisConnectionError", "RedisTimeoutError", "RedisCircuitBreakerOpenError"], () => Effect.logWarning("Redis is away"))
 * )
 * ```
 *
 * @since 0.1.0
 */
import { Data, Duration } from "effect"
import type { CommandKind } from "./RedisCommand.ts"

/**
 * Why a connection could not carry a command.
 *
 * @category models
 * @since 0.1.0
 */
export type ConnectionFailure =
  | "Refused"
  | "Reset"
  | "Closed"
  | "NotReady"
  | "Timeout"
  | "Dns"
  | "Tls"
  | "Auth"
  | "Saturated"

/**
 * There was no connection to send the command on, or it was lost before the reply came.
 *
 * **Details**
 *
 * `sent: "never"` means that Redis cannot have executed the command. `sent: "unknown"` means that it may have. `reason: "Timeout"` is a
 * connection that was not made in time; a command that got no reply in time is a {@link RedisTimeoutError}.
 *
 * @category errors
 * @since 0.1.0
 */
export class RedisConnectionError extends Data.TaggedError("RedisConnectionError")<{
  readonly command: string
  readonly reason: ConnectionFailure
  readonly sent: "never" | "unknown"
  readonly message: string
  readonly cause?: unknown
}> {}

/**
 * Redis did not answer within the deadline. Whether it executed the command is unknown.
 *
 * @category errors
 * @since 0.1.0
 */
export class RedisTimeoutError extends Data.TaggedError("RedisTimeoutError")<{
  readonly command: string
  readonly duration: Duration.Duration
  readonly message: string
  readonly cause?: unknown
}> {
  static after(command: string, millis: number, cause?: unknown): RedisTimeoutError {
    const duration = Duration.millis(millis)
    return new RedisTimeoutError({
      command,
      duration,
      message: `${command} had no reply within ${Duration.format(duration)}; Redis may still execute it`,
      cause
    })
  }
}

/**
 * Redis answered with an error reply. `code` is its first word, such as `"WRONGTYPE"`, `"OOM"` or `"READONLY"`.
 *
 * **Details**
 *
 * Three codes are this library's own and stand for commands that were never sent: `"ARGUMENT"` (an argument that is not a string, a finite
 * number, a bigint or bytes), `"UNSUPPORTED"` (a command that may not run on a shared connection) and `"SUPERSEDED"` (a write that
 * something newer has overtaken).
 *
 * @category errors
 * @since 0.1.0
 */
export class RedisOperationError extends Data.TaggedError("RedisOperationError")<{
  readonly command: string
  readonly code: string
  readonly message: string
  readonly cause?: unknown
}> {}

/**
 * The circuit breaker refused the command. Nothing was sent.
 *
 * **Details**
 *
 * `retryAfter` is the whole open time of this opening, so that all refusals of one opening can share one value: the circuit is due no later
 * than that after the error was seen.
 *
 * @category errors
 * @since 0.1.0
 */
export class RedisCircuitBreakerOpenError extends Data.TaggedError("RedisCircuitBreakerOpenError")<{
  readonly command: string
  readonly retryAfter: Duration.Duration
  readonly message: string
}> {}

/**
 * A key or a value does not fit its schema, on the way in (`"encode"`) or out (`"decode"`).
 *
 * **Details**
 *
 * The key is given as a short hash, and the message says where the schema was not met without quoting the data.
 *
 * @category errors
 * @since 0.1.0
 */
export class RedisSerializationError extends Data.TaggedError("RedisSerializationError")<{
  readonly command: string
  readonly region: string
  readonly keyHash: string
  readonly direction: "encode" | "decode"
  readonly message: string
  readonly cause?: unknown
}> {}

/**
 * What a command can fail with.
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
 * Everything this library fails with.
 *
 * @category models
 * @since 0.1.0
 */
export type RedisError = RedisCommandError | RedisSerializationError

/**
 * Whether a value is one of the errors a command can fail with.
 *
 * @category guards
 * @since 0.1.0
 */
export const isRedisCommandError = (u: unknown): u is RedisCommandError =>
  u instanceof RedisConnectionError ||
  u instanceof RedisTimeoutError ||
  u instanceof RedisOperationError ||
  u instanceof RedisCircuitBreakerOpenError

/**
 * Whether a value is an error of this library: to tell it from the errors of a lookup, say.
 *
 * @category guards
 * @since 0.1.0
 */
export const isRedisError = (u: unknown): u is RedisError =>
  isRedisCommandError(u) || u instanceof RedisSerializationError

/**
 * Turns what a driver threw into a `RedisCommandError`.
 *
 * **Details**
 *
 * `command` is the name of the command that failed, `connectionError` the last error that the connection itself reported: the driver says
 * only "not writeable" to the command, and why there is no connection to the connection. `timeoutMillis` is the deadline that was
 * set. An unknown error is taken as a lost connection whose outcome is unknown, the most careful reading.
 *
 * **Gotchas**
 *
 * Driver errors hold the arguments of their command, a password among them. Only the name, the code and a message from which every argument
 * has been removed are kept as `cause`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const classify = (
  error: unknown,
  context: {
    readonly command: string
    readonly connectionError?: unknown
    readonly timeoutMillis?: number | undefined
  }
): RedisCommandError => {
  const { command } = context
  const { message, name } = describe(error)
  if (name === "ReplyError" && !message.startsWith("EXECABORT") && command !== "") {
    const code = replyCode(message)
    return new RedisOperationError({
      command,
      code,
      message: `${command} was refused by Redis: ${redactedMessage(error).replace(/\.$/, "")}${advice(code)}`,
      cause: redact(error)
    })
  }
  if (name === "ReplyError") {
    const first = previousError(error)
    return new RedisOperationError({
      command,
      code: "EXECABORT",
      message: `${command} was discarded by Redis: ${first === undefined ? redactedMessage(error) : redactedMessage(first)}`,
      cause: redact(first ?? error)
    })
  }
  if (message === "Command timed out")
    return RedisTimeoutError.after(command, context.timeoutMillis ?? 0, redact(error))
  const cause = context.connectionError ?? error
  if (/isn't writeable|Cluster isn't ready|None of startup nodes|Failed to refresh slots/.test(message)) {
    return connectionError(command, reasonOf(cause) ?? "NotReady", "never", redact(cause))
  }
  if (message === "Connection is closed.") return connectionError(command, "Closed", "unknown", redact(cause))
  return connectionError(command, "Reset", "unknown", redact(cause))
}

/**
 * The `RedisConnectionError` for a reason, with the message that belongs to it.
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
    message: `${consequence(command, sent)}: ${explanations[reason]}`,
    cause
  })

/**
 * Why a connection failed, read from the error it reported, or `undefined` where the error does not say.
 *
 * @category accessors
 * @since 0.1.0
 */
export const reasonOf = (error: unknown): ConnectionFailure | undefined => {
  const { code, message, name } = describe(error)
  if (name === "ReplyError") {
    return authCodes.has(replyCode(message)) ? "Auth" : "NotReady"
  }
  if (code.startsWith("ERR_SSL") || code.startsWith("ERR_TLS") || code === "EPROTO") return "Tls"
  if (/CERT|SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/.test(code)) return "Tls"
  if (message.includes("before secure TLS connection was established")) return "Tls"
  return reasonByCode[code] ?? (message.startsWith("Socket timeout") ? "Timeout" : undefined)
}

/**
 * What an error tells a circuit breaker about Redis.
 *
 * **Details**
 *
 * `"failure"`: transport errors, timeouts, and the replies that say Redis cannot serve now. `"success"`: every other reply, for it came from
 * a Redis that lives. `"ignored"`: what says nothing about Redis (the breaker's own refusal, a saturated client, a command we did not send).
 *
 * @category predicates
 * @since 0.1.0
 */
export const outcome = (error: RedisCommandError): "success" | "failure" | "ignored" => {
  switch (error._tag) {
    case "RedisTimeoutError":
      return "failure"
    case "RedisConnectionError":
      return error.reason === "Saturated" ? "ignored" : "failure"
    case "RedisCircuitBreakerOpenError":
      return "ignored"
    case "RedisOperationError":
      if (outageCodes.has(error.code)) return "failure"
      return ownCodes.has(error.code) ? "ignored" : "success"
  }
}

/**
 * Whether sending the command again is safe and can change the answer.
 *
 * **Details**
 *
 * A command that was never sent may always be sent again. One whose outcome is unknown, or that Redis put off (LOADING, BUSY, READONLY…),
 * may be sent again if it is a `read` or an idempotent `write`. An open circuit, a failed login and every other reply stay as they are.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isRetryable = (error: RedisCommandError, kind: CommandKind): boolean => {
  const idempotent = kind === "read" || kind === "write"
  switch (error._tag) {
    case "RedisTimeoutError":
      return idempotent
    case "RedisConnectionError":
      if (error.reason === "Auth" || (error.reason === "Closed" && error.sent === "never")) return false
      return error.sent === "never" || idempotent
    case "RedisCircuitBreakerOpenError":
      return false
    case "RedisOperationError":
      return idempotent && deferredCodes.has(error.code)
  }
}

/**
 * Whether the connection that gave this error should be replaced: a replica that refuses writes was a master when we connected.
 *
 * @category predicates
 * @since 0.1.0
 */
export const needsReconnect = (error: RedisCommandError): boolean =>
  error._tag === "RedisOperationError" && error.code === "READONLY"

/**
 * A copy of a driver's error that holds no argument, key, value or password: its name, code and scrubbed message.
 *
 * @category constructors
 * @since 0.1.0
 */
export const redact = (error: unknown): Error | undefined => {
  if (error === undefined) return undefined
  const { code, name } = describe(error)
  const redacted = new Error(redactedMessage(error))
  redacted.name = name
  // Where the copy was made says nothing about the failure, and the driver's own frames could quote arguments.
  redacted.stack = `${name}: ${redacted.message}`
  return code === "" ? redacted : Object.assign(redacted, { code })
}

// Redis cannot serve anyone right now: these count as an outage although they are replies.
const outageCodes = new Set(["LOADING", "MASTERDOWN", "CLUSTERDOWN", "BUSY", "NOAUTH", "WRONGPASS"])

// Redis did not execute the command and may do so later.
const deferredCodes = new Set(["LOADING", "MASTERDOWN", "CLUSTERDOWN", "BUSY", "NOREPLICAS", "TRYAGAIN", "READONLY"])

const authCodes = new Set(["NOAUTH", "WRONGPASS", "NOPERM"])

const ownCodes = new Set(["ARGUMENT", "UNSUPPORTED", "SUPERSEDED"])

const reasonByCode: Readonly<Record<string, ConnectionFailure>> = {
  ECONNREFUSED: "Refused",
  ENOENT: "Refused",
  ENOTFOUND: "Dns",
  EAI_AGAIN: "Dns",
  ETIMEDOUT: "Timeout",
  ECONNRESET: "Reset",
  EPIPE: "Reset"
}

const consequence = (command: string, sent: "never" | "unknown"): string => {
  if (command === "CONNECT") return "No connection to Redis"
  return `${command} ${sent === "never" ? "was not sent" : "may or may not have been executed"}`
}

const explanations: Readonly<Record<ConnectionFailure, string>> = {
  Refused: "the server refused the connection. Check that Redis runs and that the host and port are right",
  Reset: "the connection was lost",
  Closed: "the connection is closed",
  NotReady: "the connection is not ready yet. The cause says what the server answered, if it did",
  Timeout:
    "the connection was not made in time. Check that the host can be reached from here, and for rediss:// that the port speaks TLS",
  Dns: "the host name could not be resolved. Check the host in the Redis settings",
  Tls: "the TLS handshake failed. Check that the port speaks TLS (rediss://) and that its certificate is trusted",
  Auth: "Redis refused the login. Check the user name, the password, the user's permissions and the database number",
  Saturated:
    "too many commands are in flight on this connection. Send fewer at once, or raise the number of connections"
}

const advices: Readonly<Record<string, string>> = {
  NOAUTH: ". Give a password",
  WRONGPASS: ". Check the user name and password",
  NOPERM: ". Grant the user this command and these keys",
  OOM: ". Raise maxmemory or choose an eviction policy",
  MISCONF: ". Redis cannot save its data to disk and therefore refuses writes",
  READONLY: ". This server is a replica"
}

const advice = (code: string): string => advices[code] ?? ""

const replyCode = (message: string): string => /^[A-Z][A-Z0-9]*(?=[ :]|$)/.exec(message)?.[0] ?? "ERR"

const describe = (error: unknown): { readonly name: string; readonly message: string; readonly code: string } => ({
  name: stringField(error, "name") ?? "Error",
  message: stringField(error, "message") ?? "",
  code: stringField(error, "code") ?? ""
})

const field = (value: unknown, key: string): unknown =>
  typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined

const stringField = (value: unknown, key: string): string | undefined => {
  const found = field(value, key)
  return typeof found === "string" ? found : undefined
}

const previousError = (error: unknown): unknown => {
  const previous = field(error, "previousErrors")
  return Array.isArray(previous) ? previous[0] : undefined
}

const redactedMessage = (error: unknown): string => {
  // An unknown command or subcommand is answered with arguments quoted, which may be cut short.
  const [message = ""] = describe(error).message.split(/,? with args beginning with|(?<=unknown subcommand) /)
  const command = field(error, "command")
  if (scriptCommands.has(String(field(command, "name")).toUpperCase())) return scriptMessage(message)
  const args = field(command, "args")
  if (!Array.isArray(args)) return message
  return args
    .map(textOf)
    .filter((arg) => arg.length > 2)
    .sort((a, b) => b.length - a.length)
    .reduce((text, arg) => text.replaceAll(arg, "<redacted>"), message)
}

const textOf = (argument: unknown): string => {
  if (argument instanceof Uint8Array) return new TextDecoder().decode(argument)
  return typeof argument === "string" || typeof argument === "number" ? String(argument) : ""
}

const scriptCommands = new Set(["EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL", "FCALL_RO"])

// A script may raise anything, also what it made of its arguments or read from a key: only the code and the place are kept.
const scriptMessage = (message: string): string => {
  const [place = ""] = /script: [0-9a-f]{40}, on @user_script:\d+/.exec(message) ?? []
  return `${replyCode(message)} (the script's reply is not shown, for it may hold values)${place && ` ${place}`}`
}
