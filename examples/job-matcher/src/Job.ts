import { Schema } from "effect"

/** An open position. */
export class Job extends Schema.Class<Job>("Job")({
  id: Schema.Int,
  title: Schema.NonEmptyString,
  company: Schema.NonEmptyString,
  /** A city, or `Remote`. */
  location: Schema.NonEmptyString,
  skills: Schema.Array(Schema.NonEmptyString),
  /** Euros a year. */
  salary: Schema.Int,
  posted: Schema.DateTimeUtc
}) {}
