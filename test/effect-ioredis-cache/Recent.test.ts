import { assert, describe, it } from "@effect/vitest"
import * as Recent from "../../packages/effect-ioredis-cache/src/internal/Recent.ts"

describe("Recent", () => {
  const keysOf = (recent: Recent.Recent<number>) => recent.all().map(([key]) => key)

  it("keeps at least the last different keys, and at most twice as many", () => {
    const recent = Recent.make<number>(10)
    for (let n = 0; n < 100; n++) {
      recent.add(`k${n}`, n)
      recent.add(`k${n}`, n)
      const kept = keysOf(recent)
      for (let last = Math.max(0, n - 9); last <= n; last++) assert.include(kept, `k${last}`)
      assert.isAtMost(kept.length, 20)
    }
  })

  it("gives what was added with a key last, wherever it was kept before", () => {
    const recent = Recent.make<number>(3)
    for (const [key, value] of [
      ["a", 1],
      ["b", 1],
      ["c", 1],
      ["a", 2]
    ] as const)
      recent.add(key, value)
    assert.deepStrictEqual(
      new Map(recent.all()),
      new Map([
        ["a", 2],
        ["b", 1],
        ["c", 1]
      ])
    )
  })

  it("finds the keys of some slots, each once and with what was added last", () => {
    const recent = Recent.make<number>(3, (key) => Number(key.slice(1)) % 4)
    for (const [n, key] of ["k0", "k4", "k1", "k0", "k4", "k8"].entries()) recent.add(key, n)
    assert.deepStrictEqual(recent.inSlots([0]), [
      ["k0", 3],
      ["k4", 4],
      ["k8", 5]
    ])
    recent.add("k3", 6)
    recent.add("k4", 7)
    recent.add("k4", 8)
    assert.deepStrictEqual(
      new Map(recent.inSlots([0, 3])),
      new Map([
        ["k4", 8],
        ["k0", 3],
        ["k8", 5],
        ["k3", 6]
      ])
    )
    assert.deepStrictEqual(recent.inSlots([1, 2]), [], "k1 is forgotten")
    assert.deepStrictEqual(Recent.make<number>(3).inSlots([0]), [])
  })
})
