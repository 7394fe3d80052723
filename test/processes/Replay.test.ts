import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { isKept, type Options, play } from "../replay/play.ts"

// A look at what `pnpm test:replay` does at length.
const short: ReadonlyArray<Omit<Options, "keys">> = [
  { outage: "Frozen", mode: "ifUnchanged", apart: true },
  { outage: "Frozen", mode: "latest" },
  { outage: "Durable", mode: "ifUnchanged" },
  { outage: "Empty", mode: "latest" }
]

describe("replay, a short table", { timeout: 60_000, concurrent: true }, () => {
  for (const options of short) {
    it.live(`${options.outage}, ${options.mode}: what Redis holds two seconds later is what is allowed`, () =>
      Effect.gen(function* () {
        const { cells } = yield* play({ ...options, keys: 10 })
        assert.isAbove(cells.length, 30)
        assert.deepStrictEqual(
          cells
            .filter((cell) => !isKept(cell))
            .map(({ allowed, found, readOtherwise, row }) => ({
              row: row.name,
              allowed,
              found: Object.fromEntries(found),
              readOtherwise
            })),
          []
        )
      }).pipe(Effect.provide(NodeServices.layer))
    )
  }
})
