import * as RedisError from "../../RedisError.ts"

/**
 * Tells whether an error says that Redis decides nothing now: there is no connection, no answer, or
 * an open circuit, or Redis puts off what it is asked. What else Redis answers is final, and a
 * closed client is not opened again.
 */
export const isOutage = (error: RedisError.RedisCommandError): boolean => {
  if (error._tag === "RedisOperationError") return RedisError.isRetryable(error, "repeatable")
  return error._tag !== "RedisConnectionError" || error.reason !== "Closed"
}
