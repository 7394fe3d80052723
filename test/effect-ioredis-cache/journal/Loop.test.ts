import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { TestClock } from "effect/testing"
import * as Loop from "../../../packages/effect-ioredis-cache/src/internal/journal/Loop.ts"

/** A loop whose work is in the hands of a test, and the times at which it ran. */
const make = Effect.gen(function* () {
  const work = { isLeft: true, fails: false }
  const ranAt: Array<number> = []
  const loop = Loop.make(
    () => work.isLeft,
    Effect.flatMap(Clock.currentTimeMillis, (at) => {
      ranAt.push(at)
      if (work.fails) return Effect.fail("it fails")
      work.isLeft = false
      return Effect.void
    })
  )
  yield* Effect.forkScoped(loop.run)
  yield* TestClock.adjust(0)
  return { work, ranAt, ...loop }
})

describe("Loop", () => {
  it.effect("does what there is when it is woken, and rests otherwise", () =>
    Effect.gen(function* () {
      const { ranAt, wake, work } = yield* make
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(ranAt, [], "nobody woke it")
      wake()
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(ranAt, [60_000])
      wake()
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(ranAt, [60_000], "nothing was left")
      work.isLeft = true
      wake()
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(ranAt, [60_000, 180_000])
    })
  )

  it.effect("tries ever more slowly while it fails, however often it is woken", () =>
    Effect.gen(function* () {
      const { ranAt, wake, work } = yield* make
      work.fails = true
      wake()
      for (let second = 0; second < 121; second++) {
        wake()
        yield* TestClock.adjust("1 second")
      }
      assert.deepStrictEqual(
        ranAt.map((at) => at / 1000),
        [0, 1, 3, 7, 15, 31, 61, 91, 121]
      )
    })
  )

  it.effect("tries at once when it may have recovered, and from then on quickly", () =>
    Effect.gen(function* () {
      const { ranAt, recover, wake, work } = yield* make
      work.fails = true
      wake()
      yield* TestClock.adjust("20 seconds")
      recover()
      work.fails = false
      yield* TestClock.adjust(0)
      assert.strictEqual(ranAt.at(-1), 20_000)
      work.isLeft = true
      work.fails = true
      wake()
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(ranAt.slice(-2), [20_000, 21_000])
    })
  )

  it.effect("slows down anew where it has not recovered after all: a server that is back may not serve yet", () =>
    Effect.gen(function* () {
      const { ranAt, recover, wake, work } = yield* make
      work.fails = true
      wake()
      yield* TestClock.adjust("20 seconds")
      recover()
      yield* TestClock.adjust("4 seconds")
      assert.deepStrictEqual(ranAt.slice(-3), [20_000, 21_000, 23_000])
    })
  )
})
