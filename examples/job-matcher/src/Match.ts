import { Schema } from "effect"
import { Job } from "./Job.ts"

/** A job that suits a candidate, how well (0 to 100), and why. */
export class Match extends Schema.Class<Match>("Match")({
  job: Job,
  score: Schema.Int,
  reasons: Schema.Array(Schema.String)
}) {}

export const Matches = Schema.Array(Match)
