import { RedisError } from "effect-ioredis"

// Redis has no room now, or may not write to its disk: it will take the same later.
const laterCodes = new Set(["OOM", "MISCONF"])

/**
 * Tells whether Redis decides nothing now, and may do so later. A closed client is not opened
 * again.
 */
export const isOutage = (error: RedisError.RedisCommandError): boolean => {
  if (error._tag === "RedisOperationError") {
    return laterCodes.has(error.code) || RedisError.isRetryable(error, "repeatable")
  }
  return error._tag !== "RedisConnectionError" || error.reason !== "Closed"
}
