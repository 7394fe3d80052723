import * as Chance from "./Chance.ts"
import { at, type Commands, grow, read, type Run, upper, write } from "./Command.ts"
import { bytesOf, keyOf, type RedisStore, replace, setAt } from "./RedisStore.ts"
import * as Scan from "./Scan.ts"
import * as Wire from "./Wire.ts"

type Members = ReadonlySet<string>

const nobody: Members = new Set()

// A set without members is no set.
const keep = (store: RedisStore, key: Buffer, members: Members): void => {
  if (members.size === 0) store.delete(key)
  else replace(store, key, { type: "set", members })
}

const add: Run = ([key = Buffer.alloc(0), ...added], { store }) => {
  const before = setAt(store, key) ?? nobody
  const members = new Set([...before, ...added.map(keyOf)])
  if (members.size > before.size) keep(store, key, members)
  return members.size - before.size
}

const remove: Run = ([key = Buffer.alloc(0), ...gone], { store }) => {
  const before = setAt(store, key) ?? nobody
  const members = without(before, gone.map(keyOf))
  if (members.size < before.size) keep(store, key, members)
  return before.size - members.size
}

const without = (members: Members, gone: ReadonlyArray<string>): Members => {
  const left = new Set(members)
  for (const member of gone) left.delete(member)
  return left
}

const move: Run = (args, { store }) => {
  const [from, to, member] = [at(args, 0), at(args, 1), keyOf(at(args, 2))]
  // A key that holds nothing goes before the type of the other.
  if (store.get(from) === undefined) return 0
  const [members, others] = [setAt(store, from) ?? nobody, setAt(store, to) ?? nobody]
  if (!members.has(member)) return 0
  if (from.equals(to)) return 1
  keep(store, from, without(members, [member]))
  keep(store, to, new Set([...others, member]))
  return 1
}

const drawOne =
  (drawn: (store: RedisStore, key: Buffer, member: string) => void): Run =>
  (args, { random, store }) => {
    const [member] = Chance.some(setAt(store, at(args, 0)) ?? nobody, 1, random)
    if (member === undefined) return null
    drawn(store, at(args, 0), member)
    return bytesOf(member)
  }

const pop: Run = (args, machine) => {
  const { random, store } = machine
  if (args.length > 2) return Wire.syntaxError()
  if (args[1] === undefined) return popOne(args, machine)
  const amount = Wire.count(args[1])
  const members = setAt(store, at(args, 0)) ?? nobody
  const drawn = Chance.some(members, amount, random)
  if (drawn.length > 0) keep(store, at(args, 0), without(members, drawn))
  return drawn.map(bytesOf)
}

const popOne = drawOne((store, key, member) => keep(store, key, without(setAt(store, key) ?? nobody, [member])))

const randomMembers: Run = (args, machine) => {
  const { random, store } = machine
  if (args.length > 2) return Wire.syntaxError()
  if (args[1] === undefined) return oneMember(args, machine)
  const amount = Wire.between(-Wire.maxInt64, Wire.maxInt64, args[1])
  const members = setAt(store, at(args, 0)) ?? nobody
  return Chance.draw(members, amount, random).map(bytesOf)
}

const oneMember = drawOne(() => {})

type Combination = (first: Members, others: ReadonlyArray<Members>) => ReadonlyArray<string>

const difference: Combination = (first, others) =>
  Array.from(first).filter((member) => !others.some((other) => other.has(member)))

const intersection: Combination = (first, others) =>
  Array.from(first).filter((member) => others.every((other) => other.has(member)))

const union: Combination = (first, others) => Array.from(new Set([first, ...others].flatMap((set) => Array.from(set))))

const combined = (combine: Combination, store: RedisStore, keys: ReadonlyArray<Buffer>): ReadonlyArray<string> => {
  const [first = nobody, ...others] = keys.map((key) => setAt(store, key) ?? nobody)
  return combine(first, others)
}

const answered =
  (combine: Combination): Run =>
  (args, { store }) =>
    combined(combine, store, args).map(bytesOf)

const stored =
  (combine: Combination): Run =>
  ([to = Buffer.alloc(0), ...keys], { store }) => {
    const members = new Set(combined(combine, store, keys))
    if (members.size === 0) store.delete(to)
    else store.set(to, { type: "set", members })
    return members.size
  }

const intersectionSize: Run = (args, { store }) => {
  const keys = Wire.atLeast(1, at(args, 0), "ERR numkeys should be greater than 0")
  if (keys > args.length - 1) return Wire.fail("ERR Number of keys can't be greater than number of args")
  const limit = limitOf(args.slice(keys + 1))
  const { length } = combined(intersection, store, args.slice(1, keys + 1))
  return limit === 0 ? length : Math.min(limit, length)
}

const limitOf = (words: ReadonlyArray<Buffer>): number => {
  let limit = 0
  for (let index = 0; index < words.length; index += 2) {
    const argument = words[index + 1]
    if (upper(words[index]) !== "LIMIT" || argument === undefined) return Wire.syntaxError()
    limit = Wire.atLeast(0, argument, "ERR LIMIT can't be negative")
  }
  return limit
}

const isMember = (store: RedisStore, key: Buffer, members: ReadonlyArray<Buffer>): ReadonlyArray<number> => {
  const all = setAt(store, key) ?? nobody
  return members.map((member) => (all.has(keyOf(member)) ? 1 : 0))
}

const scan: Run = (args, { keyspace, store }) => {
  const cursor = Scan.cursorOf(at(args, 1))
  const members = setAt(store, at(args, 0))
  if (members === undefined) return [Buffer.from("0"), []]
  const { next, names } = Scan.page(members, keyspace, cursor, Scan.optionsOf(args.slice(2)))
  return [Buffer.from(String(next)), names.map(bytesOf)]
}

export const commands: Commands = {
  sadd: grow(-3, add),
  srem: write(-3, remove),
  smove: write(4, move),
  scard: read(2, (args, { store }) => setAt(store, at(args, 0))?.size ?? 0),
  smembers: read(2, answered(union)),
  sismember: read(3, (args, { store }) => isMember(store, at(args, 0), args.slice(1))[0] ?? 0),
  smismember: read(-3, (args, { store }) => isMember(store, at(args, 0), args.slice(1))),
  spop: write(-2, pop),
  srandmember: read(-2, randomMembers),
  sdiff: read(-2, answered(difference)),
  sdiffstore: grow(-3, stored(difference)),
  sinter: read(-2, answered(intersection)),
  sintercard: read(-3, intersectionSize),
  sinterstore: grow(-3, stored(intersection)),
  sunion: read(-2, answered(union)),
  sunionstore: grow(-3, stored(union)),
  sscan: read(-3, scan)
}
