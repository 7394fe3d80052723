import { Effect } from "effect"
import * as Contenders from "../Contenders.ts"
import * as Rounds from "../Rounds.ts"
import type { Scenario } from "../Scenario.ts"

const baseline = "breaker:ours"
const names = ["no-breaker-effect", "no-breaker-promise", "ours", "effect", "cockatiel", "opossum"].map(
  (name) => `breaker:${name}`
)

export const breaker: Scenario = {
  name: "breaker",
  title: "a circuit breaker around something that answers at once",
  run: ({ emit, server }) =>
    Effect.gen(function* () {
      const contenders = yield* Contenders.startAll(names, server)
      for (const operation of ["closed", "refusing"]) {
        const workload = { operation, size: "200 B", inFlight: 1 } as const
        yield* emit(yield* Rounds.measure({ name: `breaker ${operation}`, workload, contenders, baseline, unit: "ns" }))
      }
    })
}
