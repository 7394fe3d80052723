import { at, type Commands, grow, read, type Run, write } from "./Command.ts"
import { listAt, replace } from "./RedisStore.ts"
import * as Wire from "./Wire.ts"

/** Lists: enough to hold another type than a string. */

const push =
  (end: "push" | "unshift"): Run =>
  ([key = Buffer.alloc(0), ...items], { store }) => {
    const list = Array.from(listAt(store, key) ?? [])
    for (const item of items) list[end](item)
    replace(store, key, { type: "list", items: list })
    return list.length
  }

const pop =
  (name: string, end: "pop" | "shift"): Run =>
  (args, { store }) => {
    if (args.length > 2) return Wire.wrongArity(name)
    const amount = args[1] && Wire.count(args[1])
    const items = listAt(store, at(args, 0))
    if (items === undefined) return null
    const list = Array.from(items)
    const popped = Array.from({ length: Math.min(amount ?? 1, list.length) }, () => list[end]() ?? null)
    if (list.length === 0) store.delete(at(args, 0))
    else replace(store, at(args, 0), { type: "list", items: list })
    return amount === undefined ? (popped[0] ?? null) : popped
  }

const range: Run = (args, { store }) => {
  const [start, stop] = [Wire.integer(args[1]), Wire.integer(args[2])]
  const list = listAt(store, at(args, 0)) ?? []
  const from = start < 0 ? Math.max(0, list.length + start) : start
  return list.slice(from, Math.max(0, (stop < 0 ? list.length + stop : stop) + 1))
}

export const commands: Commands = {
  lpush: grow(-3, push("unshift")),
  rpush: grow(-3, push("push")),
  lpop: write(-2, pop("lpop", "shift")),
  rpop: write(-2, pop("rpop", "pop")),
  lrange: read(4, range),
  llen: read(2, (args, { store }) => listAt(store, at(args, 0))?.length ?? 0)
}
