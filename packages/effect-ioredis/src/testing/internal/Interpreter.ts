import { Result } from "effect"
import * as commandKeys from "../../internal/commandKeys.ts"
import * as BitmapCommands from "./BitmapCommands.ts"
import * as BlockingCommands from "./BlockingCommands.ts"
import type { Command, Commands, Machine } from "./Command.ts"
import * as ClusterCommands from "./cluster/ClusterCommands.ts"
import * as ConnectionCommands from "./ConnectionCommands.ts"
import * as HashCommands from "./HashCommands.ts"
import * as KeyCommands from "./KeyCommands.ts"
import * as ListCommands from "./ListCommands.ts"
import * as PubSubCommands from "./PubSubCommands.ts"
import * as ScriptCommands from "./ScriptCommands.ts"
import * as SentinelCommands from "./sentinel/SentinelCommands.ts"
import * as ServerCommands from "./ServerCommands.ts"
import * as SetCommands from "./SetCommands.ts"
import * as SortedSetCommands from "./SortedSetCommands.ts"
import * as StreamCommands from "./StreamCommands.ts"
import * as StreamGroupCommands from "./StreamGroupCommands.ts"
import * as StreamReadCommands from "./StreamReadCommands.ts"
import * as StringCommands from "./StringCommands.ts"
import * as TrackingCommand from "./TrackingCommand.ts"
import * as TransactionCommands from "./TransactionCommands.ts"
import * as Wire from "./Wire.ts"

/**
 * Executes one command, as the server would: unknown name, wrong arity, refusal and only then the
 * command itself.
 */
export const execute = (machine: Machine, name: string, args: ReadonlyArray<Buffer>): Wire.Wire => {
  const { transaction } = machine.client
  let isAccepted = false
  const result = Result.try(() => {
    const known = machine.sentinel === undefined ? ofServer : ofSentinel
    const fullName = known.containers.has(name.toLowerCase()) ? withSubcommand(known, name, args) : name.toLowerCase()
    const command = machine.commands.get(fullName) ?? known.table.get(fullName) ?? unknown(known, name, args)
    const { arity, impact, run } = command
    if (arity < 0 ? args.length + 1 < -arity : args.length + 1 !== arity) return refuseArity(fullName)
    const refusal = machine.refusal(fullName.toUpperCase(), impact, args)
    if (refusal !== undefined) throw refusal
    if (transaction.queued !== undefined && !TransactionCommands.isImmediate(fullName)) {
      transaction.queued.push({ name, args })
      return "QUEUED"
    }
    isAccepted = true
    const wire = run(fullName.includes("|") ? args.slice(1) : args, machine)
    if (impact !== "none") machine.replication.written(size(name, args))
    return wire
  })
  if (Result.isSuccess(result)) return result.success
  if (result.failure instanceof Wire.ErrorReply) {
    // What is refused before it runs costs a transaction, and an EXEC that is refused ends it.
    if (!isAccepted) transaction.isAborted = true
    if (!isAccepted && name.toUpperCase() === "EXEC") transaction.end()
    return result.failure
  }
  throw result.failure
}

const refuseArity = (name: string): never =>
  name === "exec"
    ? Wire.fail("EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command")
    : Wire.wrongArity(name)

/** Describes the commands that a kind of server knows. */
interface Known {
  readonly table: ReadonlyMap<string, Command>
  /** The words that are only the first half of a name, such as CLIENT and SCRIPT. */
  readonly containers: ReadonlySet<string>
}

const known = (modules: ReadonlyArray<{ readonly commands: Commands }>): Known => {
  const table = new Map(modules.flatMap(({ commands }) => Object.entries(commands)))
  return { table, containers: new Set(Array.from(table.keys()).flatMap((name) => name.split("|").slice(0, -1))) }
}

const ofServer = known([
  StringCommands,
  KeyCommands,
  ListCommands,
  BlockingCommands,
  SetCommands,
  HashCommands,
  BitmapCommands,
  SortedSetCommands,
  StreamCommands,
  StreamReadCommands,
  StreamGroupCommands,
  ConnectionCommands,
  PubSubCommands,
  TrackingCommand,
  ServerCommands,
  ScriptCommands,
  TransactionCommands,
  ClusterCommands
])

/** Names what a server knows of itself, in lower case, subcommands as `client|id`. */
export const commandNames: ReadonlyArray<string> = Array.from(ofServer.table.keys())

const ofSentinel = known([SentinelCommands])

// How many bytes the command takes in the stream to replicas.
const size = (name: string, args: ReadonlyArray<Buffer>): number =>
  [Buffer.from(name), ...args].reduce(
    (sum, { length }) => sum + length + String(length).length + 5,
    3 + String(args.length + 1).length
  )

const withSubcommand = ({ table }: Known, name: string, [word]: ReadonlyArray<Buffer>): string => {
  if (word === undefined) return Wire.wrongArity(name.toLowerCase())
  const fullName = `${name}|${word.toString("latin1")}`.toLowerCase()
  if (table.has(fullName)) return fullName
  if (commandKeys.isKnown(fullName.toUpperCase())) return lacking(fullName)
  return Wire.fail(`ERR unknown subcommand '${Wire.quoted(word, 128)}'. Try ${name.toUpperCase()} HELP.`)
}

// A sentinel does not know what other servers do.
const unknown = (known: Known, name: string, args: ReadonlyArray<Buffer>): never =>
  known === ofServer && commandKeys.isKnown(name.toUpperCase())
    ? lacking(name)
    : Wire.fail(
        `ERR unknown command '${Wire.quoted(Buffer.from(name), 128)}', with args beginning with: ${beginningOf(args)}`
      )

// As many arguments as begin within the first 128 bytes of this text, and no more of them.
const beginningOf = (args: ReadonlyArray<Buffer>): Buffer =>
  args.reduce<Buffer>((shown, arg) => {
    const left = 128 - shown.length
    return left > 0 ? Buffer.concat([shown, Buffer.from("'"), Wire.quoted(arg, left), Buffer.from("' ")]) : shown
  }, Buffer.alloc(0))

const lacking = (name: string): never =>
  Wire.fail(
    `NOSIMULATEDCOMMAND SimulatedRedis does not know ${name.replace("|", " ").toUpperCase()}, which Redis does: add it with \`commands\``
  )
