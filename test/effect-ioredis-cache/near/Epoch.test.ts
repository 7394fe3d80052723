import { assert, describe, it } from "@effect/vitest"
import { Epoch, Lease, mayAnswer } from "../../../packages/effect-ioredis-cache/src/internal/near/Epoch.ts"

interface Case {
  readonly isOver?: boolean
  readonly isOfData?: boolean
  /** Milliseconds since the last answered PING was sent; `undefined` where none was answered. */
  readonly silence?: number | undefined
  /** By how many milliseconds the wall clock has jumped since. */
  readonly jump?: number
}

const rows: ReadonlyArray<readonly [title: string, given: Case, answers: boolean]> = [
  ["all is well", {}, true],
  ["the epoch is over", { isOver: true }, false],
  ["the data connection reaches another server", { isOfData: false }, false],
  ["no PING was answered yet", { silence: undefined }, false],
  ["the lease is nearly as old as an answer may be", { silence: 1999.999 }, true],
  // A write that was acknowledged in the same millisecond as the PING was sent may come after it.
  ["the lease is as old as an answer may be", { silence: 2000 }, false],
  ["the wall clock was set forward a little", { jump: 1000 }, true],
  ["the wall clock was set back a little", { jump: -1000 }, true],
  ["the wall clock jumped forward, as after a sleep of the machine", { jump: 1001 }, false],
  ["the wall clock jumped back", { jump: -1001 }, false]
]

describe("memory may answer now", () => {
  for (const [title, given, answers] of rows) {
    it(`${answers ? "yes" : "no"}: ${title}`, () => {
      const { isOfData = true, isOver = false, jump = 0 } = given
      const silence = "silence" in given ? given.silence : 500
      const lease = new Lease()
      lease.isOfData = isOfData
      if (silence !== undefined) lease.renew(10_000, 1_700_000_000_000)
      const epoch = new Epoch(lease)
      epoch.isOver = isOver
      const monotonic = 10_000 + (silence ?? 0)
      assert.strictEqual(mayAnswer(epoch, 2000, monotonic, 1_700_000_000_000 + monotonic + jump), answers)
    })
  }

  it("a region that is content with less answers for longer", () => {
    const lease = new Lease()
    lease.isOfData = true
    lease.renew(0, 0)
    const answers = [100, 5000].map((maxStaleness) => mayAnswer(new Epoch(lease), maxStaleness, 1000, 1000))
    assert.deepStrictEqual(answers, [false, true])
  })

  it("a PING that was sent before a jump gives no lease", () => {
    const lease = new Lease()
    lease.isOfData = true
    lease.renew(0, 0)
    lease.renew(100, 0)
    assert.isFalse(mayAnswer(new Epoch(lease), 1000, 200, 5200))
    lease.renew(200, 5000)
    assert.isTrue(mayAnswer(new Epoch(lease), 1000, 200, 5200))
  })
})
