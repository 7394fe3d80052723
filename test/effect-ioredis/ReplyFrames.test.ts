import { assert, describe, it } from "@effect/vitest"
import { ReplyFrames } from "../../packages/effect-ioredis/src/internal/ReplyFrames.ts"

const unasked = "Redis sent a reply that nobody asked for"
const malformed = "Redis sent something that is not RESP2"
const tooLarge = "Redis sent a reply of more than 1000 bytes"

/** How many bytes pass where so many replies are expected, and why no more do. */
type Row = readonly [what: string, stream: string, expected: number, passes: number, fault: string | undefined]

const whole = (what: string, stream: string, replies: number): Row => [what, stream, replies, stream.length, undefined]

const rows: ReadonlyArray<Row> = [
  whole("a text", "+OK\r\n", 1),
  whole("an error", "-ERR no\r\n", 1),
  whole("numbers", ":0\r\n:-12\r\n:+7\r\n:18446744073709551615\r\n", 4),
  whole("bytes, with an end of line in them", "$4\r\n\r\n\r\n\r\n", 1),
  whole("no bytes, and nil", "$0\r\n\r\n$-1\r\n*-1\r\n", 3),
  whole("arrays, of nothing and of arrays", "*0\r\n*2\r\n*1\r\n:1\r\n$1\r\na\r\n", 2),
  whole("a part of a reply", "*2\r\n$5\r\nab", 1),
  ["a reply too many", "+OK\r\n+OK\r\n", 1, 5, unasked],
  ["a nil that nobody asked for", "$-1\r\n", 0, 0, unasked],
  ["a push of RESP3", "+OK\r\n>1\r\n:1\r\n", 2, 5, malformed],
  ["a length that is none", "$5x\r\nhello\r\n", 1, 0, malformed],
  ["no length", "$\r\n", 1, 0, malformed],
  ["a nil of another length", "$-2\r\n", 1, 0, malformed],
  ["a sign within a number", ":1-2\r\n", 1, 0, malformed],
  ["two signs", ":--1\r\n", 1, 0, malformed],
  ["a length with a plus", "$+1\r\na\r\n", 1, 0, malformed],
  ["a number of more than 20 digits", `:${"1".repeat(21)}\r\n`, 1, 0, malformed],
  ["bytes that are longer than they say", "$1\r\nab\r\n", 1, 0, malformed],
  ["a line that ends without a line feed", "+OK\rx", 1, 0, malformed],
  ["an announcement of too many bytes", "+OK\r\n$1001\r\n", 2, 5, tooLarge],
  ["an announcement of too many items", "*63\r\n", 1, 0, tooLarge],
  ["a text without an end", `+${"x".repeat(1001)}`, 1, 0, tooLarge],
  ["too many bytes in one array together", `*2\r\n$600\r\n${"x".repeat(600)}\r\n$400\r\n`, 1, 0, tooLarge]
]

describe("ReplyFrames", () => {
  for (const [what, stream, expected, passes, fault] of rows) {
    it(`${fault === undefined ? "lets pass" : "stops at"} ${what}`, () => {
      const frames = new ReplyFrames(1000)
      assert.deepStrictEqual([frames.accept(Buffer.from(stream), expected), frames.fault], [passes, fault])
      // Once something is wrong nothing passes any more.
      if (fault !== undefined) assert.strictEqual(frames.accept(Buffer.from("+OK\r\n"), 100), 0)
    })
  }

  it("finds the same where the bytes come one by one", () => {
    for (const [what, stream, expected, , fault] of rows) {
      const frames = new ReplyFrames(1000)
      for (let at = 0; at < stream.length; at++) {
        frames.accept(Buffer.from(stream.slice(at, at + 1)), expected)
      }
      assert.strictEqual(frames.fault, fault, what)
    }
  })

  it("limits how deep arrays nest", () => {
    const deepest = new ReplyFrames(1_000_000)
    deepest.accept(Buffer.from("*1\r\n".repeat(512)), 1)
    assert.isUndefined(deepest.fault)
    deepest.accept(Buffer.from("*1\r\n"), 1)
    assert.strictEqual(deepest.fault, malformed)
  })

  it("counts the bytes of each reply anew", () => {
    const frames = new ReplyFrames(1000)
    const reply = Buffer.from(`$900\r\n${"x".repeat(900)}\r\n`)
    for (let n = 1; n <= 10; n++) assert.strictEqual(frames.accept(reply, n), reply.length)
  })
})
