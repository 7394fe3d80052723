import type { Argument, RedisCommand } from "../RedisCommand.ts"
import { RedisOperationError } from "../RedisError.ts"

/**
 * Says why a command must not be sent on a shared connection, or `undefined` if it may.
 *
 * **Details**
 *
 * Refused with the code `"ARGUMENT"` are a command without a name and arguments that are not an
 * {@link Argument} (the driver would write `[object Object]`). Refused with `"UNSUPPORTED"` are
 * `blocking` commands, behind which everyone else would wait, and `connection` commands, which
 * would change the connection for its other users; so is what is no `read` and is to go to a
 * replica.
 */
export const refusal = (
  command: RedisCommand,
  readFrom?: "master" | "replica" | undefined
): RedisOperationError | undefined => {
  const { args, kind, name } = command
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
  if (kind === "blocking") {
    const why = "it would block the shared connection for every other caller. Give it a connection of its own"
    return refuse(name, "UNSUPPORTED", why)
  }
  if (kind === "connection") {
    const why =
      "it would change the shared connection for every other caller. Use eval for transactions, and a connection of its own for the rest"
    return refuse(name, "UNSUPPORTED", why)
  }
  if (readFrom === "replica" && kind !== "read") {
    return refuse(
      name,
      "UNSUPPORTED",
      "a replica answers reads alone. Leave out readFrom, or run a command of kind read"
    )
  }
  return undefined
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
