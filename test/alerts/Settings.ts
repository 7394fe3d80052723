import { Schema } from "effect"

/** What a program is started with. */
export const Settings = Schema.Struct({
  url: Schema.String,
  /** Entries that its journal may hold. */
  journal: Schema.optional(Schema.Int),
  /** Bytes of values that its memory may hold. */
  maxBytes: Schema.optional(Schema.Int),
  /** Connections that it may reserve. With none it neither reserves nor subscribes. */
  maxReserved: Schema.Int,
  /** Offers that its queue may keep for Redis. Without it there is no queue. */
  deferred: Schema.optional(Schema.Int)
})

export type Settings = typeof Settings.Type

/**
 * What a program can be told to do: to read only what nobody has read, to store ever more, to block its event loop, to work on no tasks, and to
 * fail in those that it works on.
 */
export const Habit = Schema.Literals(["cold", "grow", "busy", "strike", "fail"])

export type Habit = typeof Habit.Type
