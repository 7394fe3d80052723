import { Schema } from "effect"

/** What a program holds while it does nothing for anybody, and what it has done so far. */
export const Counts = Schema.Struct({
  /** Live objects after a collection of garbage, by kind. */
  held: Schema.Record(Schema.String, Schema.Int),
  heapBytes: Schema.Int,
  calls: Schema.Int,
  failed: Schema.Int
})

export type Counts = typeof Counts.Type

export const CountsLine = Schema.fromJsonString(Counts)

/** What of one count goes beyond another, as a line for each kind. */
export const beyond = (before: Counts["held"], after: Counts["held"]): ReadonlyArray<string> =>
  Object.keys({ ...before, ...after }).flatMap((kind) => {
    const [was = 0, is = 0] = [before[kind], after[kind]]
    return is > was ? [`${kind}: ${is}, and ${was} before`] : []
  })

/** The most of each kind that any of several counts has. */
export const most = (all: ReadonlyArray<Counts["held"]>): Counts["held"] => {
  const held: Record<string, number> = {}
  for (const one of all) for (const [kind, count] of Object.entries(one)) held[kind] = Math.max(held[kind] ?? 0, count)
  return held
}
