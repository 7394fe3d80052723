import { assert, describe, it } from "@effect/vitest"
import * as Doubts from "../../../packages/effect-ioredis-cache/src/internal/journal/Doubts.ts"

// A session is named after its node and its number there; a key is owned by the node that the test says.
const make = (owners: { [key: string]: string } = {}) =>
  Doubts.make<string>({
    nodeOf: (session) => session.slice(0, 1),
    ownerOf: (key) => owners[key] ?? "A",
    slotOf: (key) => key.length
  })

const of = (region: string, until: number, isOfRegion = false): Doubts.Doubt => ({ region, until, isOfRegion })

describe("Doubts", () => {
  it("are of keys and regions, until their session is settled", () => {
    const doubts = make()
    doubts.add("A1", "a", of("users", 100))
    doubts.add("A2", "a", of("users", 100))
    doubts.add("A2", "b", of("jobs", 100))
    assert.isTrue(doubts.has("a"))
    assert.isFalse(doubts.has("c"))
    assert.deepStrictEqual(doubts.sessionsOn("A"), ["A1", "A2"])
    assert.deepStrictEqual(doubts.sessionsOn("B"), [])
    assert.deepStrictEqual(doubts.settle("A1"), ["a"])
    assert.isTrue(doubts.has("a"), "the other session may still run one")
    assert.isTrue(doubts.hasRegion("users", "A"))
    assert.deepStrictEqual(doubts.settle("A2"), ["a", "b"])
    assert.isFalse(doubts.has("a"))
    assert.isFalse(doubts.hasRegion("users", "A"))
    assert.deepStrictEqual(doubts.sessionsOn("A"), [])
  })

  it("expire with the longest-lived value of their key", () => {
    const doubts = make()
    doubts.add("A1", "a", of("users", 100))
    doubts.add("A1", "a", of("users", 50))
    doubts.add("A1", "b", of("users", 70))
    doubts.add("A2", "c", of("users", 50))
    assert.deepStrictEqual(doubts.expire("A1", 69), [])
    assert.deepStrictEqual(doubts.expire("A1", 70), ["b"])
    assert.isTrue(doubts.has("a"))
    assert.deepStrictEqual(doubts.expire("A1", 100), ["a"])
    assert.deepStrictEqual(doubts.sessionsOn("A"), ["A2"])
  })

  // The owners of the key one after the other, from the one on that its write is in doubt on, and
  // whether it is in doubt there.
  const moves: ReadonlyArray<readonly [string, ReadonlyArray<readonly [owner: string, isInDoubt: boolean]>]> = [
    ["the slot stays", [["A", true]]],
    [
      "the slot moves",
      [
        ["A", true],
        ["B", false]
      ]
    ],
    [
      "the slot moves on",
      [
        ["A", true],
        ["B", false],
        ["C", false]
      ]
    ],
    [
      "the slot comes back",
      [
        ["A", true],
        ["B", false],
        ["A", true]
      ]
    ]
  ]
  for (const [title, owners] of moves) {
    for (const isOfRegion of [false, true]) {
      it(`count where the key is owned, ${isOfRegion ? "of a region" : "of a key"}: ${title}`, () => {
        const now = { k: "" }
        const doubts = make(now)
        doubts.add("A1", "k", of("users", 100, isOfRegion))
        for (const [owner, isInDoubt] of owners) {
          now.k = owner
          assert.strictEqual(doubts.has("k"), isInDoubt && !isOfRegion)
          assert.strictEqual(doubts.hasRegion("users", owner), isInDoubt)
          assert.isFalse(doubts.hasRegion("others", owner))
          assert.deepStrictEqual(doubts.inSlots(new Set([1])), ["k"], "parked ones included")
          assert.deepStrictEqual(doubts.inSlots(new Set([2])), [])
        }
        assert.deepStrictEqual(doubts.settle("A1"), ["k"])
        assert.isFalse(doubts.has("k"))
      })
    }
  }

  it("are of the key if any write of it is", () => {
    for (const order of [
      [true, false],
      [false, true]
    ]) {
      const doubts = make()
      for (const isOfRegion of order) doubts.add("A1", "k", of("users", 100, isOfRegion))
      assert.isTrue(doubts.has("k"))
    }
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
