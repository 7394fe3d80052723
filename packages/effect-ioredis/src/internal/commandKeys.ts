import type { Argument } from "../RedisCommand.ts"
import { commandTable } from "./commandTable.ts"

/** One command of the table. Positions are those of its arguments, from 0. */
export interface KnownCommand {
  readonly arity: number
  readonly flags: string
  readonly group: string
  /** Says how the replies of all masters of a cluster are put together, where all are asked. */
  readonly response: ResponsePolicy | undefined
  readonly keys: ReadonlyArray<KeySpec>
}

/**
 * Redis' own words for putting replies together: `any` where it has none, and there is one answer
 * or a list of all.
 */
export type ResponsePolicy = "all_succeeded" | "one_succeeded" | "agg_sum" | "agg_min" | "agg_logical_and" | "any"

/**
 * Describes where keys begin, and how far they go from there. `last` counts from the end where it
 * is negative.
 */
export interface KeySpec {
  readonly begin: number | { readonly keyword: string; readonly from: number }
  readonly find: "Count" | { readonly last: number; readonly step: number; readonly limit: number }
}

/** The upper-case word that an argument is, or `""` where it is no text. */
export const wordOf = (argument: Argument | undefined): string => {
  if (typeof argument === "string") return argument.toUpperCase()
  return argument instanceof Uint8Array ? textOf(argument).toUpperCase() : ""
}

/** An argument as the text that Redis would see. */
export const textOf = (argument: Argument): string =>
  argument instanceof Uint8Array ? Buffer.from(argument).toString("latin1") : String(argument)

/** The command with an upper-case name, its sub-command if it is one of those that Redis knows. */
export const find = (name: string, args: ReadonlyArray<Argument>): KnownCommand | undefined => {
  const known = commands.get(name)
  if (known === undefined || known.keys.length > 0 || !containers.has(name)) return known
  return commands.get(fullName(name, args)) ?? known
}

/** The name with that of the sub-command, as Redis writes it: `CONFIG|GET`. */
export const fullName = (name: string, args: ReadonlyArray<Argument>): string =>
  containers.has(name) && args.length > 0 ? `${name}|${wordOf(args[0])}` : name

/**
 * Tells whether Redis 7.0 has a command of that name: upper-case, a sub-command as `CONFIG|GET`.
 */
export const isKnown = (name: string): boolean => commands.has(name)

/** How the replies of all masters are put together, of a command that all of them are asked. */
export const responseOf = (name: string, args: ReadonlyArray<Argument>): ResponsePolicy | undefined =>
  commands.get(fullName(name, args))?.response

/** The keys among the arguments, in the order in which Redis names them. */
export const keysOf = (name: string, args: ReadonlyArray<Argument>): ReadonlyArray<Argument> => {
  const known = find(name, args)
  if (known === undefined) return args.slice(0, 1)
  const keys = known.keys.flatMap((spec) => keysAt(spec, args))
  if (name === "SORT") return [...keys, ...storedTo(args)]
  // MIGRATE names its keys after KEYS, and then has nothing in the place of its one key.
  return name === "MIGRATE" && keys.length > 1 ? keys.slice(1) : keys
}

/** The first key among the arguments. */
export const keyOf = (name: string, args: ReadonlyArray<Argument>): Argument | undefined => {
  const position = firstKeys.get(name)
  // Nearly every command has its first key in a fixed place, where it is found without an array.
  return position === undefined || position >= args.length ? keysOf(name, args)[0] : args[position]
}

const keysAt = ({ begin, find }: KeySpec, args: ReadonlyArray<Argument>): ReadonlyArray<Argument> => {
  const first = typeof begin === "number" ? begin : afterKeyword(begin, args)
  if (first === undefined || first >= args.length) return []
  if (find === "Count") return args.slice(first + 1, first + 1 + countAt(args[first]))
  const { last, limit, step } = find
  if (last === 0) return [args[first] as Argument]
  const end =
    last > 0 ? first + last : limit > 1 ? first + Math.floor((args.length - first) / limit) + last : args.length + last
  return args.slice(first, end + 1).filter((_, index) => index % step === 0)
}

const afterKeyword = (
  { from, keyword }: { readonly keyword: string; readonly from: number },
  args: ReadonlyArray<Argument>
): number | undefined => {
  const isKeyword = (argument: Argument) => wordOf(argument) === keyword
  const found =
    from >= 0
      ? args.findIndex((argument, index) => index >= from && isKeyword(argument))
      : args.findLastIndex((argument, index) => index <= args.length + from && isKeyword(argument))
  return found === -1 ? undefined : found + 1
}

const countAt = (argument: Argument | undefined): number => {
  const count = argument === undefined ? 0 : Number(textOf(argument))
  return Number.isInteger(count) && count > 0 ? count : 0
}

// Where SORT stores its result: the last STORE wins, and what follows LIMIT, BY and GET is no
// option.
const storedTo = (args: ReadonlyArray<Argument>): ReadonlyArray<Argument> => {
  let target: ReadonlyArray<Argument> = []
  for (let index = 1; index < args.length; index++) {
    const word = wordOf(args[index])
    if (word === "STORE") target = args.slice(index + 1, index + 2)
    index += sortOperands[word] ?? 0
  }
  return target
}

const sortOperands: Readonly<Record<string, number>> = { LIMIT: 2, BY: 1, GET: 1, STORE: 1 }

// Words are counted from the name in the table, arguments from 0.
const parseSpec = (text: string): ReadonlyArray<KeySpec> => {
  const [, start = "", from, count, last = "0", step = "1", limit = "0"] =
    /^(\d+|[A-Z]+)(?:@(-?\d+))?(#)?(?:>(-?\d+))?(?:\/(\d+))?(?:\|(\d+))?$/.exec(text) ?? []
  if (start === "") return []
  const begin =
    from === undefined ? Number(start) - 1 : { keyword: start, from: Number(from) - (Number(from) > 0 ? 1 : 0) }
  return [{ begin, find: count === "#" ? "Count" : { last: Number(last), step: Number(step), limit: Number(limit) } }]
}

const parse = (line: string): readonly [string, KnownCommand] => {
  const [name = "", arity, flags = "", group = "", ...rest] = line.split(" ")
  const specs = rest.filter((word) => !word.startsWith("*"))
  // The table is made of what Redis says, and held against it by a test.
  const response = rest.find((word) => word.startsWith("*"))?.slice(1) as ResponsePolicy | undefined
  return [name.toUpperCase(), { arity: Number(arity), flags, group, response, keys: specs.flatMap(parseSpec) }]
}

/** The commands of Redis 7.0 by upper-case name. */
export const commands: ReadonlyMap<string, KnownCommand> = new Map(commandTable.trim().split("\n").map(parse))

/**
 * How many words a command has with its name, as Redis counts them: negative where there may be
 * more. Nothing is known of one that Redis 7.0 does not have. It takes one look for nearly every
 * command, for each that is sent is asked about.
 */
export const arityOf = (name: string, args: ReadonlyArray<Argument>): number | undefined => {
  const known = arities.get(name)
  return typeof known === "object" ? (known.subcommands.get(wordOf(args[0])) ?? known.arity) : known
}

interface ContainerArity {
  readonly arity: number
  readonly subcommands: ReadonlyMap<string, number>
}

// Later versions give these an option more.
const grown: ReadonlyMap<string, number> = new Map([
  ["ZRANK", -3],
  ["ZREVRANK", -3]
])

const arityIn = (name: string, { arity }: KnownCommand): number => grown.get(name) ?? arity

const containers: ReadonlySet<string> = new Set(
  Array.from(commands.keys())
    .filter((name) => name.includes("|"))
    .map((name) => name.slice(0, name.indexOf("|")))
)

const firstKeys: ReadonlyMap<string, number> = new Map(
  Array.from(commands).flatMap(([name, { keys }]) => {
    const [first] = keys
    const fixed = first !== undefined && typeof first.begin === "number" && first.find !== "Count" && name !== "MIGRATE"
    return fixed ? [[name, first.begin as number] as const] : []
  })
)

const subcommandsOf = (name: string): ReadonlyMap<string, number> =>
  new Map(
    Array.from(commands).flatMap(([full, known]) =>
      full.startsWith(`${name}|`) ? [[full.slice(name.length + 1), arityIn(full, known)] as const] : []
    )
  )

const arities: ReadonlyMap<string, number | ContainerArity> = new Map(
  Array.from(commands).map(([name, known]) => {
    const arity = arityIn(name, known)
    return [name, containers.has(name) ? { arity, subcommands: subcommandsOf(name) } : arity] as const
  })
)
