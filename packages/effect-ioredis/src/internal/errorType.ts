import { Cause, Exit } from "effect"
import type * as RedisError from "../RedisError.ts"
import { success } from "./Metrics.ts"

/**
 * Gives what the attribute `error.type` says of an error: the code of an error reply, and the
 * `_tag` of every other error.
 */
export const errorType = (error: RedisError.RedisCommandError): string =>
  error._tag === "RedisOperationError" ? error.code : error._tag

/** The error type of a call that nobody waited for any longer. */
export const interrupted = "Interrupted"

/** The error type of how an operation ended. */
export const errorTypeOf = (exit: Exit.Exit<unknown, RedisError.RedisCommandError>): string => {
  if (Exit.isSuccess(exit)) return success
  if (Cause.hasInterruptsOnly(exit.cause)) return interrupted
  const failed = exit.cause.reasons.find(Cause.isFailReason)
  return failed === undefined ? "Defect" : errorType(failed.error)
}
