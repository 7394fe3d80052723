/**
 * Decides what is told of an outage, and when: a line when it begins, lines at growing intervals
 * while it goes on, and a line that sums it up.
 *
 * Nothing is told of each call that fails, and a server that comes and goes does not fill the log:
 * an outage within a minute after the last one ends only when Redis has answered for longer than it
 * had to then. The sum is told when Redis has been told what it missed, or soon after.
 */
import { DateTime } from "effect"
import type { OutageNumbers } from "../dispatch.ts"
import type { Status } from "../RedisHealth.ts"

/** A status in which not all servers answer. */
export type Broken = Exclude<Status, { readonly _tag: "Up" }>

/** Says what is to be told. Times are in milliseconds. */
export type Line =
  | { readonly _tag: "Began"; readonly status: Broken }
  /** What was a part is the whole by now. */
  | { readonly _tag: "Spread"; readonly status: Broken }
  | { readonly _tag: "GoesOn"; readonly status: Broken; readonly downFor: number; readonly numbers: OutageNumbers }
  | {
      readonly _tag: "Ended"
      readonly last: Broken
      /** Names all servers that did not answer at some time. */
      readonly nodes: ReadonlyArray<string>
      readonly downFor: number
      readonly numbers: OutageNumbers
    }
  | { readonly _tag: "Unwatched"; readonly warning: string }
  | { readonly _tag: "Watched" }

/** What has been told by now. */
export type Story = Quiet | Outage

/** Redis answers, as far as anybody was told. */
export interface Quiet {
  readonly _tag: "Quiet"
  /** Says when the last outage ended. */
  readonly endedAt: number
  /** For how long Redis had to answer for the last outage to end. */
  readonly calm: number
  /** Says whether it was told that a failover would not be noticed. */
  readonly warned: boolean
}

/** An outage that was told of. */
export interface Outage {
  readonly _tag: "Outage"
  readonly since: number
  /** What had been counted before it. */
  readonly before: OutageNumbers
  readonly last: Broken
  readonly nodes: ReadonlyArray<string>
  readonly wasWhole: boolean
  /** Says when it is told of next, and after how long the last time. */
  readonly tellAt: number
  readonly interval: number
  readonly calm: number
  readonly warned: boolean
  /** Says since when Redis answers again, and what had been counted until then. */
  readonly answers: { readonly since: number; readonly numbers: OutageNumbers } | undefined
}

/** The beginning. */
export const quiet: Story = { _tag: "Quiet", endedAt: Number.NEGATIVE_INFINITY, calm: 0, warned: false }

/**
 * Says what was found, at what time, and what has been counted: now, and before anything failed.
 */
export interface Found {
  readonly status: Status
  readonly now: number
  readonly before: OutageNumbers
  readonly numbers: OutageNumbers
}

/**
 * The story after something was found, or the same was found later, and what is to be told of it.
 */
export const next = (story: Story, found: Found): readonly [Story, ReadonlyArray<Line>] => {
  const { status } = found
  if (story._tag === "Outage") return status._tag === "Up" ? answering(story, found) : failing(story, status, found)
  return status._tag === "Up" ? watched(story, warningOf(status)) : began(story, status, found)
}

/**
 * The time at which `next` is to be asked although nothing else was found, or soon after it where
 * that has passed.
 */
export const dueAt = (story: Story): number => {
  if (story._tag === "Quiet") return Number.POSITIVE_INFINITY
  return story.answers === undefined ? story.tellAt : story.answers.since + story.calm
}

const began = (story: Quiet, status: Broken, { before, now }: Found): readonly [Story, ReadonlyArray<Line>] => {
  const isSoon = now - story.endedAt < soonAfter
  const outage: Outage = {
    _tag: "Outage",
    since: DateTime.toEpochMillis(status.since),
    before,
    last: status,
    nodes: namesOf(status),
    wasWhole: status._tag === "Down",
    tellAt: now + firstInterval,
    interval: firstInterval,
    calm: isSoon ? Math.min(longestCalm, Math.max(leastCalm, story.calm * 2)) : 0,
    warned: story.warned,
    answers: undefined
  }
  return [outage, [{ _tag: "Began", status }]]
}

const failing = (story: Outage, status: Broken, found: Found): readonly [Story, ReadonlyArray<Line>] => {
  const { now } = found
  const spreads = status._tag === "Down" && !story.wasWhole
  const isDue = now >= story.tellAt
  const interval = isDue ? Math.min(longestInterval, story.interval * 2) : story.interval
  const after: Outage = {
    ...story,
    last: status,
    nodes: Array.from(new Set([...story.nodes, ...namesOf(status)])),
    wasWhole: story.wasWhole || spreads,
    tellAt: isDue ? now + interval : story.tellAt,
    interval,
    answers: undefined
  }
  const goesOn: Line = { _tag: "GoesOn", status, downFor: now - story.since, numbers: since(story, found.numbers) }
  return [after, [...(spreads ? [{ _tag: "Spread", status } as const] : []), ...(isDue ? [goesOn] : [])]]
}

// What is looked up and written once Redis is back is no part of the outage. What it is told of
// later is, and what is answered in its place until then.
const answering = (story: Outage, { now, numbers, status }: Found): readonly [Story, ReadonlyArray<Line>] => {
  const answers = story.answers ?? { since: now, numbers }
  const waited = now - answers.since
  const { lookups, deferred } = answers.numbers
  if (waited < story.calm || (numbers.waiting > 0 && waited < longestReplay)) return [{ ...story, answers }, []]
  const { calm, last, nodes, since: began, warned } = story
  const summed = since(story, { ...numbers, lookups, deferred })
  const ended: Line = { _tag: "Ended", last, nodes, downFor: answers.since - began, numbers: summed }
  const [after, more] = watched({ _tag: "Quiet", endedAt: now, calm, warned }, warningOf(status))
  return [after, [ended, ...more]]
}

const warningOf = (status: Status): string | undefined => (status._tag === "Up" ? status.warning : undefined)

const watched = (story: Quiet, warning: string | undefined): readonly [Story, ReadonlyArray<Line>] => {
  if (story.warned === (warning !== undefined)) return [story, []]
  return warning === undefined
    ? [{ ...story, warned: false }, [{ _tag: "Watched" }]]
    : [{ ...story, warned: true }, [{ _tag: "Unwatched", warning }]]
}

const namesOf = ({ nodes }: Broken): ReadonlyArray<string> => nodes.map(({ node }) => node)

const since = ({ before }: Outage, numbers: OutageNumbers): OutageNumbers => ({
  answers: numbers.answers - before.answers,
  lookups: numbers.lookups - before.lookups,
  deferred: numbers.deferred - before.deferred,
  replayed: numbers.replayed - before.replayed,
  lost: numbers.lost - before.lost,
  waiting: numbers.waiting
})

const firstInterval = 60_000
const longestInterval = 3_600_000

// An outage that begins so soon after another one is told of as one with what comes after it.
const soonAfter = 60_000
const leastCalm = 1000
const longestCalm = 60_000

// Redis is told what it missed in far less, unless it refuses.
const longestReplay = 30_000
