import { assert, describe, it } from "@effect/vitest"
import * as Doubts from "../../../packages/effect-ioredis-cache/src/internal/journal/Doubts.ts"

describe("Doubts", () => {
  it("are of keys and regions, until their session is settled", () => {
    const doubts = Doubts.make<string>()
    doubts.add("first", "a", "users", 100)
    doubts.add("second", "a", "users", 100)
    doubts.add("second", "b", "jobs", 100)
    assert.isTrue(doubts.has("a"))
    assert.isFalse(doubts.has("c"))
    assert.deepStrictEqual(doubts.settle("first"), ["a"])
    assert.isTrue(doubts.has("a"), "the other session may still run one")
    assert.isTrue(doubts.hasRegion("users"))
    assert.deepStrictEqual(doubts.settle("second"), ["a", "b"])
    assert.isFalse(doubts.has("a"))
    assert.isFalse(doubts.hasRegion("users"))
    assert.deepStrictEqual(doubts.sessions(), [])
  })

  it("expire with the longest-lived value of their key", () => {
    const doubts = Doubts.make<string>()
    doubts.add("session", "a", "users", 100)
    doubts.add("session", "a", "users", 50)
    doubts.add("session", "b", "users", 70)
    doubts.add("other", "c", "users", 50)
    assert.deepStrictEqual(doubts.expire("session", 69), [])
    assert.deepStrictEqual(doubts.expire("session", 70), ["b"])
    assert.isTrue(doubts.has("a"))
    assert.deepStrictEqual(doubts.expire("session", 100), ["a"])
    assert.deepStrictEqual(doubts.sessions(), ["other"])
  })

  const fences: ReadonlyArray<
    readonly [string, Doubts.SessionIdentity, Doubts.SessionIdentity, ReturnType<typeof Doubts.fenceOf>]
  > = [
    ["the very same server", { id: 7, runId: "x" }, { id: 9, runId: "x" }, "Kill"],
    ["another server: the id is a stranger's there", { id: 7, runId: "x" }, { id: 9, runId: "y" }, "Gone"],
    ["a server whose run_id may not be asked for", { id: 7, runId: undefined }, { id: 9, runId: undefined }, "Wait"],
    ["one whose run_id may be asked for no longer", { id: 7, runId: "x" }, { id: 9, runId: undefined }, "Wait"],
    ["one whose run_id was not known then", { id: 7, runId: undefined }, { id: 9, runId: "x" }, "Wait"],
    ["a session whose id is not known", { id: undefined, runId: "x" }, { id: 9, runId: "x" }, "Wait"]
  ]
  for (const [title, lost, open, expected] of fences) {
    it(`fence, ${title}: ${expected}`, () => assert.strictEqual(Doubts.fenceOf(lost, open), expected))
  }
})
