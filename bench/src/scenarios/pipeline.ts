import { Effect } from "effect"
import * as Contenders from "../Contenders.ts"
import * as Rounds from "../Rounds.ts"
import type { Scenario } from "../Scenario.ts"
import { batch } from "../Workload.ts"

const { pipelineDriver, pipelineTyped } = Contenders

export const pipeline: Scenario = {
  name: "pipeline",
  title: "pipelines of typed commands",
  run: ({ emit, server }) =>
    Effect.gen(function* () {
      const contenders = yield* Contenders.startAll([pipelineDriver, pipelineTyped], server)
      for (const inFlight of [16, 1]) {
        const workload = { operation: "getMany", size: "200 B", inFlight } as const
        const name = `pipeline of ${batch} reads, 200 B, ${inFlight} in flight`
        yield* emit(yield* Rounds.measure({ name, workload, servers: [server], contenders, baseline: pipelineDriver }))
      }
    })
}
