import * as Chance from "./Chance.ts"
import { at, type Commands, grow, read, type Run, upper, write } from "./Command.ts"
import * as Double from "./Double.ts"
import { bytesOf, keyOf, type RedisStore, scoresAt } from "./RedisStore.ts"
import * as Scan from "./Scan.ts"
import * as SortedSet from "./SortedSet.ts"
import { combinations } from "./SortedSetCombinations.ts"
import { ranges } from "./SortedSetRanges.ts"
import * as Wire from "./Wire.ts"

const addOptions = new Set(["NX", "XX", "GT", "LT", "CH", "INCR"])

const zadd: Run = ([key = Buffer.alloc(0), ...words], { store }) => {
  const options = new Set<string>()
  let start = 0
  while (addOptions.has(upper(words[start]))) options.add(upper(words[start++]))
  const pairs = words.slice(start)
  if (pairs.length === 0 || pairs.length % 2 !== 0) return Wire.syntaxError()
  refuseTogether(options, pairs.length / 2)
  const scores = pairs.flatMap((word, index) =>
    index % 2 === 0 ? [[keyOf(at(pairs, index + 1)), Double.parse(word)] as const] : []
  )
  return add(store, key, scores, options)
}

const refuseTogether = (options: ReadonlySet<string>, pairs: number): void => {
  if (options.has("NX") && options.has("XX")) {
    Wire.fail("ERR XX and NX options at the same time are not compatible")
  }
  if (["NX", "GT", "LT"].filter((word) => options.has(word)).length > 1) {
    Wire.fail("ERR GT, LT, and/or NX options at the same time are not compatible")
  }
  if (options.has("INCR") && pairs > 1) Wire.fail("ERR INCR option supports a single increment-element pair")
}

const add = (
  store: RedisStore,
  key: Buffer,
  scores: ReadonlyArray<SortedSet.Scored>,
  options: ReadonlySet<string>
): Wire.Wire => {
  const after = new Map(scoresAt(store, key))
  let [added, updated] = [0, 0]
  let last: Buffer | null = null
  for (const [member, given] of scores) {
    const before = after.get(member)
    if (options.has(before === undefined ? "XX" : "NX")) continue
    const score = before !== undefined && options.has("INCR") ? before + given : given
    if (Number.isNaN(score)) return Wire.fail("ERR resulting score is not a number (NaN)")
    if (before !== undefined && ((options.has("LT") && score >= before) || (options.has("GT") && score <= before))) {
      continue
    }
    if (before === undefined) added++
    else if (score !== before) updated++
    after.set(member, score)
    last = SortedSet.showScore(score)
  }
  if (added + updated > 0) SortedSet.keep(store, key, after)
  if (options.has("INCR")) return last
  return options.has("CH") ? added + updated : added
}

const zrem: Run = ([key = Buffer.alloc(0), ...members], { store }) => {
  const before = scoresAt(store, key)
  const after = new Map(before)
  const removed = members.filter((member) => after.delete(keyOf(member))).length
  if (removed > 0) SortedSet.keep(store, key, after)
  return removed
}

const score = (store: RedisStore, key: Buffer, members: ReadonlyArray<Buffer>): ReadonlyArray<Buffer | null> => {
  const scores = scoresAt(store, key)
  return members.map((member) => {
    const score = scores?.get(keyOf(member))
    return score === undefined ? null : SortedSet.showScore(score)
  })
}

const rank =
  (isReversed: boolean): Run =>
  (args, { store }) => {
    const members = Array.from(scoresAt(store, at(args, 0))?.keys() ?? [])
    const rank = members.indexOf(keyOf(at(args, 1)))
    if (rank === -1) return null
    return isReversed ? members.length - 1 - rank : rank
  }

type End = "MIN" | "MAX"

const take = (store: RedisStore, key: Buffer, end: End, count: number): ReadonlyArray<SortedSet.Scored> => {
  const before = Array.from(scoresAt(store, key) ?? [])
  const inOrder = end === "MIN" ? before : before.reverse()
  if (before.length > 0 && count > 0) SortedSet.keep(store, key, inOrder.slice(count))
  return inOrder.slice(0, count)
}

const pop =
  (end: End): Run =>
  (args, { store }) => {
    if (args.length > 2) return Wire.syntaxError()
    const count = args[1] === undefined ? 1 : Wire.count(args[1])
    return SortedSet.show(take(store, at(args, 0), end, count), true)
  }

/** Takes a member from an end of a sorted set, and answers it and its score behind its key. */
export const popOne =
  (end: End) =>
  (store: RedisStore, key: Buffer): Wire.Wire => {
    const taken = take(store, key, end, 1)
    return taken.length === 0 ? null : [key, ...SortedSet.show(taken, true)]
  }

/** Reads what ZMPOP takes, and from which of its keys. */
export const popOf = (args: ReadonlyArray<Buffer>) => {
  const amount = positive(at(args, 0), "ERR numkeys should be greater than 0")
  const [end, word, count, ...others] = args.slice(1 + amount)
  const which = upper(end)
  if (which !== "MIN" && which !== "MAX") return Wire.syntaxError()
  if (word !== undefined && (upper(word) !== "COUNT" || count === undefined)) return Wire.syntaxError()
  const limit = count === undefined ? 1 : positive(count, "ERR count should be greater than 0")
  if (others.length > 0) return Wire.syntaxError()
  return {
    keys: args.slice(1, 1 + amount),
    pop: (store: RedisStore, key: Buffer): Wire.Wire => {
      const taken = take(store, key, which, limit)
      return taken.length === 0 ? null : [key, taken.map(SortedSet.showPair)]
    }
  }
}

const zmpop: Run = (args, { store }) => {
  const { keys, pop } = popOf(args)
  for (const key of keys) {
    const wire = pop(store, key)
    if (wire !== null) return wire
  }
  return null
}

const positive = (bytes: Buffer, refusal: string): number => {
  const number = Wire.isInteger(bytes) ? Wire.integer(bytes) : 0
  return number > 0 ? number : Wire.fail(refusal)
}

const zrandmember: Run = (args, { random, store }) => {
  const count = args[1] && Wire.between(-Wire.maxInt64, Wire.maxInt64, args[1])
  const withScores = upper(args[2]) === "WITHSCORES"
  if (args.length > 3 || (args.length === 3 && !withScores)) return Wire.syntaxError()
  if (withScores && Math.abs(count ?? 0) > 2 ** 62) return Wire.fail("ERR value is out of range")
  const entries = Array.from(scoresAt(store, at(args, 0)) ?? [])
  if (count === undefined) return SortedSet.show(Chance.some(entries, 1, random), false)[0] ?? null
  return SortedSet.show(Chance.draw(entries, count, random), withScores)
}

const zscan: Run = (args, { keyspace, store }) => {
  const cursor = Scan.cursorOf(at(args, 1))
  const scores = scoresAt(store, at(args, 0))
  if (scores === undefined) return [Buffer.from("0"), []]
  const options = Scan.optionsOf(args.slice(2))
  // What Redis keeps in one piece comes in one page, whatever COUNT says.
  const { names, next } = isCompact(scores)
    ? { names: Array.from(scores.keys()).filter(options.matches), next: 0 }
    : Scan.page(scores.keys(), keyspace, cursor, options)
  const shown = isCompact(scores) ? packed : Double.show
  return [
    Buffer.from(String(next)),
    names.flatMap((member) => [bytesOf(member), Buffer.from(shown(scores.get(member) ?? 0))])
  ]
}

// The defaults of `zset-max-listpack-entries` and `zset-max-listpack-value`.
const isCompact = (scores: ReadonlyMap<string, number>): boolean =>
  scores.size <= 128 && Array.from(scores.keys()).every(({ length }) => length <= 64)

// Integers are kept as such, and shown with all their digits.
const packed = (score: number): string =>
  Number.isInteger(score) && Math.abs(score) <= 2 ** 62 ? String(BigInt(score)) : Double.show(score)

export const commands: Commands = {
  zadd: grow(-4, zadd),
  zincrby: grow(4, (args, { store }) =>
    add(store, at(args, 0), [[keyOf(at(args, 2)), Double.parse(at(args, 1))]], new Set(["INCR"]))
  ),
  zcard: read(2, (args, { store }) => scoresAt(store, at(args, 0))?.size ?? 0),
  zscore: read(3, (args, { store }) => score(store, at(args, 0), args.slice(1))[0] ?? null),
  zmscore: read(-3, (args, { store }) => score(store, at(args, 0), args.slice(1))),
  zrank: read(3, rank(false)),
  zrevrank: read(3, rank(true)),
  zrem: write(-3, zrem),
  zpopmin: write(-2, pop("MIN")),
  zpopmax: write(-2, pop("MAX")),
  zmpop: write(-4, zmpop),
  zrandmember: read(-2, zrandmember),
  zscan: read(-3, zscan),
  ...ranges,
  ...combinations
}
