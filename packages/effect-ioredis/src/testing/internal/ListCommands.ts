import { at, type Commands, grow, read, type Run, upper, write } from "./Command.ts"
import { listAt, type RedisStore, replace } from "./RedisStore.ts"
import * as Wire from "./Wire.ts"

type Items = ReadonlyArray<Buffer>
type End = "LEFT" | "RIGHT"

// A list without elements is no list.
const keep = (store: RedisStore, key: Buffer, items: Items): void => {
  if (items.length === 0) store.delete(key)
  else replace(store, key, { type: "list", items })
}

/** Reads which end of a list is meant. */
export const endOf = (word: Buffer | undefined): End => {
  const end = upper(word)
  return end === "LEFT" || end === "RIGHT" ? end : Wire.syntaxError()
}

const put = (items: Items, end: End, added: Items): Items =>
  end === "LEFT" ? [...added.toReversed(), ...items] : [...items, ...added]

/** What is taken from an end, the outermost first, and what is left. */
const take = (items: Items, end: End, amount: number): readonly [taken: Items, rest: Items] => {
  if (end === "LEFT") return [items.slice(0, amount), items.slice(amount)]
  const cut = Math.max(0, items.length - amount)
  return [items.slice(cut).reverse(), items.slice(0, cut)]
}

const push =
  (end: End): Run =>
  ([key = Buffer.alloc(0), ...added], { store }) => {
    const items = put(listAt(store, key) ?? [], end, added)
    keep(store, key, items)
    return items.length
  }

const pushToExisting =
  (end: End): Run =>
  (args, machine) =>
    listAt(machine.store, at(args, 0)) === undefined ? 0 : push(end)(args, machine)

const pop =
  (name: string, end: End): Run =>
  (args, { store }) => {
    if (args.length > 2) return Wire.wrongArity(name)
    const amount = args[1] && Wire.count(args[1])
    const items = listAt(store, at(args, 0))
    if (items === undefined) return null
    if (amount === 0) return []
    const [taken, rest] = take(items, end, amount ?? 1)
    keep(store, at(args, 0), rest)
    return amount === undefined ? (taken[0] ?? null) : taken
  }

// From one place to another, both included; negative ones count from the end.
const part = (items: Items, start: number, stop: number): Items => {
  const from = start < 0 ? Math.max(0, items.length + start) : start
  return items.slice(from, Math.max(0, (stop < 0 ? items.length + stop : stop) + 1))
}

const range: Run = (args, { store }) => {
  const [start, stop] = [Wire.integer(args[1]), Wire.integer(args[2])]
  return part(listAt(store, at(args, 0)) ?? [], start, stop)
}

const trim: Run = (args, { store }) => {
  const [start, stop] = [Wire.integer(args[1]), Wire.integer(args[2])]
  const items = listAt(store, at(args, 0))
  if (items !== undefined) keep(store, at(args, 0), part(items, start, stop))
  return "OK"
}

const index: Run = (args, { store }) => {
  const items = listAt(store, at(args, 0))
  return items === undefined ? null : (items.at(Wire.integer(args[1])) ?? null)
}

const set: Run = (args, { store }) => {
  const items = listAt(store, at(args, 0)) ?? Wire.fail("ERR no such key")
  const place = Wire.integer(args[1])
  if (items.at(place) === undefined) return Wire.fail("ERR index out of range")
  keep(store, at(args, 0), items.with(place, at(args, 2)))
  return "OK"
}

const insert: Run = (args, { store }) => {
  const side = upper(args[1])
  if (side !== "BEFORE" && side !== "AFTER") return Wire.syntaxError()
  const items = listAt(store, at(args, 0))
  if (items === undefined) return 0
  const pivot = items.findIndex((item) => item.equals(at(args, 2)))
  if (pivot === -1) return -1
  keep(store, at(args, 0), items.toSpliced(side === "BEFORE" ? pivot : pivot + 1, 0, at(args, 3)))
  return items.length + 1
}

const placesOf = (items: Items, value: Buffer): ReadonlyArray<number> =>
  items.flatMap((item, place) => (item.equals(value) ? [place] : []))

const remove: Run = (args, { store }) => {
  const amount = Wire.integer(args[1])
  const items = listAt(store, at(args, 0)) ?? []
  const found = placesOf(items, at(args, 2))
  const gone = new Set(amount === 0 ? found : amount > 0 ? found.slice(0, amount) : found.slice(amount))
  if (gone.size > 0) {
    keep(
      store,
      at(args, 0),
      items.filter((_, place) => !gone.has(place))
    )
  }
  return gone.size
}

const position: Run = (args, { store }) => {
  const { amount, furthest, rank } = positionOptions(args.slice(2))
  const items = listAt(store, at(args, 0)) ?? []
  const looked = furthest === 0 ? items.length : Math.min(furthest, items.length)
  const found =
    rank > 0
      ? placesOf(items.slice(0, looked), at(args, 1))
      : placesOf(items, at(args, 1))
          .filter((place) => place >= items.length - looked)
          .reverse()
  const from = found.slice(Math.abs(rank) - 1)
  return amount === undefined ? (from[0] ?? null) : from.slice(0, amount === 0 ? from.length : amount)
}

const positionOptions = (words: ReadonlyArray<Buffer>) => {
  let amount: number | undefined
  let [furthest, rank] = [0, 1]
  for (let index = 0; index < words.length; index += 2) {
    const [word, argument] = [upper(words[index]), words[index + 1] ?? Wire.syntaxError()]
    if (word === "RANK") {
      rank = Wire.integer(argument)
      if (rank === 0) return Wire.fail(noRank)
    } else if (word === "COUNT") amount = Wire.atLeast(0, argument, "ERR COUNT can't be negative")
    else if (word === "MAXLEN") furthest = Wire.atLeast(0, argument, "ERR MAXLEN can't be negative")
    else return Wire.syntaxError()
  }
  return { amount, furthest, rank }
}

const noRank =
  "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list"

/** Moves an element from an end of a list to an end of another, and answers it. */
export const move = (store: RedisStore, from: Buffer, to: Buffer, [off, on]: readonly [End, End]): Wire.Wire => {
  const items = listAt(store, from)
  if (items === undefined) return null
  const others = listAt(store, to) ?? []
  const [taken, rest] = take(items, off, 1)
  const isOne = from.equals(to)
  keep(store, to, put(isOne ? rest : others, on, taken))
  if (!isOne) keep(store, from, rest)
  return taken[0] ?? null
}

/** Takes an element from an end of a list, and answers it behind its key. */
export const popOne =
  (end: End) =>
  (store: RedisStore, key: Buffer): Wire.Wire => {
    const taken = popAt(store, key, end, 1)
    return taken === undefined ? null : [key, ...taken]
  }

/** Reads what LMPOP takes, and from which of its keys. */
export const popOf = (args: ReadonlyArray<Buffer>) => {
  const keys = Wire.atLeast(1, at(args, 0), "ERR numkeys should be greater than 0")
  const end = endOf(args[keys + 1])
  const amount = popAmount(args.slice(keys + 2))
  return {
    keys: args.slice(1, keys + 1),
    pop: (store: RedisStore, key: Buffer): Wire.Wire => {
      const taken = popAt(store, key, end, amount)
      return taken === undefined ? null : [key, taken]
    }
  }
}

const popAt = (store: RedisStore, key: Buffer, end: End, amount: number): Items | undefined => {
  const items = listAt(store, key)
  if (items === undefined) return undefined
  const [taken, rest] = take(items, end, amount)
  keep(store, key, rest)
  return taken
}

const popFromFirst: Run = (args, { store }) => {
  const { keys, pop } = popOf(args)
  for (const key of keys) {
    const wire = pop(store, key)
    if (wire !== null) return wire
  }
  return null
}

const popAmount = ([word, amount, ...others]: ReadonlyArray<Buffer>): number => {
  if (word === undefined) return 1
  if (upper(word) !== "COUNT" || amount === undefined) return Wire.syntaxError()
  const count = Wire.atLeast(1, amount, "ERR count should be greater than 0")
  return others.length > 0 ? Wire.syntaxError() : count
}

export const commands: Commands = {
  lpush: grow(-3, push("LEFT")),
  rpush: grow(-3, push("RIGHT")),
  lpushx: grow(-3, pushToExisting("LEFT")),
  rpushx: grow(-3, pushToExisting("RIGHT")),
  lpop: write(-2, pop("lpop", "LEFT")),
  rpop: write(-2, pop("rpop", "RIGHT")),
  lmpop: write(-4, popFromFirst),
  lmove: grow(5, (args, { store }) => {
    const ends = [endOf(args[2]), endOf(args[3])] as const
    return move(store, at(args, 0), at(args, 1), ends)
  }),
  rpoplpush: grow(3, (args, { store }) => move(store, at(args, 0), at(args, 1), ["RIGHT", "LEFT"])),
  lrange: read(4, range),
  ltrim: write(4, trim),
  lindex: read(3, index),
  lset: grow(4, set),
  linsert: grow(5, insert),
  lrem: write(4, remove),
  lpos: read(-3, position),
  llen: read(2, (args, { store }) => listAt(store, at(args, 0))?.length ?? 0)
}
