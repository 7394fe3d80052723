import { Effect } from "effect"
import * as Contenders from "../Contenders.ts"
import * as Rounds from "../Rounds.ts"
import type { Scenario } from "../Scenario.ts"

const baseline = "effect-memory:effect"
const names = [
  baseline,
  "effect-memory:ours",
  "memory:map",
  "memory:lru-cache",
  "memory:cache-manager",
  "memory:keyv",
  "memory:bentocache",
  "memory:cacheable"
]

export const memory: Scenario = {
  name: "memory",
  title: "a hit in the memory of this process",
  run: ({ emit, server }) =>
    Effect.gen(function* () {
      const contenders = yield* Contenders.startAll(names, server)
      for (const child of contenders) if (child.name.startsWith("effect-")) yield* child.request("fill")
      const workload = { operation: "get", size: "200 B", inFlight: 1 } as const
      yield* emit(yield* Rounds.measure({ name: "memory hit", workload, contenders, baseline, unit: "ns" }))
    })
}
