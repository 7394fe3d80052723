import { Schema } from "effect"
import { Cause } from "./fields.ts"
import * as Mark from "./Mark.ts"
import { outcome } from "./outcome.ts"

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

const Sent = Schema.Literals(["never", "unknown"])

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
}) {
  /** Says what it tells a circuit breaker: see {@link outcome}. */
  get [Mark.TypeId]() {
    return outcome(this)
  }
}
