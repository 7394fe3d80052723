/**
 * Commands of a cluster that concern every master, such as DBSIZE, and what their answers mean
 * together. Redis itself says which they are: see `commandTable`.
 */
import { Result } from "effect"
import type { Reply } from "../RedisCommand.ts"
import type { ReplyResult } from "../RedisConnection.ts"
import type { ResponsePolicy } from "./commandKeys.ts"
import * as InDoubt from "./InDoubt.ts"

/** Puts the answers of all masters together, of which there is one at least. */
export const join = (policy: ResponsePolicy, results: ReadonlyArray<ReplyResult>): ReplyResult => {
  const success = results.find(Result.isSuccess)
  if (policy === "one_succeeded" && success !== undefined) return success
  const failure = InDoubt.ofParts(results)
  if (failure !== undefined) return failure
  return Result.succeed(answers[policy](results.map((result) => (Result.isSuccess(result) ? result.success : null))))
}

const first = (replies: ReadonlyArray<Reply>): Reply => replies[0] ?? null

const numbers =
  (combine: (one: number, other: number) => number) =>
  (replies: ReadonlyArray<Reply>): Reply =>
    replies.every((reply) => typeof reply === "number") ? replies.reduce(combine) : null

// Each element holds where it holds on all of them.
const and = (replies: ReadonlyArray<Reply>): Reply => {
  const lists = replies.map((reply): ReadonlyArray<Reply> => (Array.isArray(reply) ? reply : []))
  return (lists[0] ?? []).map((_, index) => (lists.every((list) => list[index] === 1) ? 1 : 0))
}

// All that they list, or what one of them has found.
const any = (replies: ReadonlyArray<Reply>): Reply =>
  replies.every((reply) => Array.isArray(reply)) ? replies.flat() : (replies.find((reply) => reply !== null) ?? null)

const answers: Readonly<Record<ResponsePolicy, (replies: ReadonlyArray<Reply>) => Reply>> = {
  all_succeeded: first,
  one_succeeded: first,
  agg_sum: numbers((one, other) => one + other),
  agg_min: numbers((one, other) => Math.min(one, other)),
  agg_logical_and: and,
  any
}
