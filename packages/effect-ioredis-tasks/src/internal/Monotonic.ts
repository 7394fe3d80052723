import type { Clock } from "effect"

/** Milliseconds that only go forward, whatever happens to the wall clock. */
export const millis = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
