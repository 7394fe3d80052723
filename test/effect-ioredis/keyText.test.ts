import { assert, describe, it } from "vitest"
import type { RedisCommand } from "effect-ioredis"
import { keyText } from "../../packages/effect-ioredis/src/internal/keyText.ts"

describe("keyText", () => {
  const rows: ReadonlyArray<readonly [what: string, key: RedisCommand.Argument, text: string]> = [
    ["a text is itself", "user:7", "user:7"],
    ["a number is its digits", 7, "7"],
    ["bytes have a character each", Uint8Array.of(0x61, 0xff, 0), "a\u00ff\u0000"],
    ["bytes of a larger buffer are those that are shown", Buffer.from("xuser:7x").subarray(1, 7), "user:7"]
  ]
  for (const [what, key, text] of rows) it(what, () => assert.strictEqual(keyText(key), text))

  it("bytes that differ have texts that differ, though no text of UTF-8 could tell them apart", () => {
    const texts = Array.from({ length: 256 }, (_, byte) => keyText(Uint8Array.of(byte)))
    assert.strictEqual(new Set(texts).size, 256)
  })
})
