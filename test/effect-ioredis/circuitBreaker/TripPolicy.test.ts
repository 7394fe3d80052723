import { assert, describe, it } from "@effect/vitest"
import {
  consecutive,
  never,
  rate,
  type TripPolicy
} from "../../../packages/effect-ioredis/src/internal/circuitBreaker/TripPolicy.ts"

/** After which of these calls, each a `.` or an `x` for a failure, the policy opens a circuit. */
const openAfter = (policy: TripPolicy, calls: string): ReadonlyArray<number> => {
  let health = policy.unknown()
  return Array.from(calls).flatMap((call, index) => {
    health = policy.observe(health, call === "x")
    return policy.opens(health) ? [index + 1] : []
  })
}

describe("TripPolicy", () => {
  const half = rate({ window: 4, minimumCalls: 2 })
  const rows: ReadonlyArray<readonly [policy: TripPolicy, calls: string, openAfter: ReadonlyArray<number>]> = [
    [consecutive(1), ".x.x", [2, 4]],
    [consecutive(3), "xx.xxxx", [6, 7]],
    [half, "x", []],
    [half, "xx", [2]],
    [half, "...xx", [5]],
    [half, "xx....", [2, 3, 4]],
    [half, "xx...x.x", [2, 3, 4, 8]],
    [rate({ window: 3, threshold: 1, minimumCalls: 3 }), "xx.xxxx", [6, 7]],
    [never, "xxxxxxxx", []]
  ]
  for (const [policy, calls, expected] of rows) {
    it(`${JSON.stringify(policy)} after ${calls}`, () =>
      assert.deepStrictEqual([...openAfter(policy, calls)], expected))
  }

  it("looks at a health without changing it", () => {
    const health = half.observe(half.unknown(), false)
    half.observe(health, true)
    assert.isFalse(half.opens(half.observe(health, false)))
    assert.isTrue(half.opens(half.observe(health, true)))
  })

  it("finds no mistake in what its constructors make by default", () => {
    for (const policy of [consecutive(1), rate(), rate({ window: 1 }), never]) assert.isUndefined(policy.mistake())
  })
})
