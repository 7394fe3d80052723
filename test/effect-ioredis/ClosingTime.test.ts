import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as ClosingTime from "../../packages/effect-ioredis/src/internal/ClosingTime.ts"

describe("ClosingTime", () => {
  it.effect("is shared by whoever closes, one after the other", () =>
    Effect.gen(function* () {
      const closing = ClosingTime.make(1000, yield* Clock.Clock)
      const ends: Array<readonly [at: number, inTime: boolean]> = []
      const close = (work: Effect.Effect<unknown>) =>
        Effect.flatMap(closing.within(work), (inTime) =>
          Effect.map(Clock.currentTimeMillis, (at) => ends.push([at, inTime]))
        )
      const fiber = yield* Effect.forkChild(
        Effect.all([close(Effect.sleep(300)), close(Effect.sleep(300)), close(Effect.never), close(Effect.never)])
      )
      yield* TestClock.adjust(1000)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(ends, [
        [300, true],
        [600, true],
        [1000, false],
        [1000, false]
      ])
    })
  )
})
