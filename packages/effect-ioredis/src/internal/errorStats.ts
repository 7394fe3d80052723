import type { ErrorStats } from "../RedisClient.ts"
import * as RedisError from "../RedisError.ts"

/**
 * Tells what an error was in values that are good as JSON. An error itself holds what was on the
 * stack where it was made, until somebody reads that.
 */
export const errorStats = (error: RedisError.RedisCommandError): ErrorStats => ({
  _tag: error._tag,
  command: error.command,
  ...("sent" in error && { sent: error.sent }),
  ...(error._tag === "RedisConnectionError" && { reason: error.reason }),
  ...codeOf(error),
  message: error.message
})

// A login may have been answered by a server that is there and cannot serve.
const codeOf = (error: RedisError.RedisCommandError): { readonly code?: string } => {
  if (error._tag === "RedisOperationError") return { code: error.code }
  return error._tag === "RedisConnectionError" && error.cause instanceof RedisError.RedisOperationError
    ? { code: error.cause.code }
    : {}
}
