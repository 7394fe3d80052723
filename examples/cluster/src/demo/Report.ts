import { count } from "../../../job-matcher/src/demo/Report.ts"
import type { Style } from "../../../job-matcher/src/demo/Style.ts"
import * as Tally from "../../../job-matcher/src/demo/Tally.ts"
import type { Part, Phase } from "./Phase.ts"
import { type Found, seconds } from "./Story.ts"
import * as Truth from "./Truth.ts"

/** What was seen. */
export interface Run {
  readonly phases: ReadonlyArray<Phase>
  readonly found: Found
  readonly truth: Truth.Truth
}

export interface Sentence {
  readonly kept: boolean
  readonly says: string
}

/** A phase has two lines: of the keys of the master that is killed, and of all others. */
export const table = (run: Run, style: Style): ReadonlyArray<string> => [
  style.bold(row(["phase", "keys of", "asked", "answered", "p99 ms", "max ms", "notes applied", "deferred"])),
  ...run.phases.flatMap(({ lost, name, others }) => [line(name, "A", lost), line("", "B, C", others)])
]

/** What was promised, in plain sentences, each with whether it was kept. */
export const verdict = (run: Run): ReadonlyArray<Sentence> => [
  answers(run),
  outage(run),
  others(run),
  recovery(run),
  afterwards(run),
  agreement(run)
]

/** The last line of the demo, for machines. */
export const summary = ({ found, phases, truth }: Run) => ({
  ...Tally.total(parts(phases).map(({ questions }) => questions)),
  promotedMs: found.promotedAfter ?? null,
  servedMs: found.servedAfter.map((after) => after ?? null),
  notes: {
    applied: sum(phases, ({ notes }) => notes.applied),
    deferred: sum(phases, ({ notes }) => notes.deferred),
    contradictions: contradictions(phases).length
  },
  truth
})

/** From the promotion until Redis serves the keys again, in milliseconds. */
const servedWithin = 2000

const answers = ({ phases }: Run): Sentence => {
  const { answered, requests } = Tally.total(parts(phases).map(({ questions }) => questions))
  const [first] = parts(phases).flatMap(({ questions }) => questions.errors)
  return first === undefined && answered === requests
    ? { kept: true, says: `All ${count(requests)} questions were answered, and every answer was right.` }
    : {
        kept: false,
        says: `${count(requests - answered)} of ${count(requests)} questions were not answered right: ${first}`
      }
}

const outage = (run: Run): Sentence => {
  const away = awayIn(run)
  if (away === undefined) return { kept: false, says: "No master was killed: this run proves nothing." }
  const { answered, requests } = away.lost.questions
  const lookups = away.after.lookups - away.before.lookups
  return {
    kept: answered === requests && lookups === 0 && requests > 0,
    says:
      `While A was away, ${count(answered)} of ${count(requests)} questions of its keys were answered, from memory until its replica ` +
      `was there, and ${lookups === 0 ? "none was" : `${lookups} were`} computed anew; the slowest took ${slowest(away.lost)} ms.`
  }
}

const others = (run: Run): Sentence => {
  const away = awayIn(run)
  const deferred = away?.others.notes.deferred ?? 0
  return {
    kept: away !== undefined && deferred === 0,
    says:
      `B and C ${deferred === 0 ? "never noticed: no write" : `noticed: ${deferred} writes`} had to wait for Redis, ` +
      `and the slowest of ${count(away?.others.questions.requests ?? 0)} answers took ${away === undefined ? "?" : slowest(away.others)} ms.`
  }
}

const recovery = ({ found: { promotedAfter, servedAfter } }: Run): Sentence => {
  if (promotedAfter === undefined) return { kept: false, says: "The replica was not promoted within 15 s." }
  const [first, second] = servedAfter
  const within = `of the promotion, which came ${seconds(promotedAfter)} s after the kill`
  if (first === undefined || second === undefined) {
    return { kept: false, says: `Redis did not serve the keys of A again within 15 s ${within}.` }
  }
  return {
    kept: Math.max(first, second) <= servedWithin,
    says: `Redis served the keys of A again within ${first} ms and ${second} ms ${within} (allowed: ${count(servedWithin)} ms).`
  }
}

const afterwards = ({ phases, truth }: Run): Sentence => {
  const applied = sum(phases, ({ notes }) => notes.applied)
  const deferred = sum(phases, ({ notes }) => notes.deferred)
  const says =
    `${count(applied + deferred)} notes were written, ${count(deferred)} of them while Redis could not take them. ` +
    `Of ${truth.notes} candidates Redis holds the last note of ${truth.inRedis}, ` +
    `the first process of ${truth.inFirst}, the second of ${truth.inSecond}.`
  return { kept: Truth.agrees(truth) && deferred > 0, says }
}

const agreement = ({ phases }: Run): Sentence => {
  const wrong = contradictions(phases)
  const behind = sum(phases, ({ notes }) => notes.behindDeferred + notes.behindApplied)
  return wrong.length === 0
    ? {
        kept: true,
        says:
          `The two processes contradicted neither themselves nor Redis. ${count(behind)} reads came from a memory ` +
          `that did not know yet what the other process had written.`
      }
    : { kept: false, says: `The two processes contradicted each other. The first time ${wrong[0]}` }
}

// -------------------------------------------------------------------------------------------------

const awayIn = ({ phases }: Run): Phase | undefined => phases.find(({ name }) => name === "A away")

const contradictions = (phases: ReadonlyArray<Phase>): ReadonlyArray<string> =>
  phases.flatMap((phase) =>
    [...phase.lost.notes.contradictions, ...phase.others.notes.contradictions, ...staleIn(phase)].map(
      (text) => `in "${phase.name}": ${text}`
    )
  )

// Memory may be behind what another process has written, and Redis may not.
const staleIn = ({ after, before, lost, others }: Phase): ReadonlyArray<string> => {
  const older = lost.notes.behindApplied + others.notes.behindApplied
  const fromMemory = after.memoryHits - before.memoryHits
  return older <= fromMemory
    ? []
    : [`${older} reads were older than what Redis had confirmed, and only ${fromMemory} came from memory`]
}

const parts = (phases: ReadonlyArray<Phase>): ReadonlyArray<Part> =>
  phases.flatMap(({ lost, others }) => [lost, others])

const sum = (phases: ReadonlyArray<Phase>, of: (part: Part) => number): number =>
  parts(phases).reduce((total, part) => total + of(part), 0)

const slowest = ({ questions }: Part): string => Tally.slowest(questions).toFixed(0)

const line = (name: string, keys: string, { notes, questions }: Part): string =>
  row([
    name,
    keys,
    count(questions.requests),
    count(questions.answered),
    Tally.percentile(questions, 0.99).toFixed(1),
    Tally.slowest(questions).toFixed(1),
    count(notes.applied),
    count(notes.deferred)
  ])

const row = (cells: ReadonlyArray<string>): string =>
  cells
    .map((cell, index) => (index < 2 ? cell.padEnd(index === 0 ? 16 : 8) : cell.padStart(index === 6 ? 15 : 10)))
    .join("")
