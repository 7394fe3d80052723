import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { idleSleep } from "../../packages/effect-ioredis-cache/src/internal/idleSleep.ts"

const timers = () => process.getActiveResourcesInfo().filter((resource) => resource === "Timeout").length

describe("idleSleep", () => {
  it.effect("obeys a TestClock", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(idleSleep(yield* Clock.Clock, 1000), { startImmediately: true })
      yield* TestClock.adjust(999)
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust(1)
      yield* Fiber.join(fiber)
    })
  )

  it.live("keeps no process alive on the live clock", () =>
    Effect.gen(function* () {
      const before = timers()
      const fiber = yield* Effect.forkChild(idleSleep(yield* Clock.Clock, 60_000), { startImmediately: true })
      assert.strictEqual(timers(), before)
      yield* Fiber.interrupt(fiber)
      yield* idleSleep(yield* Clock.Clock, 1)
    })
  )
})
