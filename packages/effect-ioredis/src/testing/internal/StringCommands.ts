import { at, type Commands, grow, read, type Run, upper, write } from "./Command.ts"
import * as Expiry from "./Expiry.ts"
import * as LongDouble from "./LongDouble.ts"
import { type RedisStore, replace, stringAt } from "./RedisStore.ts"
import * as Wire from "./Wire.ts"

const set: Run = (args, { store }) => {
  const [key, bytes] = [at(args, 0), at(args, 1)]
  const options = setOptions(args.slice(2), store.now())
  const existing = store.get(key)
  const before = options.get ? (stringAt(store, key) ?? null) : "OK"
  if (options.condition === "NX" ? existing !== undefined : options.condition === "XX" && existing === undefined) {
    return options.get ? before : null
  }
  store.set(key, { type: "string", bytes }, options.keepTtl ? existing?.expiresAt : options.expiresAt)
  return before
}

const setOptions = (words: ReadonlyArray<Buffer>, now: number) => {
  let condition: "NX" | "XX" | undefined
  let expiry: { readonly unit: string; readonly amount: Buffer } | undefined
  let get = false
  let keepTtl = false
  for (let index = 0; index < words.length; index++) {
    const word = upper(words[index])
    const amount = words[index + 1]
    if ((word === "NX" || word === "XX") && (condition === undefined || condition === word)) condition = word
    else if (word === "GET") get = true
    else if (word === "KEEPTTL" && expiry === undefined) keepTtl = true
    else if (Expiry.isUnit(word) && !keepTtl && expiry === undefined && amount !== undefined) {
      expiry = { unit: word, amount }
      index++
    } else return Wire.syntaxError()
  }
  // The words are wrong before the time is.
  return { condition, expiresAt: expiry && Expiry.at(expiry.unit, expiry.amount, now, "set"), get, keepTtl }
}

const setWithUnit =
  (name: string, unit: string): Run =>
  (args, { store }) => {
    const expiresAt = Expiry.at(unit, at(args, 1), store.now(), name)
    store.set(at(args, 0), { type: "string", bytes: at(args, 2) }, expiresAt)
    return "OK"
  }

const getEx: Run = (args, { store }) => {
  const [key, words] = [at(args, 0), args.slice(1)]
  const unit = upper(words[0])
  const persist = words.every((word) => upper(word) === "PERSIST")
  if (!persist && (words.length !== 2 || !Expiry.isUnit(unit))) return Wire.syntaxError()
  const bytes = stringAt(store, key)
  if (bytes === undefined || words.length === 0) return bytes ?? null
  const expiresAt = persist ? undefined : Expiry.at(unit, words[1], store.now(), "getex")
  // A key that does not expire is not written.
  if (!persist || store.get(key)?.expiresAt !== undefined) store.set(key, { type: "string", bytes }, expiresAt)
  return bytes
}

const add = (store: RedisStore, key: Buffer, amount: bigint): bigint => {
  const bytes = stringAt(store, key)
  const sum = (bytes === undefined ? 0n : Wire.bigInteger(bytes)) + amount
  if (!Wire.fitsInt64(sum)) return Wire.fail("ERR increment or decrement would overflow")
  replace(store, key, { type: "string", bytes: Buffer.from(String(sum)) })
  return sum
}

const addFloat: Run = (args, { store }) => {
  const bytes = stringAt(store, at(args, 0))
  const sum = LongDouble.sum(LongDouble.parse(bytes ?? Buffer.from("0")), LongDouble.parse(at(args, 1)))
  const text = Buffer.from(LongDouble.show(sum))
  replace(store, at(args, 0), { type: "string", bytes: text })
  return text
}

const msetnx: Run = (args, machine) => {
  if (args.length % 2 !== 0) return Wire.wrongArity("msetnx")
  if (args.some((key, index) => index % 2 === 0 && machine.store.get(key) !== undefined)) return 0
  mset(args, machine)
  return 1
}

const mset: Run = (args, { store }) => {
  if (args.length % 2 !== 0) return Wire.wrongArity("mset")
  for (let index = 0; index < args.length; index += 2) {
    store.set(at(args, index), { type: "string", bytes: at(args, index + 1) })
  }
  return "OK"
}

// The maximum of `proto-max-bulk-len`.
const longest = 512 * 1024 * 1024

const setRange: Run = (args, { store }) => {
  const offset = Wire.integer(args[1])
  if (offset < 0) return Wire.fail("ERR offset is out of range")
  const [key, part] = [at(args, 0), at(args, 2)]
  const before = stringAt(store, key)
  if (part.length === 0) return before?.length ?? 0
  if (offset + part.length > longest) {
    return Wire.fail("ERR string exceeds maximum allowed size (proto-max-bulk-len)")
  }
  const bytes = Buffer.alloc(Math.max(before?.length ?? 0, offset + part.length))
  before?.copy(bytes)
  part.copy(bytes, offset)
  replace(store, key, { type: "string", bytes })
  return bytes.length
}

const getRange: Run = (args, { store }) => {
  const [start, end] = [Wire.integer(args[1]), Wire.integer(args[2])]
  const bytes = stringAt(store, at(args, 0)) ?? Buffer.alloc(0)
  if (start < 0 && end < 0 && start > end) return Buffer.alloc(0)
  const place = (index: number) => Math.max(0, index < 0 ? bytes.length + index : index)
  return bytes.subarray(place(start), place(end) + 1)
}

// MGET answers nil where a key holds something else.
const stringOrNil = (store: RedisStore, key: Buffer): Buffer | null => {
  const value = store.get(key)?.value
  return value?.type === "string" ? value.bytes : null
}

export const commands: Commands = {
  get: read(2, (args, { store }) => stringAt(store, at(args, 0)) ?? null),
  set: grow(-3, set),
  setnx: grow(3, (args, { store }) => {
    if (store.get(at(args, 0)) !== undefined) return 0
    store.set(at(args, 0), { type: "string", bytes: at(args, 1) })
    return 1
  }),
  setex: grow(4, setWithUnit("setex", "EX")),
  psetex: grow(4, setWithUnit("psetex", "PX")),
  getset: grow(3, (args, { store }) => {
    const before = stringAt(store, at(args, 0)) ?? null
    store.set(at(args, 0), { type: "string", bytes: at(args, 1) })
    return before
  }),
  getdel: write(2, (args, { store }) => {
    const before = stringAt(store, at(args, 0)) ?? null
    store.delete(at(args, 0))
    return before
  }),
  getex: write(-2, getEx),
  mget: read(-2, (args, { store }) => args.map((key) => stringOrNil(store, key))),
  mset: grow(-3, mset),
  msetnx: grow(-3, msetnx),
  incr: grow(2, (args, { store }) => add(store, at(args, 0), 1n)),
  decr: grow(2, (args, { store }) => add(store, at(args, 0), -1n)),
  incrby: grow(3, (args, { store }) => add(store, at(args, 0), Wire.bigInteger(args[1]))),
  decrby: grow(3, (args, { store }) => {
    const amount = Wire.bigInteger(args[1])
    return Wire.fitsInt64(-amount) ? add(store, at(args, 0), -amount) : Wire.fail("ERR decrement would overflow")
  }),
  incrbyfloat: grow(3, addFloat),
  append: grow(3, (args, { store }) => {
    const bytes = Buffer.concat([stringAt(store, at(args, 0)) ?? Buffer.alloc(0), at(args, 1)])
    replace(store, at(args, 0), { type: "string", bytes })
    return bytes.length
  }),
  getrange: read(4, getRange),
  setrange: grow(4, setRange),
  strlen: read(2, (args, { store }) => stringAt(store, at(args, 0))?.length ?? 0)
}
