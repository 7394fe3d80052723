import { assert, describe, it } from "@effect/vitest"
import { oncePerLabel } from "effect-ioredis/dispatch"

describe("oncePerLabel", () => {
  it("builds once for each label, and once for all that are too many", () => {
    const built: Array<string> = []
    const metric = oncePerLabel(2, (label) => {
      built.push(label)
      return { label }
    })
    const labels = ["a", "b", "a", "c", "d", "b", "c"].map((label) => metric(label).label)
    assert.deepStrictEqual(labels, ["a", "b", "a", "other", "other", "b", "other"])
    assert.deepStrictEqual(built, ["a", "b", "other"])
  })

  it("counts a label that is called other with the rest", () => {
    const metric = oncePerLabel(1, (label) => ({ label }))
    assert.strictEqual(metric("other"), metric("one too many"))
  })
})
