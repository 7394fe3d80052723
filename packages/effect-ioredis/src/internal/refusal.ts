import type { Argument, RedisCommand } from "../RedisCommand.ts"
import { blockTime } from "./blockTime.ts"
import { arityOf } from "./commandKeys.ts"
import { concerns } from "./Subscriptions.ts"
import { RedisOperationError } from "../RedisError.ts"

/**
 * Says why a command must not be sent on a shared connection, or `undefined` if it may.
 *
 * **Details**
 *
 * Refused with the code `"ARGUMENT"` are a command without a name, arguments that are not an
 * {@link Argument} (the driver would write `[object Object]`), and too many or too few of them for
 * a command that Redis 7.0 knows. Refused with `"UNSUPPORTED"` are
 * `blocking` commands, behind which everyone else would wait, and `connection` commands, which
 * would change the connection for its other users; so is what is no `read` and is to go to a
 * replica.
 */
export const refusal = (
  command: RedisCommand,
  readFrom?: "master" | "replica" | undefined
): RedisOperationError | undefined => {
  const { kind, name } = command
  const malformed = malformedRefusal(command)
  if (malformed !== undefined) return malformed
  if (kind === "blocking") {
    const why = "it would block the shared connection for every other caller. Run it on a connection of `reserve`"
    return refuse(name, "UNSUPPORTED", why)
  }
  if (kind === "connection") return refuse(name, "UNSUPPORTED", whyNotShared(name))
  if (readFrom === "replica" && kind !== "read") {
    return refuse(
      name,
      "UNSUPPORTED",
      "a replica answers reads alone. Leave out readFrom, or run a command of kind read"
    )
  }
  return numberRefusal(command)
}

/**
 * Says why a command must not be sent on a connection that one caller has for himself, or in a
 * transaction on it, or `undefined` if it may.
 */
export const refusalOfReserved = (
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

const malformedRefusal = ({ args, name }: RedisCommand): RedisOperationError | undefined => {
  if (name === "") {
    return refuse("(no name)", "ARGUMENT", "it has no name. Pass the name of a command, such as GET")
  }
  for (let index = 0; index < args.length; index++) {
    if (!isArgument(args[index])) {
      const given = nameOf(args[index])
      return refuse(
        name,
        "ARGUMENT",
        `argument ${index + 1} is ${given}. Pass a string, a finite number, a bigint or bytes`
      )
    }
  }
  return undefined
}

// What may not be sent at all is said first: arguments that fit would not help.
const numberRefusal = ({ args, name }: RedisCommand): RedisOperationError | undefined => {
  const arity = arityOf(name, args)
  const words = args.length + 1
  const fits = arity === undefined || arity === words || (arity < 0 && words >= -arity)
  return fits ? undefined : refuse(name, "ARGUMENT", wrongNumber(arity, args.length))
}

const wrongNumber = (arity: number, given: number): string => {
  const least = Math.abs(arity) - 1
  const taken = `${least === 0 ? "none" : least}${arity < 0 ? " or more" : ""}`
  const has = `${given === 0 ? "no" : given} ${given === 1 ? "argument" : "arguments"}`
  return `it has ${has}, and takes ${taken}. Pass what Redis' documentation of the command says`
}

const whyNotShared = (name: string): string => {
  const why = "it would change the shared connection for every other caller"
  if (/SUBSCRIBE$/.test(name)) return `${why}. Use RedisPubSub`
  return name === "MULTI" || name === "EXEC" || name === "DISCARD"
    ? `${why}. Use \`transaction\``
    : `${why}. Run it on a connection of \`reserve\``
}

const refuse = (command: string, code: "ARGUMENT" | "UNSUPPORTED", why: string): RedisOperationError =>
  new RedisOperationError({ command, code, message: `${command} was not sent: ${why}` })

const isArgument = (value: unknown): value is Argument =>
  typeof value === "string" ||
  (typeof value === "number" && Number.isFinite(value)) ||
  typeof value === "bigint" ||
  value instanceof Uint8Array

const nameOf = (value: unknown): string => {
  if (value === null || value === undefined || typeof value === "number") return String(value)
  return Array.isArray(value) ? "an array" : `a value of type ${typeof value}`
}
