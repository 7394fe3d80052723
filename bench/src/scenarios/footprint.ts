import { Effect } from "effect"
import * as Child from "../Child.ts"
import * as Figure from "../Figure.ts"
import type { Row } from "../Result.ts"
import type { Scenario } from "../Scenario.ts"

const stores = ["map", "lru-cache", "effect-cache", "ours", "cache-manager", "keyv", "cacheable", "bentocache"]
const keys = 1_000_000
const regions = 1000

export const footprint: Scenario = {
  name: "footprint",
  title: "what a million keys in memory, and a thousand regions, cost beside their values",
  run: ({ emit, server: { port, url } }) =>
    Effect.gen(function* () {
      const once = (name: string, task: string, count: number): Effect.Effect<Row, Error> =>
        Effect.gen(function* () {
          const child = yield* Child.start(name, { port, url }, { nodeOptions: ["--max-old-space-size=4096"] })
          const bytes = yield* child.request<number>(task, { count })
          return { contender: name, figure: Figure.make([bytes]) }
        }).pipe(Effect.scoped)
      // One process at a time, to spare the machine's memory. What is counted does not vary, so once is enough.
      const rows: Array<Row> = []
      for (const store of stores) rows.push(yield* once(`footprint:${store}`, "keys", keys))
      yield* emit({ name: "bytes per entry of 10^6", unit: "bytes", baseline: "footprint:map", rows })
      const region = yield* once("footprint:ours", "regions", regions)
      yield* emit({ name: `bytes per region of ${regions}`, unit: "bytes", baseline: "footprint:ours", rows: [region] })
    })
}
