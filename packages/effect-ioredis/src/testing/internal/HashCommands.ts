import * as Chance from "./Chance.ts"
import { at, type Commands, grow, read, type Run, upper, write } from "./Command.ts"
import * as LongDouble from "./LongDouble.ts"
import { bytesOf, hashAt, keyOf, type RedisStore, replace } from "./RedisStore.ts"
import * as Scan from "./Scan.ts"
import * as Wire from "./Wire.ts"

type Fields = ReadonlyMap<string, Buffer>

const fieldsAt = (store: RedisStore, key: Buffer): Fields => hashAt(store, key) ?? new Map()

const put = (store: RedisStore, key: Buffer, pairs: ReadonlyArray<Buffer>): number => {
  const fields = new Map(hashAt(store, key))
  const before = fields.size
  for (let index = 0; index < pairs.length; index += 2) fields.set(keyOf(at(pairs, index)), at(pairs, index + 1))
  replace(store, key, { type: "hash", fields })
  return fields.size - before
}

const set =
  (name: string, answer: (added: number) => Wire.Wire): Run =>
  ([key = Buffer.alloc(0), ...pairs], { store }) =>
    pairs.length % 2 === 0 ? answer(put(store, key, pairs)) : Wire.wrongArity(name)

const setIfAbsent: Run = ([key = Buffer.alloc(0), ...pair], { store }) =>
  fieldsAt(store, key).has(keyOf(at(pair, 0))) ? 0 : put(store, key, pair)

const remove: Run = ([key = Buffer.alloc(0), ...names], { store }) => {
  const fields = new Map(fieldsAt(store, key))
  const removed = names.filter((name) => fields.delete(keyOf(name))).length
  if (removed > 0 && fields.size === 0) store.delete(key)
  else if (removed > 0) replace(store, key, { type: "hash", fields })
  return removed
}

const add: Run = (args, { store }) => {
  const [key, field, amount] = [at(args, 0), at(args, 1), Wire.bigInteger(args[2])]
  const before = fieldsAt(store, key).get(keyOf(field)) ?? Buffer.from("0")
  if (!Wire.isInteger(before)) return Wire.fail("ERR hash value is not an integer")
  const sum = Wire.bigInteger(before) + amount
  if (!Wire.fitsInt64(sum)) return Wire.fail("ERR increment or decrement would overflow")
  put(store, key, [field, Buffer.from(String(sum))])
  return sum
}

const addFloat: Run = (args, { store }) => {
  const [key, field] = [at(args, 0), at(args, 1)]
  const amount = LongDouble.parse(at(args, 2))
  if (amount === "infinite") return Wire.fail("ERR value is NaN or Infinity")
  const before = fieldsAt(store, key).get(keyOf(field)) ?? Buffer.from("0")
  const sum = Buffer.from(
    LongDouble.show(LongDouble.sum(LongDouble.parse(before, "ERR hash value is not a float"), amount))
  )
  put(store, key, [field, sum])
  return sum
}

const field = (name: string, value: Buffer): ReadonlyArray<Buffer> => [bytesOf(name), value]

const randomFields: Run = (args, { random, store }) => {
  const count = args[1] && Wire.between(-Wire.maxInt64, Wire.maxInt64, args[1])
  const withValues = args.length > 2
  if (args.length > 3 || (withValues && upper(args[2]) !== "WITHVALUES")) return Wire.syntaxError()
  if (withValues && Math.abs(count ?? 0) >= 2 ** 62) return Wire.fail("ERR value is out of range")
  const fields = Array.from(fieldsAt(store, at(args, 0)))
  if (count === undefined) {
    const [drawn] = Chance.some(fields, 1, random)
    return drawn === undefined ? null : bytesOf(drawn[0])
  }
  return Chance.draw(fields, count, random).flatMap(([name, value]) =>
    withValues ? field(name, value) : [bytesOf(name)]
  )
}

const scan: Run = (args, { keyspace, store }) => {
  const cursor = Scan.cursorOf(at(args, 1))
  const fields = hashAt(store, at(args, 0))
  if (fields === undefined) return [Buffer.from("0"), []]
  const options = Scan.optionsOf(args.slice(2))
  // What Redis keeps in one piece comes in one page, whatever COUNT says.
  const { names, next } = isCompact(fields)
    ? { names: Array.from(fields.keys()).filter(options.matches), next: 0 }
    : Scan.page(fields.keys(), keyspace, cursor, options)
  return [Buffer.from(String(next)), names.flatMap((name) => field(name, fields.get(name) ?? Buffer.alloc(0)))]
}

// The defaults of `hash-max-listpack-entries` and `hash-max-listpack-value`.
const isCompact = (fields: Fields): boolean =>
  fields.size <= 128 && Array.from(fields).every(([name, value]) => name.length <= 64 && value.length <= 64)

export const commands: Commands = {
  hset: grow(
    -4,
    set("hset", (added) => added)
  ),
  hmset: grow(
    -4,
    set("hmset", () => "OK")
  ),
  hsetnx: grow(4, setIfAbsent),
  hget: read(3, (args, { store }) => fieldsAt(store, at(args, 0)).get(keyOf(at(args, 1))) ?? null),
  hmget: read(-3, ([key = Buffer.alloc(0), ...names], { store }) => {
    const fields = fieldsAt(store, key)
    return names.map((name) => fields.get(keyOf(name)) ?? null)
  }),
  hgetall: read(2, (args, { store }) =>
    Array.from(fieldsAt(store, at(args, 0))).flatMap(([name, value]) => field(name, value))
  ),
  hkeys: read(2, (args, { store }) => Array.from(fieldsAt(store, at(args, 0)).keys(), bytesOf)),
  hvals: read(2, (args, { store }) => Array.from(fieldsAt(store, at(args, 0)).values())),
  hdel: write(-3, remove),
  hlen: read(2, (args, { store }) => fieldsAt(store, at(args, 0)).size),
  hstrlen: read(3, (args, { store }) => fieldsAt(store, at(args, 0)).get(keyOf(at(args, 1)))?.length ?? 0),
  hexists: read(3, (args, { store }) => (fieldsAt(store, at(args, 0)).has(keyOf(at(args, 1))) ? 1 : 0)),
  hincrby: grow(4, add),
  hincrbyfloat: grow(4, addFloat),
  hrandfield: read(-2, randomFields),
  hscan: read(-3, scan)
}
