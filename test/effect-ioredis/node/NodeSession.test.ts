import { assert, describe, it } from "@effect/vitest"
import { RedisCommand, type RedisConnection, type RedisError } from "effect-ioredis"
import { unknown } from "../../../packages/effect-ioredis/src/internal/node/History.ts"
import { NodeSession } from "../../../packages/effect-ioredis/src/internal/node/NodeSession.ts"
import type { RedisNode } from "../../../packages/effect-ioredis/src/internal/node/RedisNode.ts"

const make = (maxInFlight = 2) => {
  const state = { inFlight: 0, destroyed: Array.of<RedisError.RedisConnectionError>() }
  // A session asks nothing else of its connection, and nothing of its node.
  const connection = {
    inFlight: () => state.inFlight,
    isOpen: () => state.destroyed.length === 0,
    submit: () => state.inFlight++,
    destroy: (error: RedisError.RedisConnectionError) => state.destroyed.push(error)
  } as unknown as RedisConnection.RedisConnection
  const introduction = { id: 7, history: { ...unknown, runId: "run" }, isNew: false }
  const address = { host: "localhost", port: 1 }
  const session = new NodeSession({} as RedisNode, { address, connection, introduction }, 1000, maxInFlight)
  return { session, state }
}

const get = RedisCommand.make("GET", ["a"])

describe("NodeSession", () => {
  it("knows who it is, and was heard of when it was opened", () => {
    const { session } = make()
    assert.deepStrictEqual([session.id, session.runId, session.openedAt, session.heardAt], [7, "run", 1000, 1000])
    session.hear(1500)
    assert.deepStrictEqual([session.replies, session.heardAt], [1, 1500])
  })

  it("is full when as many commands are in flight as it may carry", () => {
    const { session } = make(2)
    session.submit(get, () => {})
    assert.isFalse(session.isFull())
    session.submit(get, () => {})
    assert.isTrue(session.isFull())
  })

  it("says nothing against the server unless it was asked for something and never answered", () => {
    const { session } = make()
    assert.isTrue(session.isProven(), "it was sent nothing")
    session.submit(get, () => {})
    assert.isFalse(session.isProven(), "it has not answered")
    session.hear(1100)
    assert.isTrue(session.isProven())
  })

  it("that is replaced ends by the will of this program, and what it carried may have been executed", () => {
    const { session, state } = make()
    assert.isFalse(session.isReplaced)
    session.replace()
    assert.isTrue(session.isReplaced)
    assert.isFalse(session.isOpen())
    assert.strictEqual(state.destroyed[0]?.sent, "unknown")
  })
})
