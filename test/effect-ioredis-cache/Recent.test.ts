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

  it("forgets what is deleted", () => {
    const recent = Recent.make<number>(3)
    for (const key of ["a", "b", "c", "d"]) recent.add(key, 1)
    recent.delete("a")
    recent.delete("d")
    assert.deepStrictEqual(keysOf(recent).sort(), ["b", "c"])
  })
})
