import * as Double from "./Double.ts"
import { bytesOf, keyOf, type RedisStore, replace } from "./RedisStore.ts"
import * as Wire from "./Wire.ts"

/** A member, one character per byte, and its score. */
export type Scored = readonly [member: string, score: number]

/** What lies between two bounds. */
export interface Range {
  /** Whether the lower bound lets it in. */
  readonly isAbove: (scored: Scored) => boolean
  /** Whether the upper bound lets it in. */
  readonly isBelow: (scored: Scored) => boolean
}

/** In the order of the scores, and of the members' bytes where they tie. */
export const sorted = (scores: Iterable<Scored>): ReadonlyArray<Scored> =>
  Array.from(scores).sort(
    ([member, score], [otherMember, otherScore]) => sideOf(score, otherScore) || sideOf(member, otherMember)
  )

/** Stores a sorted set, whose key lives as long as before; an empty one is none. */
export const keep = (store: RedisStore, key: Buffer, scores: Iterable<Scored>): void => {
  const value = zsetOf(scores)
  if (value.scores.size === 0) store.delete(key)
  else replace(store, key, value)
}

/** Stores a sorted set for ever in the place of what was there, and answers its size. */
export const put = (store: RedisStore, key: Buffer, scores: Iterable<Scored>): number => {
  const value = zsetOf(scores)
  if (value.scores.size === 0) store.delete(key)
  else store.set(key, value)
  return value.scores.size
}

// The sum makes 0 of -0, which Redis keeps as 0 too.
const zsetOf = (scores: Iterable<Scored>) => {
  const inOrder = sorted(scores).map(([member, score]) => [member, score + 0] as const)
  return { type: "zset", scores: new Map(inOrder) } as const
}

/** Shows members, and their scores in turn with them where they are wanted. */
export const show = (entries: ReadonlyArray<Scored>, withScores: boolean): ReadonlyArray<Wire.Wire> =>
  withScores ? entries.flatMap(showPair) : entries.map(([member]) => bytesOf(member))

export const showPair = ([member, score]: Scored): ReadonlyArray<Wire.Wire> => [bytesOf(member), showScore(score)]

export const showScore = (score: number): Buffer => Buffer.from(Double.show(score))

/** Reads the bounds of ranks, of which negative ones count from the end. */
export const rankRange = (low: Buffer, high: Buffer) => {
  const [first, last] = [Wire.integer(low), Wire.integer(high)]
  return <A>(entries: ReadonlyArray<A>): ReadonlyArray<A> => {
    const [start, end] = [first, last].map((rank) => (rank < 0 ? entries.length + rank : rank))
    return entries.slice(Math.max(0, start ?? 0), Math.max(0, (end ?? 0) + 1))
  }
}

/** Reads the bounds of scores, such as `1` and `(5`. */
export const scoreRange = (low: Buffer, high: Buffer): Range => rangeOf(scoreBound(low), scoreBound(high))

/** Reads the bounds of members, such as `[a`, `(b`, `-` and `+`. */
export const memberRange = (low: Buffer, high: Buffer): Range => rangeOf(memberBound(low), memberBound(high))

/**
 * Takes what is in a range, from its end on where it is reversed.
 *
 * Ranges of members are meant for equal scores. Where scores differ, the members are in no order,
 * and Redis takes them from the first that one bound lets in to the last that the other does.
 */
export const within = (
  entries: ReadonlyArray<Scored>,
  { isAbove, isBelow }: Range,
  isReversed = false
): ReadonlyArray<Scored> => {
  const [first, last] = [entries.at(0), entries.at(-1)]
  if (first === undefined || last === undefined || !isBelow(first) || !isAbove(last)) return []
  const [begins, goesOn] = isReversed ? [isBelow, isAbove] : [isAbove, isBelow]
  const inOrder = isReversed ? entries.slice().reverse() : entries
  const start = inOrder.findIndex(begins)
  const end = inOrder.findIndex((scored, index) => index >= start && !goesOn(scored))
  return start === -1 ? [] : inOrder.slice(start, end === -1 ? undefined : end)
}

interface Bound {
  /** Whether what is exactly there is left out. */
  readonly isOpen: boolean
  /** Below 0 before the bound, 0 there, above 0 behind it. */
  readonly side: (scored: Scored) => number
}

const rangeOf = (low: Bound, high: Bound): Range => ({
  isAbove: (scored) => low.side(scored) > 0 || (!low.isOpen && low.side(scored) === 0),
  isBelow: (scored) => high.side(scored) < 0 || (!high.isOpen && high.side(scored) === 0)
})

const scoreBound = (bytes: Buffer): Bound => {
  const text = keyOf(bytes)
  const isOpen = text.startsWith("(")
  const bound = Double.parseLoosely(isOpen ? text.slice(1) : text)
  if (Number.isNaN(bound)) return Wire.fail("ERR min or max is not a float")
  return { isOpen, side: ([, score]) => sideOf(score, bound) }
}

const memberBound = (bytes: Buffer): Bound => {
  const text = keyOf(bytes)
  const isOpen = text.startsWith("(")
  if (isOpen || text.startsWith("[")) {
    const bound = text.slice(1)
    return { isOpen, side: ([member]) => sideOf(member, bound) }
  }
  // As C does, Redis takes a zero byte for the end.
  const [sign] = text.split("\0", 1)
  if (sign === "-" || sign === "+") return { isOpen, side: () => (sign === "-" ? 1 : -1) }
  return Wire.fail("ERR min or max not valid string range item")
}

const sideOf = <A extends string | number>(one: A, other: A): number => (one < other ? -1 : one > other ? 1 : 0)
