import { Schema } from "effect"

/** Who is signed in. */
export class Session extends Schema.Class<Session>("Session")({
  customer: Schema.NonEmptyString,
  since: Schema.DateTimeUtc
}) {}
