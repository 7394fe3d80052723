import * as RedisError from "../RedisError.ts"

/**
 * Gives what a call ends with where its last attempt ended with `error` and `doubt` is what an
 * earlier one left open: that the last one never left does not mean that the command was not
 * executed. What Redis replied stays as it is.
 */
export const since = (
  doubt: RedisError.RedisCommandError | undefined,
  error: RedisError.RedisCommandError
): RedisError.RedisCommandError => {
  if (doubt === undefined) return error
  return error._tag === "RedisCircuitBreakerOpenError" ? doubt : inPart(error)
}

/**
 * Gives what a command ends with that failed with `error` after a part of it may have been
 * executed.
 */
export const inPart = (error: RedisError.RedisCommandError): RedisError.RedisCommandError =>
  error._tag === "RedisConnectionError" && error.sent === "never"
    ? RedisError.connectionError(error.command, error.reason, "unknown", error.cause)
    : error
