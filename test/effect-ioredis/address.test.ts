import { assert, describe, it } from "@effect/vitest"
import { addressText, translate } from "../../packages/effect-ioredis/src/internal/address.ts"

describe("addressText", () => {
  it("keeps the colons of IPv6 apart from that of the port", () => {
    assert.strictEqual(addressText({ host: "redis.example", port: 6379 }), "redis.example:6379")
    assert.strictEqual(addressText({ host: "::1", port: 6379 }), "[::1]:6379")
  })
})

describe("translate", () => {
  const mappings = [{ from: { host: "inner", port: 1 }, to: { host: "outer", port: 2 } }]

  it("changes an address that is mapped, and no other", () => {
    assert.deepStrictEqual(translate(mappings, { host: "inner", port: 1 }), { host: "outer", port: 2 })
    assert.deepStrictEqual(translate(mappings, { host: "inner", port: 3 }), { host: "inner", port: 3 })
    assert.deepStrictEqual(translate(undefined, { host: "inner", port: 1 }), { host: "inner", port: 1 })
  })
})
