import type { RedisCommand, Reply } from "../RedisCommand.ts"
import type { RedisCommandError } from "../RedisError.ts"
import { at, isCompound } from "./Compound.ts"
import * as DriverError from "./DriverError.ts"

/**
 * Describes what the driver's decoder gives. With `stringNumbers` and no encoding, an integer comes
 * as a string and everything else as bytes.
 */
export type DriverReply = null | string | Buffer | Error | ReadonlyArray<DriverReply>

/** The reply to a command, with its strings as text or as bytes. */
export const toReply = (reply: DriverReply, command: RedisCommand, showScriptErrors: boolean): Reply => {
  if (reply instanceof Uint8Array) return command.reply === "text" ? reply.toString() : reply
  if (typeof reply === "string") return Number.isSafeInteger(Number(reply)) ? Number(reply) : BigInt(reply)
  if (reply === null) return null
  if (reply instanceof Error) return nested(reply, command, showScriptErrors)
  return isCompound(command)
    ? reply.map((item, index) => toReply(item, command[at](index, reply.length), showScriptErrors))
    : reply.map((item) => toReply(item, command, showScriptErrors))
}

/** The error reply to a command. */
export const toError = (
  error: Error,
  { args, errors, name }: RedisCommand,
  showScriptErrors: boolean
): RedisCommandError => {
  // Arguments are taken out of the message by these.
  Object.assign(error, { command: { name, args } })
  return DriverError.classify(error, { command: name, errors, showScriptErrors })
}

// An error reply that stands in an array, which a script puts there or a transaction.
const nested = (error: Error, command: RedisCommand, showScriptErrors: boolean): Reply => {
  const failure = toError(error, command, showScriptErrors)
  return failure._tag === "RedisOperationError" ? failure : failure.message
}
