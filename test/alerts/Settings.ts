import { Schema } from "effect"

/** What a program is started with. */
export const Settings = Schema.Struct({
  url: Schema.String,
  /** Entries that its journal may hold. */
  journal: Schema.optional(Schema.Int),
  /** Bytes of values that its memory may hold. */
  maxBytes: Schema.optional(Schema.Int),
  /** Connections that it may reserve. With none it neither reserves nor subscribes. */
  maxReserved: Schema.Int
})

export type Settings = typeof Settings.Type

/** What a program can be told to do: to read only what nobody has read, to store ever more, and to block its event loop. */
export const Habit = Schema.Literals(["cold", "grow", "busy"])

export type Habit = typeof Habit.Type
