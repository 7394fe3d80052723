import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import * as RegionParts from "../../packages/effect-ioredis-cache/src/internal/RegionParts.ts"
import type { Recorder } from "../../packages/effect-ioredis-cache/src/internal/Recorder.ts"

/** Watches of keys, and what became of them. */
const make = () => {
  const held: Array<string> = []
  const timed: Array<string> = []
  const hold = (key: string) => {
    held.push(key)
    return { isCurrent: () => key !== "overtaken", end: () => void held.splice(held.indexOf(key), 1) }
  }
  // It asks nothing else of a recorder.
  const recorder = {
    now: () => 0,
    timed: (operation: string, source: string) => timed.push(`${operation} ${source}`)
  } as unknown as Recorder
  return { held, timed, hold: hold as never, recorder }
}

describe("RegionParts.holding", () => {
  const keys = ["a", "overtaken"]

  it.effect("holds every key until the answer, which it records with its source", () =>
    Effect.gen(function* () {
      const { held, hold, recorder, timed } = make()
      const answer = yield* RegionParts.holding<string, never>(recorder, "get", keys, hold, (isCurrent, done) => {
        assert.deepStrictEqual(held, keys)
        assert.deepStrictEqual([0, 1, 2].map(isCurrent), [true, false, false])
        done(Exit.succeed("1"), "redis")
        return () => {}
      })
      assert.strictEqual(answer, "1")
      assert.deepStrictEqual([held, timed], [[], ["get redis"]])
    })
  )

  it.effect("records no failure", () =>
    Effect.gen(function* () {
      const { held, hold, recorder, timed } = make()
      const call = RegionParts.holding<string, string>(recorder, "get", keys, hold, (_, done) => {
        done(Exit.fail("no"), "redis")
        return () => {}
      })
      assert.strictEqual(yield* Effect.flip(call), "no")
      assert.deepStrictEqual([held, timed], [[], []])
    })
  )

  it.effect("cancels the call and lets go of the keys when it is interrupted", () =>
    Effect.gen(function* () {
      const { held, hold, recorder } = make()
      let cancelled = 0
      const call = RegionParts.holding<string, never>(recorder, "get", keys, hold, () => () => void cancelled++)
      const fiber = yield* Effect.forkChild(call, { startImmediately: true })
      assert.deepStrictEqual([held, cancelled], [keys, 0])
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual<unknown>([held, cancelled], [[], 1])
    })
  )
})
