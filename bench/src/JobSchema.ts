import { Schema } from "effect"

/** `Job.Job` as a schema. */
export const JobSchema = Schema.Struct({
  id: Schema.String,
  title: Schema.String,
  score: Schema.Finite,
  salary: Schema.Finite,
  remote: Schema.Boolean,
  skills: Schema.Array(Schema.String),
  description: Schema.String
})
