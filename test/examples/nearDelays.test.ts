import { assert, describe, it } from "@effect/vitest"
import * as Delays from "../../examples/near/src/Delays.ts"

describe("the delays of the example of a near region", () => {
  it("count from the write to the read, with and without what the loop was late by since", () => {
    const delays = Delays.make()
    delays.saw(1000, 1003)
    // Late by 100 ms, of which 40 were after the write.
    delays.wokeUp(1140, 100)
    delays.saw(1100, 1145)
    assert.deepStrictEqual(delays.figures(), { prices: 2, p50: 45, p99: 45, p99OfRedis: 5 })
  })

  it("do not count what the loop was late by before an earlier price was seen", () => {
    const delays = Delays.make()
    delays.wokeUp(1050, 50)
    delays.saw(1000, 1060)
    delays.saw(1000, 1070)
    assert.deepStrictEqual(delays.figures(), { prices: 2, p50: 70, p99: 70, p99OfRedis: 70 })
  })

  it("are none of the earliest moments, and nothing is late by less than nothing", () => {
    const delays = Delays.make()
    assert.deepStrictEqual(delays.figures(), { prices: 0, p50: 0, p99: 0, p99OfRedis: 0 })
    delays.wokeUp(1001, -1)
    delays.saw(1000, 1002)
    assert.strictEqual(delays.figures().p99OfRedis, 2)
  })
})
