import { Clock, Effect } from "effect"

/**
 * How late this process is: the longest delay since it was last asked, in milliseconds, of a fiber that sleeps and then
 * takes as many turns as a call does, without anything to wait for. So it counts what the event loop and the queue of
 * fibers that are ready take, and nothing of Redis.
 */
export const make = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  let longest = 0
  let due = now() + sleepMillis
  const measure = Effect.gen(function* () {
    due = now() + sleepMillis
    yield* Effect.sleep(sleepMillis)
    for (let turn = 0; turn < turns; turn++) {
      yield* nextTurn
      yield* Effect.yieldNow
    }
    longest = Math.max(longest, now() - due)
  })
  yield* Effect.forkScoped(Effect.forever(measure))
  return (): number => {
    // One that is late right now counts as well.
    const delay = Math.max(0, longest, now() - due)
    longest = 0
    return delay
  }
})

const sleepMillis = 5
const turns = 4

const nextTurn = Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void)))
