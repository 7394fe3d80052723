import { Effect } from "effect"
import * as Contenders from "../Contenders.ts"
import * as Rounds from "../Rounds.ts"
import type { Scenario } from "../Scenario.ts"

export const tracing: Scenario = {
  name: "tracing",
  title: "the same read with a tracer installed, and without one",
  run: ({ emit, server }) =>
    Effect.gen(function* () {
      const contenders = yield* Contenders.startAll([Contenders.ours, "ours:tracing"], server)
      for (const inFlight of [256, 1]) {
        const workload = { operation: "get", size: "200 B", inFlight } as const
        const name = `tracing: ${inFlight} in flight`
        yield* emit(yield* Rounds.measure({ name, workload, servers: [server], contenders, baseline: Contenders.ours }))
      }
    })
}
