import { assert, describe, it } from "@effect/vitest"
import * as Interval from "../../bench/src/against/Interval.ts"

/** So many ratios from `from` upwards, one thousandth apart, in no order. */
const ratios = (count: number, from: number): ReadonlyArray<number> =>
  Array.from({ length: count }, (_, n) => from + ((n * 7) % count) / 1000)

describe("the interval of paired rounds", () => {
  it("ends at the ranks of the sign test", () => {
    // The ranks that tables of the sign test give for 95 %.
    for (const [rounds, outside] of [
      [6, 1],
      [8, 1],
      [9, 2],
      [12, 3],
      [15, 4],
      [25, 8],
      [45, 16]
    ] as const) {
      const { high, low } = Interval.make(ratios(rounds, 1))
      assert.closeTo(low, 1 + (outside - 1) / 1000, 1e-9, `low end of ${rounds}`)
      assert.closeTo(high, 1 + (rounds - outside) / 1000, 1e-9, `high end of ${rounds}`)
    }
  })

  it("has the median in the middle, and one outlier on each side does not move nine rounds", () => {
    const { high, low, median, rounds } = Interval.make([1.02, 0.2, 1.0, 0.99, 1.01, 5, 0.98, 1.03, 0.97])
    assert.deepStrictEqual([median, low, high, rounds], [1.0, 0.97, 1.03, 9])
    assert.strictEqual(Interval.make([1, 2, 4, 8]).median, 3)
  })

  it("is everything below six rounds", () => {
    for (const rounds of [0, 1, 3, 5]) {
      const { high, low } = Interval.make(ratios(rounds, 1))
      assert.deepStrictEqual([low, high], [0, Number.POSITIVE_INFINITY])
    }
  })
})

describe("the verdict", () => {
  const of = (low: number, high: number): Interval.Interval => ({ median: (low + high) / 2, low, high, rounds: 9 })
  const quiet = of(0.99, 1.01)

  it("looks at the lower end, which may lie at the bound", () => {
    assert.strictEqual(Interval.verdict(quiet, of(0.95, 1.2)), "≥ 0.95")
    assert.strictEqual(Interval.verdict(quiet, of(0.949, 1.2)), "slower")
  })

  it("is undecidable where the commit differs from itself by more than 3 %, however slow it is now", () => {
    const slow = of(0.5, 0.6)
    assert.strictEqual(Interval.verdict(of(0.97, 1.03), slow), "slower")
    assert.strictEqual(Interval.verdict(of(0.969, 1.03), slow), "undecidable")
    assert.strictEqual(Interval.verdict(of(0.97, 1.032), slow), "undecidable")
  })

  it("is undecidable where there are too few rounds for an interval", () => {
    assert.strictEqual(Interval.verdict(quiet, Interval.make([0.5, 0.5])), "undecidable")
    assert.strictEqual(Interval.verdict(Interval.make([1, 1]), quiet), "undecidable")
  })

  it("is settled once the interval lies on one side of the bound", () => {
    assert.isTrue(Interval.isSettled(of(0.95, 1)))
    assert.isTrue(Interval.isSettled(of(0.9, 0.94)))
    assert.isFalse(Interval.isSettled(of(0.9, 0.95)))
    assert.isFalse(Interval.isSettled(Interval.make([1, 1, 1])))
  })
})
