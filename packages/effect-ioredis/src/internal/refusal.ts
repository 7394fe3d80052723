import type { Argument, RedisCommand } from "../RedisCommand.ts"
import { arityOf } from "./commandKeys.ts"
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
    const why =
      "it would block the shared connection for every other caller. Run it on a connection of `RedisReservation.reserve`"
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

/** Refuses what is no command: without a name, or with arguments of other types. */
export const malformedRefusal = ({ args, name }: RedisCommand): RedisOperationError | undefined => {
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

/**
 * Refuses a number of arguments that Redis does not take. What may not be sent at all is said
 * before that: arguments that fit would not help.
 */
export const numberRefusal = ({ args, name }: RedisCommand): RedisOperationError | undefined => {
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
    ? `${why}. Use \`RedisReservation.transaction\``
    : `${why}. Run it on a connection of \`RedisReservation.reserve\``
}

/** Says what was not sent, and why. */
export const refuse = (command: string, code: "ARGUMENT" | "UNSUPPORTED", why: string): RedisOperationError =>
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
