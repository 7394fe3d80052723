import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as TimedQueue from "../../../packages/effect-ioredis/src/testing/internal/TimedQueue.ts"
import * as Timers from "../../../packages/effect-ioredis/src/testing/internal/Timers.ts"

describe("TimedQueue", () => {
  it.effect("lets items leave in order, none before it is due, and none while it stands still", () =>
    Effect.gen(function* () {
      const left: Array<string> = []
      const queue = TimedQueue.make<string>(yield* Timers.make, (item) => left.push(item))
      const leftAfter = (millis: number) => Effect.map(TestClock.adjust(millis), () => left.splice(0).join(""))

      queue.offer("a", 100)
      queue.offer("b", 0)
      assert.strictEqual(yield* leftAfter(99), "", "b does not overtake a")
      assert.strictEqual(yield* leftAfter(1), "ab")
      queue.offer("c", 50)
      queue.pause()
      assert.strictEqual(yield* leftAfter(1000), "")
      assert.strictEqual(queue.size(), 1)
      queue.resume()
      assert.strictEqual(yield* leftAfter(0), "c")
      queue.offer("d", 10)
      queue.clear()
      queue.offer("e", 20)
      assert.strictEqual(yield* leftAfter(20), "e")
    })
  )
})
