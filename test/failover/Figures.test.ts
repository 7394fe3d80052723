import { assert, describe, it } from "@effect/vitest"
import * as Figures from "./Figures.ts"
import type { Entry, Outcome } from "./Ledger.ts"
import type { Limits } from "./Row.ts"
import { slotOf, tagIn } from "./slotOf.ts"
import * as Verdict from "./Verdict.ts"

const entry = (key: string, start: number, end: number, outcome: Outcome, slot = 0): Entry => ({
  key,
  slot,
  start,
  end,
  outcome,
  error: undefined
})

// The fault is at 1000 and concerns the slots up to 99.
const figuresOf = (entries: ReadonlyArray<Entry>, held: Record<string, string>, raw: ReadonlyArray<Entry> = []) =>
  Figures.make({
    entries,
    raw,
    held: new Map(Object.entries(held)),
    fault: 1000,
    concerns: (slot) => slot < 100,
    marks: new Map(),
    redirects: { moved: 0, ask: 0 },
    cache: undefined,
    journal: undefined,
    lateMillis: 0
  })

const limits: Limits = { back: { counts: "first", within: 500 }, wait: 1000, failed: "concerned", lost: "none" }

const broken = (limits: Limits, figures: Figures.Figures) =>
  Verdict.of(limits, figures).flatMap(({ holds, what }) => (holds ? [] : [what]))

describe("Figures", () => {
  it("counts from the fault to what succeeds and is held, first and for good", () => {
    const figures = figuresOf(
      [
        entry("before", 900, 1100, "acknowledged"),
        entry("lost", 1050, 1060, "acknowledged"),
        entry("first", 1100, 1200, "acknowledged"),
        entry("failed", 1300, 1310, "never"),
        entry("steady", 1400, 1410, "acknowledged"),
        entry("other", 1001, 1002, "acknowledged", 100)
      ],
      { before: "1", first: "1", steady: "1", other: "1" }
    )
    assert.strictEqual(figures.library.first, 200)
    assert.strictEqual(figures.library.steady, 410)
    assert.strictEqual(figures.library.lost, 1)
    assert.strictEqual(figures.library.lastLost, 50)
    assert.strictEqual(figures.library.longest, 200)
    assert.deepStrictEqual(broken(limits, figures), ["acknowledged and lost"])
    assert.deepStrictEqual(broken({ ...limits, lost: "asRaw" }, figures), [])
  })

  it("finds what was executed twice, what was denied and yet executed, and what was never answered", () => {
    const figures = figuresOf(
      [
        entry("twice", 1000, 1001, "acknowledged"),
        entry("denied", 1000, 1001, "never"),
        entry("pending", 1000, Number.POSITIVE_INFINITY, "pending")
      ],
      { twice: "2", denied: "1" }
    )
    assert.deepStrictEqual(broken(limits, figures), ["longest wait", "executed twice", "told never sent, yet executed"])
  })

  it("blames no call that the fault concerned, but every other one", () => {
    const figures = figuresOf(
      [
        entry("concerned", 1000, 1001, "unknown"),
        entry("other", 1000, 1001, "unknown", 100),
        entry("back", 1000, 1400, "acknowledged")
      ],
      { back: "1" }
    )
    assert.deepStrictEqual(broken(limits, figures), ["calls not concerned that failed"])
    assert.deepStrictEqual(broken({ ...limits, failed: "none", back: { counts: "first", within: 300 } }, figures), [
      "back within",
      "calls failed"
    ])
  })
})

describe("slotOf", () => {
  it("agrees with Redis on keys and hash tags", () => {
    assert.deepStrictEqual(["foo", "bar", "{foo}.a", "a{}b"].map(slotOf), [12182, 5061, 12182, slotOf("a{}b")])
    assert.strictEqual(slotOf(`{${tagIn(7)}}-x`), 7)
  })
})
