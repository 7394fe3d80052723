import { Effect } from "effect"
import * as Contenders from "../Contenders.ts"
import * as Rounds from "../Rounds.ts"
import type { Scenario } from "../Scenario.ts"

const { caches, rawAutoPipelining } = Contenders

export const set: Scenario = {
  name: "set",
  title: "a write to Redis",
  run: ({ emit, server }) =>
    Effect.gen(function* () {
      const contenders = yield* Contenders.startAll(caches, server)
      for (const [size, inFlight] of [
        ["200 B", 256],
        ["2 KB", 256]
      ] as const) {
        const workload = { operation: "set", size, inFlight }
        yield* emit(yield* Rounds.measure({ workload, servers: [server], contenders, baseline: rawAutoPipelining }))
      }
    })
}
