import { assert, describe, it } from "@effect/vitest"
import { work } from "../../packages/effect-ioredis-tasks/src/internal/scripts/work.ts"
import * as Variant from "./Variant.ts"

describe("the workers that are broken on purpose", () => {
  it("break something that stands once in the script of workers", () => {
    for (const { expects, from, name } of Variant.all) {
      if (expects === "some") assert.strictEqual(work.lua.split(from).length, 2, name)
    }
  })
})
