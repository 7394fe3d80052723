import { Effect } from "effect"
import * as Contenders from "../Contenders.ts"
import * as Rounds from "../Rounds.ts"
import type { Scenario } from "../Scenario.ts"

const baseline = "effect-memory:ours"
const names = [baseline, "effect-memory:open"]

export const open: Scenario = {
  name: "open",
  title: "HybridCache while its circuit is open, against memory alone",
  run: ({ emit, server }) =>
    Effect.gen(function* () {
      const contenders = yield* Contenders.startAll(names, server)
      for (const child of contenders) yield* child.request("fill")
      yield* server.kill
      for (const child of contenders) if (child.name !== baseline) yield* child.request("isolate")
      for (const [operation, name] of [
        ["get", "circuit open, read from memory"],
        ["set", "circuit open, write"],
        ["get again", "circuit open, read of a deferred write"]
      ] as const) {
        const workload = { operation, size: "200 B", inFlight: 1 } as const
        yield* emit(yield* Rounds.measure({ name, workload, contenders, baseline, unit: "ns" }))
      }
    })
}
