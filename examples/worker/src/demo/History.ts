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
  /** Ids that were enqueued. */
  readonly enqueued: ReadonlySet<string>
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
  const enqueued = new Set<string>()
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
    if (command === "HSET" && part === "tasks") enqueued.add(args[0] ?? "")
    if (command === "ZADD" && (part === "over" || part === "dead")) settle(args[1] ?? "", part)
    // The result follows what it is of.
    const settled = command === "SET" && part.startsWith("result:") ? last.get(part.slice("result:".length)) : undefined
    if (settled !== undefined) settled.value = args[0] ?? ""
  }
  return { settlements, enqueued }
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
