import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Generate from "./model/Generate.ts"
import * as Search from "./model/Search.ts"
import { variants } from "./model/Variants.ts"

// The same every time: new ones are for `pnpm test:model`.
const seed = 1

const failures = (options: Omit<Search.Options, "seed"> & { readonly seed?: number }) =>
  Effect.runPromise(Search.search({ seed, ...options }))

// The searches compute and wait for nothing, so a busy machine makes them slow and nothing else.
const cpuBound = { timeout: 180_000 }

describe("The model", cpuBound, () => {
  for (const [what, runs, troubles] of [
    ["that nothing befalls", 50, []],
    ["with faults of every kind", 250, Generate.allTroubles]
  ] as const) {
    it(`${runs} histories ${what} break no promise`, async () => {
      const [failure] = await failures({ runs, troubles })
      if (failure !== undefined) assert.fail(Search.report(failure))
    })
  }

  // Found by `pnpm test:model`: each broke a promise once.
  for (const [what, seed] of [["a set on one connection of a pool, and a clear on the other", 271_750_626]] as const) {
    it(what, async () => {
      const [failure] = await failures({ seed, runs: 1, troubles: Generate.allTroubles })
      if (failure !== undefined) assert.fail(Search.report(failure))
    })
  }
})

describe("The model bites", cpuBound, () => {
  for (const [name, { breaks, seams, troubles }] of Object.entries(variants)) {
    it(`${name}: ${breaks}`, async () => {
      const [failure] = await failures({ runs: 400, troubles, seams, rule: breaks, shrinks: false })
      assert.isDefined(failure, "400 histories did not notice")
    })
  }
})
