import type { RedisCommand } from "../RedisCommand.ts"
import type { RedisOperationError } from "../RedisError.ts"
import { blockTime } from "./blockTime.ts"
import { malformedRefusal, numberRefusal, refuse } from "./refusal.ts"
import { concerns } from "./Subscriptions.ts"

/**
 * Says why a command must not be sent on a connection that one caller has for himself, or in a
 * transaction on it, or `undefined` if it may.
 */
export const reservedRefusal = (
  command: RedisCommand,
  where?: "transaction" | undefined
): RedisOperationError | undefined => {
  const { kind, name } = command
  const malformed = malformedRefusal(command)
  if (malformed !== undefined) return malformed
  if (concerns(command)) {
    return refuse(name, "UNSUPPORTED", "a subscription has a connection of its own. Use RedisPubSub")
  }
  if (kind === "connection" && where === "transaction") {
    return refuse(name, "UNSUPPORTED", "it changes the connection. Run it before the transaction")
  }
  const misfit = numberRefusal(command)
  if (misfit !== undefined) return misfit
  // The others would be executed without a command that the driver cannot send.
  if (where === "transaction" && sizeOf(command) > largestInTransaction) {
    return refuse(name, "ARGUMENT", "its arguments are too large for a transaction")
  }
  // In a transaction nothing waits.
  if (where === "transaction" || blockTime(command) !== Number.POSITIVE_INFINITY) return undefined
  const why = "it waits for ever, as a server that hangs seems to. Give it a time, and run it again when that is over"
  return refuse(name, "ARGUMENT", why)
}

const sizeOf = ({ args }: RedisCommand): number =>
  args.reduce<number>((sum, arg) => sum + (arg instanceof Uint8Array ? arg.length : String(arg).length), 0)

// The driver writes a command as one string, which can have about twice as many characters.
const largestInTransaction = 2 ** 28
