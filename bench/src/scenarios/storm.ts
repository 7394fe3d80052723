import { Effect } from "effect"
import * as Child from "../Child.ts"
import * as Contenders from "../Contenders.ts"
import * as Figure from "../Figure.ts"
import type { Answered } from "../NearTasks.ts"
import type { Scenario } from "../Scenario.ts"

const count = 10_000
const millis = 5000
const perSecond = 100_000
const { oursNear } = Contenders

export const storm: Scenario = {
  name: "storm",
  title: `near reads, 64 in flight, while ${perSecond.toLocaleString("en")} of the region's keys are written each second`,
  run: ({ emit, server: { port, url } }) =>
    Effect.gen(function* () {
      const reader = yield* Child.start(oursNear, { port, url, maxEntries: count })
      const writer = yield* Child.start("overwrite", { port, url })
      yield* reader.request("store", { count })
      yield* reader.request("read", { count })
      const reads = { count, millis, inFlight: 64 }
      const overwrite = { prefix: "ours-near:", perSecond, millis }
      for (const [name, written] of [
        ["no storm", undefined],
        ["storm", writer.request<number>("overwrite", overwrite)]
      ] as const) {
        const [answered, rate] = yield* Effect.all(
          [reader.request<Answered>("answer", reads), written ?? Effect.succeed(0)],
          { concurrency: 2 }
        )
        const { longest, told, ...others } = answered
        const detail = { ...others, "written/s": rate, "told/s": told / (millis / 1000) }
        const rows = [{ contender: oursNear, figure: Figure.make([longest]), detail }]
        yield* emit({ name: `${name}, the longest read`, unit: "ms", baseline: "none", rows })
      }
    })
}
