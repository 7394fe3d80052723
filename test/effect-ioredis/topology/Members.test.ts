import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { RedisNode } from "../../../packages/effect-ioredis/src/internal/node/RedisNode.ts"
import { addressText } from "../../../packages/effect-ioredis/src/internal/address.ts"
import { Members } from "../../../packages/effect-ioredis/src/internal/topology/Members.ts"
import { Owners } from "../../../packages/effect-ioredis/src/internal/topology/Owners.ts"

const owner = { host: "owner", port: 1 }
const idle = { host: "idle", port: 2 }

/** A server that is heard of at each look, as one that the topology asks again and again. */
const double = (name: string) => {
  let carried = 0
  let inFlight = 0
  let heard = 0
  const node = { name, usage: () => ({ carried, inFlight }), activity: () => heard++ }
  return {
    // Nothing else of a node is asked here.
    node: node as unknown as RedisNode,
    carry: () => {
      carried++
    },
    wait: (count: number) => {
      inFlight = count
    }
  }
}

const setUp = () => {
  const doubles = new Map<string, ReturnType<typeof double>>()
  const left: Array<string> = []
  const owners = new Owners(() => {})
  const maker = {
    make: ({ label }: { readonly label: string }) => {
      const made = double(label)
      doubles.set(label, made)
      return { node: made.node, close: Effect.void }
    },
    nodes: () => assert.fail("they ask for one node after the other")
  }
  const members = new Members({ seeds: [owner, idle] }, maker, owners, () => {})
  owners.move(0, members.at(owner), 0)
  const look = Effect.suspend(() =>
    members.retire((event) => event._tag === "NodeRemoved" && left.push(event.node.name))
  )
  return { left, look, server: doubles.get(addressText(idle)) ?? double("") }
}

describe("servers of a cluster that own nothing", () => {
  it.effect("leave at the second look, although they are asked who owns what", () =>
    Effect.gen(function* () {
      const { left, look } = setUp()
      yield* look
      assert.deepStrictEqual(left, [])
      yield* look
      assert.deepStrictEqual(left, ["idle:2"])
    })
  )

  it.effect("stay as long as callers use them", () =>
    Effect.gen(function* () {
      const { left, look, server } = setUp()
      yield* look
      server.carry()
      yield* look
      server.wait(1)
      yield* look
      yield* look
      assert.deepStrictEqual(left, [])
      server.wait(0)
      yield* look
      assert.deepStrictEqual(left, ["idle:2"])
    })
  )
})
