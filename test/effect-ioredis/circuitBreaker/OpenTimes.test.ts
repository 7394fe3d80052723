import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import * as OpenTimes from "../../../packages/effect-ioredis/src/internal/circuitBreaker/OpenTimes.ts"
import { schedule } from "../../../packages/effect-ioredis/src/internal/circuitBreaker/schedule.ts"

describe("OpenTimes", () => {
  const doubling = Schedule.exponential("1 second")
  const rows: ReadonlyArray<readonly [what: string, of: OpenTimes.ResetTimeout, millis: ReadonlyArray<number>]> = [
    ["one duration", "5 seconds", [5000, 5000, 5000, 5000]],
    ["a schedule", schedule(doubling), [1000, 2000, 4000, 8000]],
    [
      "a schedule that ends goes on with its last delay",
      schedule(Schedule.upTo(doubling, { times: 2 })),
      [1000, 2000, 2000, 2000]
    ],
    ["a schedule that has none is the default", schedule(Schedule.recurs(0)), [30_000, 30_000, 30_000, 30_000]],
    [
      "a schedule that waits for something is the default",
      schedule(Schedule.modifyDelay(doubling, () => Effect.never)),
      [30_000, 30_000, 30_000, 30_000]
    ],
    [
      "a schedule that dies is the default",
      schedule(Schedule.modifyDelay(doubling, () => Effect.die("no"))),
      [30_000, 30_000, 30_000, 30_000]
    ]
  ]
  for (const [what, of, millis] of rows) {
    it.effect(what, () =>
      Effect.gen(function* () {
        const times = OpenTimes.make(of, yield* Effect.context<never>())
        const take = () =>
          millis.map(() => {
            const current = times.current()
            times.advance()
            return current
          })
        assert.deepStrictEqual(take(), [...millis])
        times.restart()
        // It begins anew, except that the last delay stays where there is no other.
        if (!what.includes("default")) assert.deepStrictEqual(take(), [...millis])
      })
    )
  }
})
