import { Result } from "effect"
import { CacheKey } from "effect-ioredis-cache"
import { slotOf } from "../../../../test/failover/slotOf.ts"
import type * as Load from "../../../job-matcher/src/demo/Load.ts"
import { MatchQuery } from "../../../job-matcher/src/MatchQuery.ts"
import * as Note from "../Note.ts"

/** Which part of the keys is meant: those of the master that is killed, or all others. */
export interface Shard {
  readonly questions: Load.Questions
  /** The candidates whose notes are there. */
  readonly candidates: ReadonlyArray<string>
}

/** Tells what is on the master with these slots from what is not, by the names under which Redis has it. */
export const split = (
  slots: ReadonlySet<number>,
  questions: ReadonlyArray<Load.Question>,
  notesEach: number
): { readonly lost: Shard; readonly others: Shard } => {
  const isLost = (key: Result.Result<string, string>) => slots.has(slotOf(Result.getOrThrow(key)))
  const ofQuestion = keyOf("matches", CacheKey.make(MatchQuery))
  const ofNote = keyOf(Note.region.name, CacheKey.make(Note.region.key))
  const part = (lost: boolean): Shard => {
    const [first, ...more] = questions.filter(({ query }) => isLost(ofQuestion(query)) === lost)
    if (first === undefined) throw new Error("no question is on this shard")
    const candidates: Array<string> = []
    for (let number = 1; candidates.length < notesEach; number++) {
      const candidate = `candidate-${number}`
      if (isLost(ofNote(candidate)) === lost) candidates.push(candidate)
    }
    return { questions: [first, ...more], candidates }
  }
  return { lost: part(true), others: part(false) }
}

const keyOf = <Key>(region: string, render: (key: Key) => Result.Result<string, string>) => {
  const keyspace = Result.getOrThrow(CacheKey.keyspace({ prefix: "cache", region, version: 1 }))
  return (key: Key) => Result.map(render(key), (part) => keyspace + part)
}

/** Slots as an operator writes them: `0–5460`. */
export const slotText = (slots: ReadonlyArray<number>): string => {
  const sorted = slots.toSorted((a, b) => a - b)
  const starts = sorted.filter((slot, index) => sorted[index - 1] !== slot - 1)
  const ends = sorted.filter((slot, index) => sorted[index + 1] !== slot + 1)
  return starts.map((start, index) => (start === ends[index] ? `${start}` : `${start}–${ends[index]}`)).join(", ")
}
