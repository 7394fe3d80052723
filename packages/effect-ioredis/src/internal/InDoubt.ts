import { Result } from "effect"
import type { ReplyResult } from "../RedisConnection.ts"
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
 * Gives what a command ends with of which parts went to several servers, or `undefined` where all
 * of them succeeded.
 */
export const ofParts = (
  results: ReadonlyArray<ReplyResult>
): Result.Failure<never, RedisError.RedisCommandError> | undefined => {
  const failures = results.flatMap((result) => (Result.isFailure(result) ? [result.failure] : []))
  const worst = failures.find((error) => RedisError.endOf(Result.fail(error)) === "doubtful") ?? failures[0]
  if (worst === undefined) return undefined
  const failure = failures.length < results.length ? inPart(worst) : worst
  // It is a failure, which the type of `fail` does not say.
  return Result.fail(failure) as Result.Failure<never, RedisError.RedisCommandError>
}

/**
 * Gives what a command ends with that failed with `error` after a part of it may have been
 * executed.
 */
export const inPart = (error: RedisError.RedisCommandError): RedisError.RedisCommandError =>
  error._tag === "RedisConnectionError" && error.sent === "never"
    ? RedisError.connectionError(error.command, error.reason, "unknown", error.cause)
    : error
