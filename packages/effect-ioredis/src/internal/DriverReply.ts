import type { RedisCommand, Reply } from "../RedisCommand.ts"

/**
 * Describes what the driver's decoder gives. With `stringNumbers` and no encoding, an integer comes
 * as a string and everything else as bytes.
 */
export type DriverReply = null | string | Buffer | Error | ReadonlyArray<DriverReply>

/** The reply, with its strings as text or as bytes. */
export const toReply = (reply: DriverReply, as: RedisCommand["reply"]): Reply => {
  if (reply instanceof Uint8Array) return as === "text" ? reply.toString() : reply
  if (typeof reply === "string") return Number.isSafeInteger(Number(reply)) ? Number(reply) : BigInt(reply)
  // An error reply that a script put into an array.
  if (reply instanceof Error) return reply.message
  return reply === null ? null : reply.map((item) => toReply(item, as))
}
