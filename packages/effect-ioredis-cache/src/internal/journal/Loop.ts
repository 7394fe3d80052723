import { Effect, Latch, Result } from "effect"

/**
 * Work that is done in the background whenever there is some, and ever more slowly while it fails.
 */
export interface Loop {
  /** Says that there may be work. It costs the same however much there is. */
  readonly wake: () => void
  /** Says that what made it fail may be over, so that it is tried at once. */
  readonly recover: () => void
  /** Says that there will be no more work. */
  readonly stop: () => void
  /** Runs until it is stopped. */
  readonly run: Effect.Effect<void>
}

/**
 * Makes a loop over `once`, which does all the work there is or fails.
 *
 * While it fails it pauses for a second, then two, and so on up to half a minute. A `wake` does not
 * shorten the pause, because every write in an outage is one.
 */
export const make = (isLeft: () => boolean, once: Effect.Effect<void, unknown>): Loop => {
  const work = Latch.makeUnsafe()
  const recovered = Latch.makeUnsafe()
  let isStopped = false
  let pause = firstPause

  const run = Effect.gen(function* () {
    while (!isStopped) {
      yield* work.await
      // Whoever wakes it has not finished yet, and may have more work.
      yield* Effect.yieldNow
      yield* work.close
      if (isLeft()) {
        yield* recovered.close
        const result = yield* Effect.result(once)
        const isFailure = Result.isFailure(result)
        if (!isFailure && !isLeft()) {
          pause = firstPause
          continue
        }
        const present = pause
        pause = isFailure ? Math.min(pause * 2, longestPause) : firstPause
        yield* Effect.timeoutOption(isFailure ? recovered.await : work.await, present)
        yield* work.open
      } else pause = firstPause
    }
  })

  const recover = (): void => {
    pause = firstPause
    recovered.openUnsafe()
    work.openUnsafe()
  }

  return {
    wake: () => {
      work.openUnsafe()
    },
    recover,
    stop: () => {
      isStopped = true
      recover()
    },
    run
  }
}

const firstPause = 1000
const longestPause = 30_000
