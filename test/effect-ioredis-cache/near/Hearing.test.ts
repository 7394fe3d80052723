import { assert, describe, it } from "@effect/vitest"
import type { Node, Session } from "effect-ioredis/dispatch"
import { Hearing } from "../../../packages/effect-ioredis-cache/src/internal/near/Hearing.ts"
import { DispatchDouble } from "../journal/DispatchDouble.ts"

const node: Node = new DispatchDouble({ now: () => 0 }).node

const session = (runId: string | undefined, of = node): Session => ({
  node: of,
  id: 1,
  runId,
  isOpen: () => true
})

const hearing = (slotOf?: (key: string) => number) => {
  const made = new Hearing(node, "run", { keyspaces: new Set(["cache:users:v1:"]), maxStaleness: 1000 }, slotOf)
  made.compare([session("run")])
  return made
}

const slotOfLetter = (key: string) => key.charCodeAt(0)

describe("Hearing", () => {
  it("what is read in one epoch is of that epoch", () => {
    const heard = hearing()
    const epoch = heard.begin().epochOf("a")
    assert.isDefined(epoch)
    assert.strictEqual(heard.begin().epochOf("b"), epoch)
  })

  it("a notice spoils a read of its key that is under way, and no other", () => {
    const heard = hearing()
    const read = heard.begin()
    heard.tell("a")
    assert.isUndefined(read.epochOf("a"))
    assert.isDefined(read.epochOf("b"))
    assert.isDefined(heard.begin().epochOf("a"))
  })

  it("a notice of long ago spoils nothing", () => {
    const heard = hearing()
    for (let n = 0; n < 10_000; n++) heard.tell(`k${n}`)
    const read = heard.begin()
    assert.isDefined(read.epochOf("k1"))
    heard.tell("k1")
    assert.isUndefined(read.epochOf("k1"))
  })

  it("the end of every epoch spoils every read", () => {
    const heard = hearing()
    const before = heard.begin().epochOf("a")
    const read = heard.begin()
    heard.endAll()
    assert.isTrue(before?.isOver)
    assert.isUndefined(read.epochOf("a"))
    const after = heard.begin().epochOf("a")
    assert.isFalse(after?.isOver)
    assert.notStrictEqual(after, before)
  })

  it("a slot that moves ends its own epoch, and spoils what is under way", () => {
    const heard = hearing(slotOfLetter)
    const [moved, other] = ["a", "b"].map((key) => heard.begin().epochOf(key))
    const read = heard.begin()
    heard.endSlots(new Set([slotOfLetter("a")]))
    assert.isTrue(moved?.isOver)
    assert.isFalse(other?.isOver)
    assert.isUndefined(read.epochOf("a"))
    assert.notStrictEqual(heard.begin().epochOf("a"), moved)
    assert.strictEqual(heard.begin().epochOf("b"), other)
  })

  it("nothing is near any more when the link is lost", () => {
    const heard = hearing()
    const before = heard.begin().epochOf("a")
    heard.end()
    assert.isTrue(before?.isOver)
    assert.isTrue(heard.epochOf("a").isOver)
  })

  it("a data connection to another server ends every epoch", () => {
    const heard = hearing()
    const read = heard.begin()
    const before = heard.begin().epochOf("a")
    heard.compare([session("run"), session("other")])
    assert.isTrue(before?.isOver)
    assert.isUndefined(heard.begin().epochOf("a"))
    heard.compare([session("run")])
    assert.isUndefined(read.epochOf("a"))
    assert.isDefined(heard.begin().epochOf("a"))
  })

  it("a data connection that is lost ends none, and nothing is near until the next one", () => {
    const heard = hearing()
    const before = heard.begin().epochOf("a")
    heard.compare([])
    assert.isFalse(heard.lease.isOfData)
    assert.isUndefined(heard.begin().epochOf("a"))
    heard.compare([session("run")])
    assert.strictEqual(heard.begin().epochOf("a"), before)
    assert.isFalse(before?.isOver)
  })

  it("a server that does not say who it is may be another", () => {
    const heard = hearing()
    heard.compare([session(undefined)])
    assert.isUndefined(heard.begin().epochOf("a"))
  })

  it("what another server answers for the owner is not near", () => {
    const heard = hearing()
    const other = new DispatchDouble({ now: () => 0, name: "other" }).node
    const read = heard.begin()
    assert.isTrue(read.begin(session("run")))
    assert.isDefined(read.epochOf("a"))
    assert.isTrue(read.begin(session("other", other)))
    assert.isUndefined(read.epochOf("a"))
  })
})
