import { assert, describe, it } from "@effect/vitest"
import { slotOf } from "../../../packages/effect-ioredis/src/internal/topology/slot.ts"

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

  it("counts text as its UTF-8", () => {
    assert.strictEqual(slotOf("clé-✓"), slotOf(new TextEncoder().encode("clé-✓")))
  })
})
