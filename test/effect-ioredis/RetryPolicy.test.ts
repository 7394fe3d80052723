import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Schedule } from "effect"
import { RetryPolicy } from "effect-ioredis"

describe("RetryPolicy, its schedules", () => {
  const delaysOf = Effect.fnUntraced(function* (schedule: Schedule.Schedule<unknown>, attempts: number) {
    const step = yield* Schedule.toStep(schedule)
    let longest = 0
    for (let attempt = 0; attempt < attempts; attempt++) {
      const [, delay] = yield* step(0, undefined)
      const millis = Duration.toMillis(delay)
      if (!Number.isFinite(millis) || millis < 0) return assert.fail(`attempt ${attempt} waits ${millis} ms`)
      longest = Math.max(longest, millis)
    }
    return longest
  })

  it.effect(
    "are finite and within the cap for 100,000 attempts",
    () =>
      Effect.gen(function* () {
        const retries = 100_000
        assert.strictEqual(yield* delaysOf(RetryPolicy.exponential({ retries }), retries), 30_000)
      }),
    { tags: ["long"], timeout: 60_000 }
  )

  it.effect("of full and decorrelated jitter are finite and within the cap long after doubling would overflow", () =>
    Effect.gen(function* () {
      const options = { retries: 20_000, cap: "5 seconds" } as const
      assert.isAtMost(yield* delaysOf(RetryPolicy.fullJitter(options), 20_000), 5000)
      assert.isAtMost(yield* delaysOf(RetryPolicy.decorrelatedJitter(options), 20_000), 5000)
    })
  )

  it.effect("end after their retries", () =>
    Effect.gen(function* () {
      for (const make of [RetryPolicy.exponential, RetryPolicy.fullJitter, RetryPolicy.decorrelatedJitter]) {
        const step = yield* Schedule.toStep(make({ retries: 2 }))
        yield* step(0, undefined)
        yield* step(0, undefined)
        assert.isTrue(Exit.isFailure(yield* Effect.exit(step(0, undefined))))
      }
    })
  )
})
