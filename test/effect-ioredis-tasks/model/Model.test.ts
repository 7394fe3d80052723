import { assert, describe, it } from "@effect/vitest"
import * as History from "./History.ts"
import { variants } from "./Variants.ts"

// How to repeat a seed that fails is said in `History.ts`.
const histories = Number(process.env.TASK_HISTORIES ?? (process.env.NIGHT === undefined ? 2_000 : 10_000))
const firstSeed = Number(process.env.TASK_SEED ?? 1)

// Computing takes as long as the machine has other things to do.
describe("The model of a queue", { timeout: 300_000 }, () => {
  it(`${histories} random histories lose nothing and settle nothing twice`, () => {
    for (let seed = firstSeed; seed < firstSeed + histories; seed++) {
      const violation = History.run(seed)
      if (violation !== undefined) assert.fail(violation)
    }
  })

  for (const [name, { finds, seam }] of Object.entries(variants)) {
    it(`finds what is wrong: ${name}`, () => {
      for (let seed = 1; seed <= 2_000; seed++) {
        if (History.run(seed, seam)?.match(finds) != null) return
      }
      assert.fail("no history has found it")
    })
  }
})
