import { at, type Command, type Commands, grow, read, upper } from "./Command.ts"
import * as Double from "./Double.ts"
import { type RedisStore, scoresAt, setAt } from "./RedisStore.ts"
import * as SortedSet from "./SortedSet.ts"
import * as Wire from "./Wire.ts"

type Scores = ReadonlyMap<string, number>

/** What becomes of the scores that a member has in several sets. */
type Aggregate = (one: number, other: number) => number

// What is no number counts as 0: infinity and its opposite together, or 0 times infinity.
const numberOr0 = (score: number): number => (Number.isNaN(score) ? 0 : score)

const sum: Aggregate = (one, other) => numberOr0(one + other)

// The score that is there stays where none of both wins.
const winner =
  (wins: (other: number, one: number) => boolean): Aggregate =>
  (one, other) =>
    wins(other, one) ? other : one

const aggregates: ReadonlyMap<string, Aggregate> = new Map([
  ["SUM", sum],
  ["MIN", winner((other, one) => other < one)],
  ["MAX", winner((other, one) => other > one)]
])

type Combine = (sets: ReadonlyArray<Scores>, options: Options) => Iterable<SortedSet.Scored>

interface Options {
  readonly weights: ReadonlyArray<number>
  readonly aggregate: Aggregate
  readonly withScores: boolean
  readonly limit: number
}

// Redis goes through the smaller sets first, which a sum with a fraction may tell.
const bySize = (sets: ReadonlyArray<Scores>, weights: ReadonlyArray<number>) =>
  sets
    .map((scores, index) => ({ scores, weight: weights[index] ?? 1 }))
    .sort((one, other) => one.scores.size - other.scores.size)

const union: Combine = (sets, { aggregate, weights }) => {
  const result = new Map<string, number>()
  for (const { scores, weight } of bySize(sets, weights)) {
    for (const [member, score] of scores) {
      const before = result.get(member)
      const weighted = numberOr0(score * weight)
      result.set(member, before === undefined ? weighted : aggregate(before, weighted))
    }
  }
  return result
}

const inter: Combine = (sets, { aggregate, weights }) => {
  const [smallest, ...others] = bySize(sets, weights)
  const result: Array<SortedSet.Scored> = []
  for (const [member, score] of smallest?.scores ?? []) {
    if (!others.every(({ scores }) => scores.has(member))) continue
    const weighted = others.map(({ scores, weight }) => (scores.get(member) ?? 0) * weight)
    result.push([member, weighted.reduce(aggregate, numberOr0(score * (smallest?.weight ?? 1)))])
  }
  return result
}

const diff: Combine = ([first, ...others]) =>
  Array.from(first ?? []).filter(([member]) => !others.some((scores) => scores.has(member)))

const combined = (name: string, combine: Combine, words: ReadonlySet<string>) => {
  return (args: ReadonlyArray<Buffer>, store: RedisStore) => {
    const amount = Wire.integer(args[0])
    if (amount < 1) return Wire.fail(`ERR at least 1 input key is needed for '${name}' command`)
    if (amount > args.length - 1) return Wire.syntaxError()
    const sets = args.slice(1, 1 + amount).map((key) => scoresOf(store, key))
    const options = optionsOf(args.slice(1 + amount), amount, words)
    return { entries: SortedSet.sorted(combine(sets, options)), options }
  }
}

// The members of a set count as 1 each.
const scoresOf = (store: RedisStore, key: Buffer): ReadonlyMap<string, number> =>
  store.get(key)?.value.type === "set"
    ? new Map(Array.from(setAt(store, key) ?? [], (member) => [member, 1]))
    : (scoresAt(store, key) ?? new Map())

const optionsOf = (words: ReadonlyArray<Buffer>, amount: number, takes: ReadonlySet<string>): Options => {
  let options: Options = { weights: [], aggregate: sum, withScores: false, limit: 0 }
  for (let index = 0; index < words.length; index++) {
    const word = upper(words[index])
    const left = words.length - 1 - index
    if (!takes.has(word)) return Wire.syntaxError()
    if (word === "WITHSCORES") options = { ...options, withScores: true }
    else if (word === "WEIGHTS" && left >= amount) {
      const given = words.slice(index + 1, index + 1 + amount)
      options = { ...options, weights: given.map((weight) => Double.parse(weight, "ERR weight value is not a float")) }
      index += amount
    } else if (word === "AGGREGATE" && left >= 1) {
      options = { ...options, aggregate: aggregates.get(upper(words[++index])) ?? Wire.syntaxError() }
    } else if (word === "LIMIT" && left >= 1) options = { ...options, limit: limitOf(at(words, ++index)) }
    else return Wire.syntaxError()
  }
  return options
}

const limitOf = (bytes: Buffer): number => {
  const limit = Wire.isInteger(bytes) ? Wire.integer(bytes) : -1
  return limit < 0 ? Wire.fail("ERR LIMIT can't be negative") : limit
}

const shown = (name: string, combine: Combine, ...words: ReadonlyArray<string>): Command => {
  const run = combined(name, combine, new Set(["WITHSCORES", ...words]))
  return read(-3, (args, { store }) => {
    const { entries, options } = run(args, store)
    return SortedSet.show(entries, options.withScores)
  })
}

const stored = (name: string, combine: Combine, ...words: ReadonlyArray<string>): Command => {
  const run = combined(name, combine, new Set(words))
  return grow(-4, ([key = Buffer.alloc(0), ...args], { store }) => SortedSet.put(store, key, run(args, store).entries))
}

const counted = (name: string, combine: Combine): Command => {
  const run = combined(name, combine, new Set(["LIMIT"]))
  return read(-3, (args, { store }) => {
    const { entries, options } = run(args, store)
    return Math.min(entries.length, options.limit === 0 ? entries.length : options.limit)
  })
}

/** The commands that make one sorted set of several. */
export const combinations: Commands = {
  zdiff: shown("zdiff", diff),
  zinter: shown("zinter", inter, "WEIGHTS", "AGGREGATE"),
  zunion: shown("zunion", union, "WEIGHTS", "AGGREGATE"),
  zdiffstore: stored("zdiffstore", diff),
  zinterstore: stored("zinterstore", inter, "WEIGHTS", "AGGREGATE"),
  zunionstore: stored("zunionstore", union, "WEIGHTS", "AGGREGATE"),
  zintercard: counted("zintercard", inter)
}
