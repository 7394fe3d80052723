import { Schema } from "effect"

/** A redacted copy of what a driver threw. */
export const Cause = Schema.optional(Schema.Defect())
