import * as Fs from "node:fs"
import * as Path from "node:path"
import { Option } from "effect"
import * as Resp from "../../../../test/support/Resp.ts"

/** How a task ended, in Redis' own words. One that is dead has a cause instead of a result. */
export interface Settlement {
  readonly id: string
  readonly kind: "over" | "dead"
  /** What was stored of it, as JSON. */
  readonly value: string
}

/** What a queue went through. */
export interface History {
  /** In the order in which they happened. */
  readonly settlements: ReadonlyArray<Settlement>
  /** How often each was given to a worker, whether or not that lived to begin with it. */
  readonly takes: ReadonlyMap<string, number>
}

/**
 * Reads what Redis wrote into its append-only file: each change of each key, in order, over every
 * restart. Nothing is asked of the library, whose scripts could settle a task twice and leave keys
 * that look as if it had been once.
 */
export const read = (dir: string, queue: string): History => {
  const folder = Path.join(dir, "appendonlydir")
  const files = Fs.readdirSync(folder).filter((file) => file.endsWith(".incr.aof"))
  return of(
    files
      .toSorted((a, b) => a.localeCompare(b, "en", { numeric: true }))
      .flatMap((file) => commandsIn(Fs.readFileSync(Path.join(folder, file)))),
    `tasks:{${queue}}:`
  )
}

/** What commands did to the keys that begin like this. */
export const of = (commands: ReadonlyArray<ReadonlyArray<string>>, base: string): History => {
  const settlements: Array<Settlement> = []
  const takes = new Map<string, number>()
  for (const script of scriptsIn(commands)) {
    const ended: Array<Pick<Settlement, "id" | "kind">> = []
    const results = new Map<string, string>()
    for (const [name = "", key = "", ...args] of script) {
      const part = key.startsWith(base) ? key.slice(base.length) : ""
      const command = name.toUpperCase()
      if (command === "SET" && part.startsWith("result:")) results.set(part.slice("result:".length), args[0] ?? "")
      if (command === "ZADD" && (part === "over" || part === "dead")) {
        ended.push(...pairsIn(args).map(([, id]) => ({ id, kind: part }) as const))
      }
      if (command === "HSET" && part === "causes") for (const [id, cause] of pairsIn(args)) results.set(id, cause)
      if (command !== "HSET" || part !== "attempts") continue
      for (const [id, holding] of pairsIn(args)) {
        // What a worker has is the number of its attempt and the worker's token.
        if (holding.includes(":")) takes.set(id, (takes.get(id) ?? 0) + 1)
      }
    }
    settlements.push(...ended.map(({ id, kind }) => ({ id, kind, value: results.get(id) ?? "" })))
  }
  return { settlements, takes }
}

// A script that writes more than once stands between MULTI and EXEC.
const scriptsIn = (commands: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<typeof commands> => {
  const scripts: Array<typeof commands> = []
  let open: Array<ReadonlyArray<string>> | undefined
  for (const command of commands) {
    const name = command[0]?.toUpperCase()
    if (name === "MULTI") open = []
    else if (name === "EXEC") {
      scripts.push(open ?? [])
      open = undefined
    } else if (open === undefined) scripts.push([command])
    else open.push(command)
  }
  return scripts
}

const pairsIn = (args: ReadonlyArray<string>): ReadonlyArray<readonly [string, string]> =>
  args.flatMap((first, at) => (at % 2 === 0 ? [[first, args[at + 1] ?? ""] as const] : []))

const commandsIn = (bytes: Buffer): ReadonlyArray<ReadonlyArray<string>> => {
  const commands: Array<ReadonlyArray<string>> = []
  let at = 0
  // The last one may be cut off, where Redis was killed while it wrote.
  for (let next = Resp.decode(bytes, at); Option.isSome(next); next = Resp.decode(bytes, at)) {
    const [command, end] = next.value
    if (Array.isArray(command)) commands.push(command.map(String))
    at = end
  }
  return commands
}
