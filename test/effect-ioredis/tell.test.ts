import { assert, describe, it } from "vitest"
import { tell } from "../../packages/effect-ioredis/src/internal/tell.ts"

describe("tell", () => {
  const boom = new Error("boom")
  const fail = () => {
    throw boom
  }

  it("gives a callback its value, and nobody a defect", () => {
    const told: Array<string> = []
    tell((value) => told.push(value), "a", fail)
    assert.deepStrictEqual(told, ["a"])
  })

  it("gives what a callback throws to whoever hears of defects, and no further", () => {
    const defects: Array<unknown> = []
    tell(fail, "a", (defect) => defects.push(defect))
    assert.deepStrictEqual(defects, [boom])
  })
})
