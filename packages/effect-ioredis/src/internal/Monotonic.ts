import type { Clock } from "effect"

/**
 * Milliseconds that only go forward, whatever happens to the wall clock. Their origin means
 * nothing: subtract two readings.
 */
export const millis = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
