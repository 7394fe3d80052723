import { assert, it } from "@effect/vitest"
import { Clock, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import type { RedisNode } from "../../packages/effect-ioredis/src/internal/node/RedisNode.ts"
import { awaitSendable } from "../../packages/effect-ioredis/src/internal/sendable.ts"

it.effect("waits for a node no longer than it may, by parts of a millisecond", () =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
    // Nothing else is asked of a node that never comes.
    const absent = {
      isReady: () => false,
      dueIn: () => 0,
      status: () => "Connecting",
      changed: Effect.never
    } as unknown as RedisNode
    const waiting = yield* Effect.forkChild(awaitSendable(() => absent, "read", now() + 10.25, now))
    yield* TestClock.adjust(10.25)
    assert.isFalse(yield* Fiber.join(waiting))
  })
)
