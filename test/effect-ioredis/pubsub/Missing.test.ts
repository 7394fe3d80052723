import { assert, describe, it } from "@effect/vitest"
import { DateTime } from "effect"
import type { RedisPubSub } from "effect-ioredis"
import { unreported } from "./Missing.ts"

const published = [0, 1, 2, 3, 4].map((n) => ({ payload: String(n), from: n * 10, to: n * 10 + 1 }))

const message = (n: number): RedisPubSub.Message => ({
  _tag: "Message",
  channel: "c",
  pattern: undefined,
  payload: String(n)
})

const gap = (since: number, until: number): RedisPubSub.Gap => ({
  _tag: "Gap",
  reason: "Reconnected",
  since: DateTime.makeUnsafe(since),
  until: DateTime.makeUnsafe(until),
  missed: undefined
})

describe("The checker of subscriptions", () => {
  it("takes what lies in a gap, and a gap in which nothing is missing", () => {
    assert.deepStrictEqual(unreported(published, [0, 1, 2, 3, 4].map(message)), [])
    assert.deepStrictEqual(unreported(published, [message(0), gap(5, 25), message(3), gap(31, 35), message(4)]), [])
    assert.deepStrictEqual(unreported(published, [message(0), message(1), gap(12, 45)]), [])
  })

  it("finds what is missing without a gap, and what lies outside of it", () => {
    assert.deepStrictEqual(unreported(published, [message(0), message(2), message(3), message(4)]), ["1 is missing"])
    assert.deepStrictEqual(unreported(published, [message(0), gap(5, 15), message(3), message(4)]), ["2 is missing"])
    assert.deepStrictEqual(unreported(published, [message(0), message(1), gap(0, 100), message(2), message(4)]), [
      "3 is missing"
    ])
    assert.deepStrictEqual(unreported(published, [0, 1, 2, 3].map(message)), ["4 is missing"])
  })

  it("finds what comes twice or too late", () => {
    assert.deepStrictEqual(unreported(published, [0, 1, 1, 2, 3, 4].map(message)), ["1 came out of its order"])
  })
})
