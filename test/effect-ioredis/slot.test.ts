import { assert, describe, it } from "@effect/vitest"
import { slotOf } from "../../packages/effect-ioredis/src/internal/slot.ts"

describe("slotOf", () => {
  it("is the CRC16 of the key", () => {
    assert.strictEqual(slotOf("123456789"), 12739)
    assert.strictEqual(slotOf("foo"), 12182)
    assert.strictEqual(slotOf(""), 0)
  })

  it("counts the hash tag alone", () => {
    assert.strictEqual(slotOf("{user1000}.following"), slotOf("{user1000}.followers"))
    assert.strictEqual(slotOf("{user1000}.following"), slotOf("user1000"))
    assert.strictEqual(slotOf("foo{bar}{zap}"), slotOf("bar"))
    assert.strictEqual(slotOf("foo{{bar}}zap"), slotOf("{bar"))
  })

  it("counts the whole key where the tag is empty or has no end", () => {
    // The figures are those of CLUSTER KEYSLOT.
    assert.strictEqual(slotOf("foo{}{bar}"), 8363)
    assert.strictEqual(slotOf("}foo{bar"), 7622)
  })

  it("is the same for text and for its bytes, whatever was asked before", () => {
    const letters = ["a", "{", "}", "é", "✓", "𝒳", "9"]
    for (let n = 0; n < 2000; n++) {
      const key = Array.from({ length: n % 9 }, (_, index) => letters[(n * 31 + index * index * 7 + n) % 7]).join("")
      assert.strictEqual(slotOf(key), slotOf(new TextEncoder().encode(key)), key)
    }
  })

  it("counts text as its UTF-8", () => {
    assert.strictEqual(slotOf("clé-✓"), slotOf(new TextEncoder().encode("clé-✓")))
  })
})
