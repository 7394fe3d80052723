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
  const settlements: Array<Settlement & { value: string }> = []
  const takes = new Map<string, number>()
  const last = new Map<string, { value: string }>()
  const settle = (id: string, kind: Settlement["kind"]) => {
    const settlement = { id, kind, value: "" }
    settlements.push(settlement)
    last.set(id, settlement)
  }
  for (const [name = "", key = "", ...args] of commands) {
    if (!key.startsWith(base)) continue
    const part = key.slice(base.length)
    const command = name.toUpperCase()
    const [field = "", value = ""] = args
    // What a worker has is the number of its attempt and the worker's token.
    if (command === "HSET" && part === "attempts" && value.includes(":")) takes.set(field, (takes.get(field) ?? 0) + 1)
    if (command === "ZADD" && (part === "over" || part === "dead")) settle(value, part)
    // The result follows what it is of.
    const settled = command === "SET" && part.startsWith("result:") ? last.get(part.slice("result:".length)) : undefined
    if (settled !== undefined) settled.value = field
  }
  return { settlements, takes }
}

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
