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
  const introduction = { id: 7, history: { ...unknown, runId: "run" } }
  const address = { host: "localhost", port: 1 }
  const connected = { address, database: 0, username: "default", connection, introduction }
  const session = new NodeSession({} as RedisNode, connected, 1000, maxInFlight)
  return { session, state }
}

const get = RedisCommand.make("GET", ["a"])
const ignored = () => {}

describe("NodeSession", () => {
  it("knows who it is, and was heard of when it was opened", () => {
    const { session } = make()
    assert.deepStrictEqual([session.id, session.runId, session.openedAt, session.heardAt], [7, "run", 1000, 1000])
    session.hear(1500)
    assert.deepStrictEqual([session.replies, session.heardAt], [1, 1500])
  })

  it("is full when as many commands are in flight as it may carry", () => {
    const { session } = make(2)
    session.submit(get, ignored)
    assert.isFalse(session.isFull())
    session.submit(get, ignored)
    assert.isTrue(session.isFull())
  })

  it("says nothing against the server unless it was asked for something and never answered", () => {
    const { session } = make()
    assert.isTrue(session.isProven(), "it was sent nothing")
    session.submit(get, ignored)
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

  it("that follows another sends nothing before that has answered, and counts what both have in flight", () => {
    const [first, second, third] = [make(), make(), make()]
    first.session.submit(get, ignored)
    second.session.follow(first.session)
    second.session.submit(get, ignored)
    third.session.follow(second.session)
    third.session.submit(get, ignored)
    assert.deepStrictEqual([second.state.inFlight, second.session.inFlight()], [0, 2])
    assert.isFalse(second.session.isFull())
    second.session.submit(get, ignored)
    assert.isTrue(second.session.isFull())
    assert.strictEqual(third.session.inFlight(), 4)
    second.session.release()
    assert.deepStrictEqual([second.state.inFlight, second.session.inFlight()], [2, 2])
  })

  it("that is lost takes those with it that it follows", () => {
    const [first, second, third] = [make(), make(), make()]
    second.session.follow(first.session)
    third.session.follow(second.session)
    third.session.replaceBefore()
    assert.deepStrictEqual(
      [first, second, third].map(({ session }) => session.isReplaced),
      [true, true, false]
    )
  })
})
