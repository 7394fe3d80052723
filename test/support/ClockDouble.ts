import { Clock, Effect } from "effect"

/**
 * The clock of the context with a wall clock that can be set, and a count of who is asleep on it.
 *
 * Monotonic time and sleeping are the underlying clock's: what a jump of the wall clock must not disturb.
 */
export interface ClockDouble extends Clock.Clock {
  wallOffset: number
  asleep: number
}

export const make: Effect.Effect<ClockDouble> = Effect.map(Clock.Clock, (clock) => {
  const wallMillis = () => clock.currentTimeMillisUnsafe() + double.wallOffset
  const wallNanos = () => clock.currentTimeNanosUnsafe() + BigInt(double.wallOffset) * 1_000_000n
  const double: ClockDouble = {
    wallOffset: 0,
    asleep: 0,
    currentTimeMillisUnsafe: wallMillis,
    currentTimeMillis: Effect.sync(wallMillis),
    currentTimeNanosUnsafe: wallNanos,
    currentTimeNanos: Effect.sync(wallNanos),
    monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
    monotonicTimeNanos: clock.monotonicTimeNanos,
    sleep: (duration) =>
      Effect.acquireUseRelease(
        Effect.sync(() => double.asleep++),
        () => clock.sleep(duration),
        () => Effect.sync(() => double.asleep--)
      )
  }
  return double
})
