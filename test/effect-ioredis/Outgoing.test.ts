import type { Redis } from "ioredis"
import type { Socket } from "node:net"
import { assert, describe, it } from "vitest"
import { Outgoing } from "../../packages/effect-ioredis/src/internal/Outgoing.ts"

/** A socket that says what it was asked for, in order. */
const make = () => {
  const calls: Array<string> = []
  const state = { writable: true }
  // It asks nothing else of its socket, and hands on the driver as it is.
  const socket = {
    get writable() {
      return state.writable
    },
    cork: () => calls.push("cork"),
    uncork: () => calls.push("uncork"),
    write: (data: string | Buffer) => {
      const text = data.toString()
      calls.push(text.length > 20 ? String(text.length) : text)
    }
  } as unknown as Socket
  const redis = {} as Redis
  return { calls, state, redis, outgoing: new Outgoing(redis, socket) }
}

const tick = () => new Promise<void>((resolve) => process.nextTick(resolve))

describe("Outgoing", () => {
  it("stands where the driver has a pipeline of its own", () => {
    const { outgoing, redis } = make()
    assert.isTrue(outgoing.isPipeline)
    assert.strictEqual(outgoing.destination.redis, redis)
  })

  it("joins the texts of one tick, which leave with its end", async () => {
    const { calls, outgoing } = make()
    for (const text of ["GET a", "GET b"]) {
      outgoing.expect(2)
      outgoing.write(text)
    }
    assert.deepStrictEqual(calls, ["cork"])
    await tick()
    assert.deepStrictEqual(calls, ["cork", "GET aGET b", "uncork"])
    outgoing.expect(2)
    outgoing.write("GET c")
    await tick()
    assert.deepStrictEqual(calls.slice(3), ["cork", "GET c", "uncork"])
  })

  it("writes bytes, and what is long, by themselves and in their turn", async () => {
    const { calls, outgoing } = make()
    const long = "x".repeat(2 ** 16)
    outgoing.expect(3)
    for (const part of ["SET a ", Buffer.from("bytes"), " SET b ", long, " end"]) outgoing.write(part)
    await tick()
    assert.deepStrictEqual(calls, ["cork", "SET a ", "bytes", " SET b ", String(long.length), " end", "uncork"])
  })

  it("lets 256 arguments leave before the tick ends", async () => {
    const { calls, outgoing } = make()
    for (const count of [200, 55, 1, 1]) {
      outgoing.expect(count)
      outgoing.write(`${count} `)
    }
    assert.deepStrictEqual(calls, ["cork", "200 55 ", "uncork", "cork"])
    await tick()
    assert.deepStrictEqual(calls.slice(4), ["1 1 ", "uncork"])
  })

  it("writes no text to a socket that has ended meanwhile", async () => {
    const { calls, outgoing, state } = make()
    outgoing.expect(1)
    outgoing.write("PING")
    state.writable = false
    await tick()
    assert.deepStrictEqual(calls, ["cork", "uncork"])
  })
})
