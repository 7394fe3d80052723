import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import * as Writes from "../../packages/effect-ioredis-cache/src/internal/Writes.ts"
import * as PartsDouble from "./PartsDouble.ts"

const make = Effect.fnUntraced(function* (options: Partial<Writes.Options> = {}) {
  const double = yield* PartsDouble.make
  const scope = yield* Effect.scope
  let closed = false
  const writes = Writes.make(double.parts, { patience: undefined, isClosed: () => closed, scope, ...options })
  const close = () => {
    closed = true
  }
  return { ...double, writes, close }
})

const fork = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkChild(effect, { startImmediately: true })

const tooLong = "longer than ten"

describe("Writes", () => {
  it.effect("are the newest intent for their keys from the moment they run until they end", () =>
    Effect.gen(function* () {
      const { calls, end, parts, writes } = yield* make()
      const read = parts.sequences.watch("cache:texts:v1:=a")
      const set = writes.set("a", "1", undefined)
      assert.isTrue(read.isCurrent(), "it does not run yet")
      const first = yield* fork(set)
      assert.isFalse(read.isCurrent())
      const second = yield* fork(writes.remove("a"))
      assert.isFalse(end("Deferred"), "the removal is newer")
      assert.isTrue(end(["Applied"]))
      assert.deepStrictEqual([yield* Fiber.join(first), yield* Fiber.join(second)], ["Deferred", "Applied"])
      assert.deepStrictEqual(calls, ["set a=1", "remove a"])
    })
  )

  it.effect("ask nobody where the tier can answer at once", () =>
    Effect.gen(function* () {
      const { calls, state, writes } = yield* make()
      state.atOnce = true
      assert.strictEqual(yield* writes.set("a", "1", undefined), "Deferred")
      assert.deepStrictEqual(calls, ["setAtOnce a=1"])
    })
  )

  it.effect(
    "answer several entries in order: the last of a key counts, and what does not fit leaves nothing older",
    () =>
      Effect.gen(function* () {
        const { calls, end, rejected, writes } = yield* make()
        const entries = [
          ["a", "1"],
          ["b", tooLong],
          ["a", "2"],
          [tooLong, "3"],
          ["c", "4"]
        ] as const
        const fiber = yield* fork(writes.setMany(entries, undefined))
        assert.deepStrictEqual(calls, ["setMany a=2 c=4", "remove b"])
        end(["Applied", "Deferred"])
        end(["Applied"])
        assert.deepStrictEqual(yield* Fiber.join(fiber), ["Applied", "Rejected", "Applied", "Rejected", "Deferred"])
        assert.strictEqual(rejected.length, 2)
      })
  )

  it.effect("remove a key once, however often it is given", () =>
    Effect.gen(function* () {
      const { calls, end, writes } = yield* make()
      const fiber = yield* fork(writes.removeMany(["a", "b", "a", tooLong]))
      assert.deepStrictEqual(calls, ["remove a b"])
      end(["Applied", "Deferred"])
      assert.deepStrictEqual(yield* Fiber.join(fiber), ["Applied", "Deferred", "Applied", "Rejected"])
    })
  )

  it.effect("go in parts within one patience, of which the first has all", () =>
    Effect.gen(function* () {
      const { calls, end, writes } = yield* make({ patience: 1000 })
      const fiber = yield* fork(writes.removeMany(Arr.range(1, 2500).map(String)))
      for (const [count, took] of [
        [1000, 400],
        [1000, 700],
        [500, 0]
      ] as const) {
        yield* TestClock.adjust(took)
        end(Arr.makeBy(count, () => "Applied"))
      }
      assert.strictEqual((yield* Fiber.join(fiber)).length, 2500)
      assert.deepStrictEqual(calls, ["remove 1000", "remove 1000 within 600", "remove 500 within 0"])
    })
  )

  it.effect("of a cache that has closed defer nothing, take no value and leave no older one", () =>
    Effect.gen(function* () {
      const { calls, close, end, writes } = yield* make()
      close()
      const rows = [
        [writes.set("a", "1", undefined), ["Deferred"], "Rejected"],
        [writes.setMany([["a", "1"]], undefined), ["Applied"], ["Rejected"]],
        [writes.remove("a"), ["Deferred"], "Rejected"],
        [writes.remove("a"), ["Applied"], "Applied"],
        [writes.clear, "Deferred", "Rejected"]
      ] as const
      for (const [write, answer, outcome] of rows) {
        const fiber = yield* fork<unknown, never>(write)
        end(answer)
        assert.deepStrictEqual(yield* Fiber.join(fiber), outcome)
      }
      assert.deepStrictEqual(calls, ["remove a", "remove a", "remove a", "remove a", "clear"])
      assert.strictEqual(yield* writes.touch("a", "1 second"), "Rejected")
      assert.strictEqual(calls.length, 5)
    })
  )

  it.effect("that are interrupted are cancelled, and hold nothing", () =>
    Effect.gen(function* () {
      const { held, state, writes } = yield* make()
      for (const write of [
        writes.set("a", "1", undefined),
        writes.removeMany(["a", "b"]),
        writes.setMany([["a", "1"]], undefined)
      ]) {
        yield* Fiber.interrupt(yield* fork<unknown, never>(write))
      }
      assert.deepStrictEqual([state.cancelled, held()], [3, 0])
    })
  )
})
