import { Schema } from "effect"
import type { Cache } from "effect-ioredis-cache"

/** What one process writes, and the other reads. */
export class Price extends Schema.Class<Price>("Price")({
  /** Grows with each write. */
  revision: Schema.Int,
  /** Says when the write began, by the clock that all processes of the machine share. */
  writtenAt: Schema.Finite
}) {}

/** The prices, which memory answers for as long as Redis tells of every write. */
export const region = {
  name: "prices",
  version: 1,
  key: Schema.String,
  value: Price,
  near: { maxStaleness: "2 seconds" }
} satisfies Cache.RegionOptions<string, Price>

/** Milliseconds that no change of the wall clock moves, the same in every process of the machine. */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6
