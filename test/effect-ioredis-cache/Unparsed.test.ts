import { assert, describe, it } from "@effect/vitest"
import { unparsed } from "../../packages/effect-ioredis-cache/src/internal/Unparsed.ts"
import { withTags } from "../../packages/effect-ioredis-cache/src/internal/tags/Tagged.ts"
import { unwrap } from "../../packages/effect-ioredis-cache/src/internal/Wrapped.ts"

describe("unparsed", () => {
  it("is parsed once, when it is read first", () => {
    const kept = unparsed<{ readonly id: string }>('{"id":"a"}')
    const read = unwrap(kept)
    assert.deepStrictEqual(read, { id: "a" })
    assert.strictEqual(unwrap(kept), read)
  })

  it.each(["null", "0", '""', "false"])("may be %s", (json) => {
    const kept = unparsed(json)
    assert.strictEqual(unwrap(kept), JSON.parse(json))
    assert.strictEqual(unwrap(kept), JSON.parse(json))
  })

  it("may have tags", () => {
    assert.strictEqual(unwrap(withTags(unparsed<string>('"a"'), [])), "a")
  })
})
