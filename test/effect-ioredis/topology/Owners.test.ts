import { assert, describe, it } from "@effect/vitest"
import type { NodeEvent } from "effect-ioredis/dispatch"
import type { RedisNode } from "../../../packages/effect-ioredis/src/internal/node/RedisNode.ts"
import { Owners } from "../../../packages/effect-ioredis/src/internal/topology/Owners.ts"
import type { SlotMap } from "../../../packages/effect-ioredis/src/internal/topology/SlotMap.ts"

const make = () => {
  const told: Array<string> = []
  const owners: Owners = new Owners((event: NodeEvent) => {
    if (event._tag !== "SlotsMoved") return assert.fail(event._tag)
    const [slot = -1] = event.slots
    told.push(`${event.slots.size} to ${event.node.name}, now of ${owners.ownerOf(slot)?.name ?? "nobody"}`)
  })
  // Owners ask nothing else of a node.
  const nodes = ["a", "b", "c"].map((name) => ({ name }) as RedisNode)
  const nodeAt = ({ port }: { readonly port: number }) => nodes[port] ?? assert.fail("no such node")
  const map = (...ranges: ReadonlyArray<readonly [from: number, to: number]>): SlotMap => ({
    shards: ranges.map((range, port) => ({ master: { host: "x", port }, ranges: [range], replicas: [] }))
  })
  const learn = (askedAt: number, ...ranges: ReadonlyArray<readonly [from: number, to: number]>) =>
    owners.learn(map(...ranges), nodeAt, askedAt)
  return { owners, learn, nodes, told }
}

const names = (nodes: ReadonlyArray<RedisNode>) => nodes.map(({ name }) => name).join()

describe("Owners", () => {
  it("tells of each move, and knows of it already when it tells", () => {
    const { learn, owners, told } = make()
    learn(1, [0, 9999], [10_000, 16_383])
    learn(2, [0, 9989], [9990, 16_383])
    assert.deepStrictEqual(told, ["10000 to a, now of a", "6384 to b, now of b", "10 to b, now of b"])
    assert.isTrue(owners.isComplete())
    assert.strictEqual(owners.version, 3)
  })

  it("says nothing where nothing has moved", () => {
    const { learn, owners, told } = make()
    learn(1, [0, 16_383])
    learn(2, [0, 16_383])
    assert.strictEqual(told.length, 1)
    assert.strictEqual(owners.version, 1)
  })

  it("knows who owns something", () => {
    const {
      learn,
      nodes: [a, b, c],
      owners
    } = make()
    learn(1, [0, 9], [10, 19])
    assert.strictEqual(names(owners.masters()), "a,b")
    assert.isFalse(owners.isComplete())
    learn(2, [20, 20], [0, 19])
    assert.strictEqual(names(owners.masters()), "a,b")
    assert.deepStrictEqual(owners.rangesOf(b as RedisNode), [[0, 19]])
    learn(3, [21, 21], [0, 20])
    learn(4, [22, 22], [21, 21])
    learn(5, [23, 23], [22, 22])
    assert.isTrue(owners.owns(a as RedisNode))
    assert.isFalse(owners.owns(c as RedisNode))
  })

  it("keeps what a reply has moved against an answer that was asked for before", () => {
    const {
      learn,
      nodes: [, , c],
      owners
    } = make()
    learn(1, [0, 16_383])
    owners.move(7, c as RedisNode, 5)
    learn(4, [0, 16_383])
    assert.strictEqual(owners.ownerOf(7)?.name, "c")
    learn(5, [0, 16_383])
    assert.strictEqual(owners.ownerOf(7)?.name, "a")
  })

  it("keeps the last owner of a slot that nobody owns any more", () => {
    const { learn, owners } = make()
    learn(1, [0, 9])
    learn(2, [0, 4])
    assert.strictEqual(owners.ownerOf(7)?.name, "a")
  })
})
