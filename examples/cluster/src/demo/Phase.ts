import * as Tally from "../../../job-matcher/src/demo/Tally.ts"
import * as Notes from "./Notes.ts"
import type { Counts } from "./Pair.ts"

/** What was asked and written in one phase of the story, the killed master's keys apart from all others. */
export interface Phase {
  readonly name: string
  readonly lost: Part
  readonly others: Part
  /** Of both processes together. */
  readonly before: Counts
  readonly after: Counts
}

export interface Part {
  readonly questions: Tally.Tally
  readonly notes: Notes.Tally
}

export const part = (): Part => ({ questions: Tally.make(), notes: Notes.tally() })
