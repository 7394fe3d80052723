import { Result } from "effect"
import * as CollectionCommands from "./CollectionCommands.ts"
import type { Command, Machine } from "./Command.ts"
import * as KeyCommands from "./KeyCommands.ts"
import * as ScriptCommands from "./ScriptCommands.ts"
import * as ServerCommands from "./ServerCommands.ts"
import * as StringCommands from "./StringCommands.ts"
import * as Wire from "./Wire.ts"

/** Executes one command, as the server would: unknown name, wrong arity, refusal and only then the command itself. */
export const execute = (machine: Machine, clientId: number, name: string, args: ReadonlyArray<Buffer>): Wire.Wire => {
  const lower = name.toLowerCase()
  const result = Result.try(() => {
    const command = table.get(lower) ?? unknown(name, args)
    if (command.arity < 0 ? args.length + 1 < -command.arity : args.length + 1 !== command.arity) {
      return Wire.wrongArity(lower)
    }
    return machine.refusal(name.toUpperCase(), command.impact) ?? command.run(args, machine, clientId)
  })
  if (Result.isSuccess(result)) return result.success
  if (result.failure instanceof Wire.ErrorReply) return result.failure
  throw result.failure
}

const table: ReadonlyMap<string, Command> = new Map(
  [StringCommands, KeyCommands, CollectionCommands, ServerCommands, ScriptCommands].flatMap(({ commands }) =>
    Object.entries(commands)
  )
)

const unknown = (name: string, args: ReadonlyArray<Buffer>): never =>
  Wire.fail(
    `ERR unknown command '${name.slice(0, 128)}', with args beginning with: ${args
      .map((arg) => `'${arg.toString().slice(0, 128)}' `)
      .join("")}`
  )
