import { Schema } from "effect"

/** What the checker and a process under test say to each other: one line of JSON each way, a reply to every command. */

/** `Report` tells what was seen since the last one. `Block` keeps the event loop busy for so many milliseconds. */
export const Command = Schema.Union([
  Schema.TaggedStruct("Report", {}),
  Schema.TaggedStruct("Block", { millis: Schema.Finite })
])

export type Command = typeof Command.Type

/** A version of a key, and a monotonic time in milliseconds, which is the same in every process of the machine. */
export const Stamp = Schema.Struct({ key: Schema.String, version: Schema.Int, at: Schema.Finite })

export type Stamp = typeof Stamp.Type

export const Report = Schema.Struct({
  /** Of each version that was read, when the last read of it began. Reads that fell back on memory are left out. */
  seen: Schema.Array(Stamp),
  /** When Redis confirmed a write. */
  acknowledged: Schema.Array(Stamp),
  reads: Schema.Int,
  /** Those of them that memory answered in front of Redis. */
  near: Schema.Int,
  /** Those that were answered because Redis gave no answer. */
  fellBack: Schema.Int,
  /** Reads of something older than this process had had acknowledged. */
  contradicted: Schema.Array(Schema.String),
  /** How long the event loop was late at most, in milliseconds. */
  loopDelay: Schema.Finite
})

export type Report = typeof Report.Type

export const CommandLine = Schema.fromJsonString(Command)

export const ReportLine = Schema.fromJsonString(Schema.NullOr(Report))
