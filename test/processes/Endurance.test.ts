import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Endurance from "../endurance/Endurance.ts"

// `pnpm test:endurance` does more of it, and looks at the heap.
describe("slots that move, a node that comes and goes, six failovers", { timeout: 90_000 }, () => {
  it.live("leave no socket, no timer, and nothing of a node that has gone", () =>
    Effect.gen(function* () {
      const kept = yield* Endurance.play({ rounds: 1, movingSeconds: 1, kills: false })
      assert.deepStrictEqual(kept, [])
    })
  )
})
