import { assert, describe, it } from "@effect/vitest"
import { RedisCommand } from "effect-ioredis"
import { encode } from "../../packages/effect-ioredis/src/internal/encode.ts"

const rows: ReadonlyArray<readonly [args: ReadonlyArray<RedisCommand.Argument>, bytes: string]> = [
  [[], "*1\r\n$3\r\nGET\r\n"],
  [[""], "*2\r\n$3\r\nGET\r\n$0\r\n\r\n"],
  [["a\r\nb"], "*2\r\n$3\r\nGET\r\n$4\r\na\r\nb\r\n"],
  [["ö€"], "*2\r\n$3\r\nGET\r\n$5\r\nö€\r\n"],
  [[1.5, -2, 3n], "*4\r\n$3\r\nGET\r\n$3\r\n1.5\r\n$2\r\n-2\r\n$1\r\n3\r\n"],
  [[Buffer.from("ö")], "*2\r\n$3\r\nGET\r\n$2\r\nö\r\n"],
  [["a", Buffer.from("b"), "c", Buffer.alloc(0)], "*5\r\n$3\r\nGET\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$0\r\n\r\n"]
]

describe("encode", () => {
  for (const [args, bytes] of rows) {
    it(`writes ${JSON.stringify(bytes)}`, () => {
      const encoded = encode(RedisCommand.make("GET", args))
      assert.strictEqual(typeof encoded === "string" ? encoded : encoded.toString(), bytes)
    })
  }

  it("keeps bytes that are no text", () => {
    const bytes = Uint8Array.from([0, 255, 13, 10, 128])
    const encoded = encode(RedisCommand.make("GET", [bytes]))
    assert.deepStrictEqual(Buffer.from(encoded).subarray(-7, -2), Buffer.from(bytes))
  })
})
