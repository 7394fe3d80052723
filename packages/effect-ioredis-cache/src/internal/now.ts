import type { Clock } from "effect"

/** The Clock's monotonic time in milliseconds: no jump of the wall clock changes it. */
export const now = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000
