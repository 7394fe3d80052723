import { Cause, Exit, Result } from "effect"
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

/** The error type of several commands that are one operation: that of the first one that failed. */
export const errorTypeOfAll = (
  results: ReadonlyArray<Result.Result<unknown, RedisError.RedisCommandError>>
): string => {
  const failed = results.find(Result.isFailure)
  return failed === undefined ? success : errorType(failed.failure)
}

/** The error type of how an operation of several commands ended. */
export const errorTypeOf = (
  exit: Exit.Exit<ReadonlyArray<Result.Result<unknown, RedisError.RedisCommandError>>, RedisError.RedisCommandError>
): string => {
  if (Exit.isSuccess(exit)) return errorTypeOfAll(exit.value)
  if (Cause.hasInterruptsOnly(exit.cause)) return interrupted
  const failed = exit.cause.reasons.find(Cause.isFailReason)
  return failed === undefined ? "Defect" : errorType(failed.error)
}
