import { Clock, Effect } from "effect"

/**
 * The clock of the context with a wall clock that can be set, and a count of who is asleep on it.
 *
 * Monotonic time and sleeping are the underlying clock's: what a jump of the wall clock must not disturb. Only while
 * `stop` holds does monotonic time stand still, as that of a machine does that is suspended.
 */
export interface ClockDouble extends Clock.Clock {
  wallOffset: number
  asleep: number
  readonly stop: () => void
  readonly goOn: () => void
}

export const make: Effect.Effect<ClockDouble> = Effect.map(Clock.Clock, (clock) => {
  const wallMillis = () => clock.currentTimeMillisUnsafe() + double.wallOffset
  const wallNanos = () => clock.currentTimeNanosUnsafe() + BigInt(double.wallOffset) * 1_000_000n
  let stoppedAt: bigint | undefined
  let behind = 0n
  const monotonicNanos = () => (stoppedAt ?? clock.monotonicTimeNanosUnsafe()) - behind
  const double: ClockDouble = {
    stop: () => {
      stoppedAt ??= clock.monotonicTimeNanosUnsafe()
    },
    goOn: () => {
      if (stoppedAt !== undefined) behind += clock.monotonicTimeNanosUnsafe() - stoppedAt
      stoppedAt = undefined
    },
    wallOffset: 0,
    asleep: 0,
    currentTimeMillisUnsafe: wallMillis,
    currentTimeMillis: Effect.sync(wallMillis),
    currentTimeNanosUnsafe: wallNanos,
    currentTimeNanos: Effect.sync(wallNanos),
    monotonicTimeNanosUnsafe: monotonicNanos,
    monotonicTimeNanos: Effect.sync(monotonicNanos),
    sleep: (duration) =>
      Effect.acquireUseRelease(
        Effect.sync(() => double.asleep++),
        () => clock.sleep(duration),
        () => Effect.sync(() => double.asleep--)
      )
  }
  return double
})
