import { at, type Commands, grow, type Machine, read, type Run, upper, write } from "./Command.ts"
import * as Expiry from "./Expiry.ts"
import * as Glob from "./Glob.ts"
import { bytesOf, keyOf, type RedisStore } from "./RedisStore.ts"
import * as Scan from "./Scan.ts"
import * as Wire from "./Wire.ts"

const count = (args: ReadonlyArray<Buffer>, holds: (key: Buffer) => boolean): number => args.filter(holds).length

const remove: Run = (args, { store }) => count(args, store.delete)
const exists: Run = (args, { store }) => count(args, (key) => store.get(key) !== undefined)

// -2: no such key, -1: it does not expire.
const expiry =
  (answer: (expiresAt: number, now: number) => number): Run =>
  (args, { store }) => {
    const entry = store.get(at(args, 0))
    return entry === undefined ? -2 : entry.expiresAt === undefined ? -1 : answer(entry.expiresAt, store.now())
  }

const expire =
  (name: string, scale: number, absolute: boolean): Run =>
  (args, { store }) => {
    const key = at(args, 0)
    const conditions = conditionsOf(args.slice(2))
    const expiresAt = Expiry.later(Wire.bigInteger(args[1]), scale, absolute ? 0 : store.now(), name)
    const entry = store.get(key)
    // A key that does not expire counts as one that lives for ever.
    const before = entry?.expiresAt ?? Number.POSITIVE_INFINITY
    if (entry === undefined || !conditions.every((allows) => allows(before, expiresAt))) return 0
    if (expiresAt <= store.now()) store.delete(key)
    else store.set(key, entry.value, expiresAt)
    return 1
  }

const conditionsOf = (words: ReadonlyArray<Buffer>) => {
  const conditions = words.map((word) => conditionNamed(word))
  const names = new Set(words.map(upper))
  if (names.has("NX") && names.size > 1) {
    return Wire.fail("ERR NX and XX, GT or LT options at the same time are not compatible")
  }
  if (names.has("GT") && names.has("LT")) {
    return Wire.fail("ERR GT and LT options at the same time are not compatible")
  }
  return conditions
}

const conditionNamed = (word: Buffer): ((before: number, after: number) => boolean) => {
  switch (upper(word)) {
    case "NX":
      return (before) => before === Number.POSITIVE_INFINITY
    case "XX":
      return (before) => before !== Number.POSITIVE_INFINITY
    case "GT":
      return (before, after) => after > before
    case "LT":
      return (before, after) => after < before
    default:
      return Wire.fail(`ERR Unsupported option ${Wire.quoted(word)}`)
  }
}

const persist: Run = (args, { store }) => {
  const entry = store.get(at(args, 0))
  if (entry?.expiresAt === undefined) return 0
  store.set(at(args, 0), entry.value)
  return 1
}

const rename =
  (onlyIfNew: boolean): Run =>
  (args, { store }) => {
    const [from, to] = [at(args, 0), at(args, 1)]
    const entry = store.get(from) ?? Wire.fail("ERR no such key")
    if (onlyIfNew && store.get(to) !== undefined) return 0
    store.delete(from)
    store.set(to, entry.value, entry.expiresAt)
    return onlyIfNew ? 1 : "OK"
  }

const copy: Run = (args, { client, keyspace, store }) => {
  const { db, replace } = copyOptions(args.slice(2), client.db, keyspace.databases.length)
  const [from, to, there] = [at(args, 0), at(args, 1), keyspace.database(db)]
  if (there === store && from.equals(to)) return Wire.fail("ERR source and destination objects are the same")
  const entry = store.get(from)
  if (entry === undefined || (!replace && there.get(to) !== undefined)) return 0
  there.set(to, entry.value, entry.expiresAt)
  return 1
}

const copyOptions = (words: ReadonlyArray<Buffer>, selected: number, databases: number) => {
  let [db, replace] = [selected, false]
  for (let index = 0; index < words.length; index++) {
    const word = upper(words[index])
    if (word === "REPLACE") replace = true
    else if (word === "DB" && words[index + 1] !== undefined) {
      db = Wire.between(-(2n ** 31n), 2n ** 31n - 1n, at(words, ++index))
      if (db < 0 || db >= databases) return Wire.fail("ERR DB index is out of range")
    } else return Wire.syntaxError()
  }
  return { db, replace }
}

const randomKey: Run = (_, { store }) => {
  const [first] = store.page(0, 1).entries
  return first === undefined ? null : bytesOf(first[0])
}

const scan: Run = (args, { store }) => {
  const cursor = Scan.cursorOf(at(args, 0))
  const { count, matches, type } = Scan.optionsOf(args.slice(1), true)
  const { entries, next } = store.page(cursor, count)
  const found = entries.filter(([key, { value }]) => matches(key) && (type ?? value.type) === value.type)
  return [Buffer.from(String(next)), found.map(([key]) => bytesOf(key))]
}

const keys = (store: RedisStore, pattern: Buffer) => {
  const matches = Glob.matches(keyOf(pattern))
  return store.entries().flatMap(([key]) => (matches(key) ? [bytesOf(key)] : []))
}

const flush =
  (clear: (machine: Machine) => void): Run =>
  (args, machine) => {
    if (args.length > 1 || (args.length === 1 && !["ASYNC", "SYNC"].includes(upper(args[0])))) return Wire.syntaxError()
    clear(machine)
    return "OK"
  }

export const commands: Commands = {
  del: write(-2, remove),
  unlink: write(-2, remove),
  exists: read(-2, exists),
  touch: read(-2, exists),
  type: read(2, (args, { store }) => store.get(at(args, 0))?.value.type ?? "none"),
  // Rounded, as Redis does it.
  ttl: read(
    2,
    expiry((expiresAt, now) => Math.floor((expiresAt - now + 500) / 1000))
  ),
  pttl: read(
    2,
    expiry((expiresAt, now) => expiresAt - now)
  ),
  expiretime: read(
    2,
    expiry((expiresAt) => Math.floor((expiresAt + 500) / 1000))
  ),
  pexpiretime: read(
    2,
    expiry((expiresAt) => expiresAt)
  ),
  expire: write(-3, expire("expire", 1000, false)),
  pexpire: write(-3, expire("pexpire", 1, false)),
  expireat: write(-3, expire("expireat", 1000, true)),
  pexpireat: write(-3, expire("pexpireat", 1, true)),
  persist: write(2, persist),
  rename: write(3, rename(false)),
  renamenx: write(3, rename(true)),
  copy: grow(-3, copy),
  randomkey: read(1, randomKey),
  scan: read(-2, scan),
  keys: read(2, (args, { store }) => keys(store, at(args, 0))),
  dbsize: read(1, (_, { store }) => store.entries().length),
  flushdb: write(
    -1,
    flush(({ client, keyspace }) => keyspace.clear(client.db))
  ),
  flushall: write(
    -1,
    flush(({ keyspace }) => keyspace.clear("all"))
  )
}
