import { assert, describe, it } from "@effect/vitest"
import { RedisCommand } from "effect-ioredis"
import type { DriverReply } from "../../packages/effect-ioredis/src/internal/DriverReply.ts"
import * as Subscriptions from "../../packages/effect-ioredis/src/internal/Subscriptions.ts"

// What comes from a server on one connection after the other: text, `nil`, a number as a string of digits, or the parts
// of an array; and what it is, where this command is to be answered next.
type Line = readonly [next: string, reply: string | ReadonlyArray<string>, meaning: Subscriptions.Meaning]

const conversations: Readonly<Record<string, ReadonlyArray<Line>>> = {
  "not subscribed: what looks like a push is a reply, or nonsense": [
    ["LRANGE l 0 -1", ["message", "a", "b"], "Answer"],
    ["GET a", "OK", "Answer"],
    ["", ["message", "a", "b"], "Nonsense"],
    ["", "OK", "Nonsense"],
    ["", "nil", "Nonsense"],
    ["SUBSCRIBE a", ["message", "a", "b"], "Nonsense"]
  ],
  "one answer for each channel, and pushes between them": [
    ["SUBSCRIBE a b a", ["subscribe", "a", "1"], "Part"],
    ["SUBSCRIBE a b a", ["message", "a", "x"], "Push"],
    ["SUBSCRIBE a b a", ["subscribe", "b", "2"], "Part"],
    ["SUBSCRIBE a b a", ["subscribe", "a", "2"], "Answer"],
    ["", ["message", "a", "x"], "Push"],
    ["PING", ["pong", ""], "Answer"],
    ["PSUBSCRIBE p", ["psubscribe", "p", "3"], "Answer"],
    ["", ["pmessage", "p", "a", "x"], "Push"],
    ["SSUBSCRIBE s", ["ssubscribe", "s", "1"], "Answer"],
    ["", ["smessage", "s", "x"], "Push"]
  ],
  "what no server says": [
    ["SUBSCRIBE a", ["subscribe", "b", "1"], "Nonsense"],
    ["SUBSCRIBE a", ["psubscribe", "a", "1"], "Nonsense"],
    ["SUBSCRIBE a", "OK", "Nonsense"],
    ["SUBSCRIBE a", "nil", "Nonsense"],
    ["SUBSCRIBE a", ["subscribe", "a", "1"], "Answer"],
    ["", ["message", "a"], "Nonsense"],
    ["", ["pmessage", "a", "b"], "Nonsense"],
    ["", ["subscribe", "a", "1"], "Nonsense"],
    ["", [], "Nonsense"],
    ["", "nil", "Nonsense"]
  ],
  "when the last subscription has ended, nothing is a push": [
    ["SUBSCRIBE a b", ["subscribe", "a", "1"], "Part"],
    ["SUBSCRIBE a b", ["subscribe", "b", "2"], "Answer"],
    ["PSUBSCRIBE p", ["psubscribe", "p", "3"], "Answer"],
    ["UNSUBSCRIBE a none", ["unsubscribe", "a", "2"], "Part"],
    ["UNSUBSCRIBE a none", ["unsubscribe", "none", "2"], "Answer"],
    ["PING", ["message", "b", "x"], "Push"],
    ["UNSUBSCRIBE", ["unsubscribe", "b", "1"], "Answer"],
    ["PING", ["pmessage", "p", "b", "x"], "Push"],
    ["PUNSUBSCRIBE", ["punsubscribe", "p", "0"], "Answer"],
    ["LRANGE l 0 -1", ["message", "b", "x"], "Answer"]
  ],
  "everything ends at once, in whatever order": [
    ["SUBSCRIBE a b", ["subscribe", "a", "1"], "Part"],
    ["SUBSCRIBE a b", ["subscribe", "b", "2"], "Answer"],
    ["UNSUBSCRIBE", ["unsubscribe", "b", "1"], "Part"],
    ["UNSUBSCRIBE", ["unsubscribe", "a", "0"], "Answer"],
    ["UNSUBSCRIBE", ["unsubscribe", "nil", "0"], "Answer"]
  ],
  "RESET ends everything": [
    ["SUBSCRIBE a", ["subscribe", "a", "1"], "Answer"],
    ["RESET", "RESET", "Answer"],
    ["LRANGE l 0 -1", ["message", "a", "x"], "Answer"]
  ],
  "a shard channel that ends by itself": [
    ["SSUBSCRIBE s t", ["ssubscribe", "s", "1"], "Part"],
    ["SSUBSCRIBE s t", ["ssubscribe", "t", "2"], "Answer"],
    ["PING", ["sunsubscribe", "s", "1"], "Push"],
    ["SUNSUBSCRIBE t", ["sunsubscribe", "t", "0"], "Answer"],
    ["", ["sunsubscribe", "t", "0"], "Nonsense"],
    ["LRANGE l 0 -1", ["smessage", "t", "x"], "Answer"]
  ],
  "a channel ends by itself while another one is ended": [
    ["SSUBSCRIBE s t", ["ssubscribe", "s", "1"], "Part"],
    ["SSUBSCRIBE s t", ["ssubscribe", "t", "2"], "Answer"],
    ["SUNSUBSCRIBE s", ["sunsubscribe", "t", "1"], "Push"],
    ["SUNSUBSCRIBE s", ["sunsubscribe", "s", "0"], "Answer"]
  ]
}

describe("Subscriptions", () => {
  for (const [title, lines] of Object.entries(conversations)) {
    it(title, () => {
      const subscriptions = new Subscriptions.Subscriptions()
      for (const [next, reply, meaning] of lines) {
        const [name = "", ...args] = next.split(" ")
        const command = next === "" ? undefined : RedisCommand.make(name, args)
        assert.strictEqual(subscriptions.take(replyOf(reply), command), meaning, `${next}: ${reply}`)
      }
    })
  }

  it("forgets what a command was answered that failed then", () => {
    const subscriptions = new Subscriptions.Subscriptions()
    const command = RedisCommand.make("SUBSCRIBE", ["a", "b"])
    assert.strictEqual(subscriptions.take(replyOf(["subscribe", "a", "1"]), command), "Part")
    subscriptions.fail()
    assert.strictEqual(subscriptions.take(replyOf(["subscribe", "a", "1"]), command), "Part")
    assert.strictEqual(subscriptions.take(replyOf(["subscribe", "b", "2"]), command), "Answer")
  })

  it("compares channels byte by byte, whatever they were given as", () => {
    const subscriptions = new Subscriptions.Subscriptions()
    const names = ["é", Uint8Array.of(195, 40), 42, 43n]
    const command = RedisCommand.make("SUBSCRIBE", names)
    const meanings = names.map((name) =>
      subscriptions.take(
        [Buffer.from("subscribe"), name instanceof Uint8Array ? Buffer.from(name) : Buffer.from(String(name)), "1"],
        command
      )
    )
    assert.deepStrictEqual(meanings, ["Part", "Part", "Part", "Answer"])
  })

  it("shows kinds and channels as text and the payload as bytes, keys too", () => {
    const bytes = Buffer.from([195, 40])
    assert.deepStrictEqual(Subscriptions.pushOf([Buffer.from("message"), Buffer.from("é"), bytes]), [
      "message",
      "é",
      bytes
    ])
    assert.deepStrictEqual(Subscriptions.pushOf([Buffer.from("message"), Buffer.from("a"), [bytes]]), [
      "message",
      "a",
      [bytes]
    ])
    assert.deepStrictEqual(Subscriptions.pushOf([Buffer.from("message"), Buffer.from("a"), null]), [
      "message",
      "a",
      null
    ])
  })
})

const replyOf = (reply: string | ReadonlyArray<string>): DriverReply => {
  if (typeof reply !== "string") return reply.map(replyOf)
  if (reply === "nil") return null
  return /^[0-9]+$/.test(reply) ? reply : Buffer.from(reply)
}
