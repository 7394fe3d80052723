import { assert, describe, it } from "@effect/vitest"
import { Waiting } from "../../../packages/effect-ioredis-cache/src/internal/journal/Waiting.ts"

describe("Waiting", () => {
  it("gives everyone a turn in the order in which they came", () => {
    const waiting = new Waiting<number>(undefined)
    for (const one of [3, 1, 2, 3]) waiting.add(one)
    waiting.delete(1)
    assert.strictEqual(waiting.size, 2)
    assert.deepStrictEqual(waiting.take(1), [3])
    assert.deepStrictEqual(waiting.take(9), [2])
    assert.deepStrictEqual(waiting.take(9), [])
  })

  it("gives up what is of some slots", () => {
    const waiting = new Waiting<number>((one) => one % 10)
    for (const one of [1, 11, 2, 12, 3, 1]) waiting.add(one)
    waiting.delete(12)
    waiting.delete(99)
    assert.deepStrictEqual(waiting.takeSlots([2, 1, 7]), [2, 1, 11])
    assert.deepStrictEqual(Array.from(waiting), [3])
    waiting.add(1)
    assert.deepStrictEqual(waiting.take(1), [3])
    assert.deepStrictEqual(waiting.takeSlots([3]), [])
    assert.deepStrictEqual(waiting.takeSlots([1]), [1])
    assert.deepStrictEqual(waiting.checkInvariants(), [])
  })
})
