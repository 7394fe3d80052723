import { at, type Commands, grow, read, type Run, write } from "./Command.ts"
import { bytesOf, hashAt, keyOf, replace } from "./RedisStore.ts"
import * as Wire from "./Wire.ts"

/** Hashes: enough to hold another type than a string. */

const hset: Run = ([key = Buffer.alloc(0), ...pairs], { store }) => {
  if (pairs.length % 2 !== 0) return Wire.wrongArity("hset")
  const fields = new Map(hashAt(store, key))
  const before = fields.size
  for (let index = 0; index < pairs.length; index += 2) fields.set(keyOf(at(pairs, index)), at(pairs, index + 1))
  replace(store, key, { type: "hash", fields })
  return fields.size - before
}

const hdel: Run = ([key = Buffer.alloc(0), ...names], { store }) => {
  const before = hashAt(store, key)
  if (before === undefined) return 0
  const fields = new Map(before)
  const removed = names.filter((name) => fields.delete(keyOf(name))).length
  if (fields.size === 0) store.delete(key)
  else if (removed > 0) replace(store, key, { type: "hash", fields })
  return removed
}

export const commands: Commands = {
  hset: grow(-4, hset),
  hget: read(3, (args, { store }) => hashAt(store, at(args, 0))?.get(keyOf(at(args, 1))) ?? null),
  hgetall: read(2, (args, { store }) =>
    Array.from(hashAt(store, at(args, 0)) ?? []).flatMap(([name, value]) => [bytesOf(name), value])
  ),
  hdel: write(-3, hdel),
  hlen: read(2, (args, { store }) => hashAt(store, at(args, 0))?.size ?? 0),
  hexists: read(3, (args, { store }) => (hashAt(store, at(args, 0))?.has(keyOf(at(args, 1))) ? 1 : 0))
}
