import { assert, describe, it } from "@effect/vitest"
import type { Version } from "../../../packages/effect-ioredis-cache/src/internal/CacheTier.ts"
import * as Trust from "../../../packages/effect-ioredis-cache/src/internal/journal/Trust.ts"
import { makeStampSource } from "../../../packages/effect-ioredis-cache/src/internal/StoredValue.ts"

const own = (number: number): string => `mine--${String(number).padStart(6, "-")}`
const foreign = (number: number): string => `theirs${String(number).padStart(6, "-")}`
const isOwn = (stamp: string) => stamp.startsWith("mine--")

const known = (isVerified: boolean) => new Trust.Known({ stamp: own(5), writtenAt: 1000 }, foreign(1), isVerified)

const table: ReadonlyArray<readonly [string, Version, verified: Trust.Verdict, unverified: Trust.Verdict]> = [
  ["what was confirmed", { stamp: own(5), writtenAt: 1000 }, "Trusted", "Trusted"],
  ["an own write with a lower number", { stamp: own(4), writtenAt: 900 }, "Changed", "Changed"],
  ["one with a lower number that claims to be later", { stamp: own(4), writtenAt: 2000 }, "Changed", "Changed"],
  ["an own write with a higher number", { stamp: own(6), writtenAt: 900 }, "Trusted", "Trusted"],
  ["the stamp known before", { stamp: foreign(1), writtenAt: 900 }, "Changed", "Changed"],
  ["the stamp known before, by a clock that is ahead", { stamp: foreign(1), writtenAt: 2000 }, "Changed", "Changed"],
  ["another's later write", { stamp: foreign(2), writtenAt: 1001 }, "Trusted", "Trusted"],
  ["another's at the same time", { stamp: foreign(2), writtenAt: 1000 }, "Trusted", "Trusted"],
  ["another's earlier write", { stamp: foreign(2), writtenAt: 999 }, "Trusted", "Older"]
]

describe("Trust", () => {
  for (const [title, found, verified, unverified] of table) {
    it(`${title}: ${verified}, and ${unverified} where the server may have lost data`, () => {
      assert.strictEqual(Trust.judge(known(true), found, isOwn), verified)
      assert.strictEqual(Trust.judge(known(false), found, isOwn), unverified)
    })
  }

  it("remembers what it trusted last, and believes it again only while nothing was lost", () => {
    const trust = Trust.make(makeStampSource(Math.random), 10)
    trust.confirm("a", { stamp: own(5), writtenAt: 1000 }, undefined, true)
    const earlier = { stamp: foreign(2), writtenAt: 999 }
    assert.strictEqual(trust.judge("a", earlier), "Trusted")
    assert.deepStrictEqual(trust.get("a")?.last, earlier)
    assert.deepStrictEqual(trust.unverify(undefined), ["a"])
    assert.strictEqual(trust.judge("a", earlier), "Older")
    assert.strictEqual(trust.judge("unknown", earlier), "Trusted")
  })

  it("makes the keys of some slots unverified, and no others", () => {
    const trust = Trust.make(makeStampSource(Math.random), 10, (key) => (key === "a" ? 1 : 2))
    trust.confirm("a", { stamp: own(5), writtenAt: 1000 }, undefined, true)
    trust.confirm("b", { stamp: own(6), writtenAt: 1000 }, undefined, true)
    assert.deepStrictEqual(trust.unverify(new Set([2, 3])), ["b"])
    assert.isTrue(trust.get("a")?.isVerified)
    assert.isFalse(trust.get("b")?.isVerified)
  })

  it("is bounded, and keeps the keys confirmed last", () => {
    const trust = Trust.make(makeStampSource(Math.random), 100)
    for (let n = 0; n < 1000; n++) trust.confirm(`key${n}`, { stamp: own(n), writtenAt: n }, undefined, true)
    assert.isAtMost(trust.unverify(undefined).length, 200)
    for (let n = 900; n < 1000; n++) assert.isDefined(trust.get(`key${n}`))
  })
})
