import { Effect } from "effect"
import * as Child from "../Child.ts"
import * as Contenders from "../Contenders.ts"
import * as Figure from "../Figure.ts"
import type { Scenario } from "../Scenario.ts"
import * as Traffic from "../Traffic.ts"

const count = 1_000_000
/** Read again, to see that memory answers. */
const sample = { count: 10_000 }

const { oursNear } = Contenders

export const nearMemory: Scenario = {
  name: "near-memory",
  title: "what a process weighs that has a million keys of 200 B near",
  run: ({ emit, server }) =>
    Effect.gen(function* () {
      const environment = { port: server.port, url: server.url }
      const writer = yield* Child.start(oursNear, environment)
      yield* writer.request("store", { count })
      const reader = yield* Child.start(oursNear, { ...environment, maxEntries: count })
      // The first of them are near once the link is there.
      yield* reader.request("read", sample)
      yield* reader.request("read", { count })
      const before = yield* Traffic.of([server])
      yield* reader.request("read", sample)
      const after = yield* Traffic.of([server])
      const { now, peak } = yield* reader.request<{ readonly now: number; readonly peak: number }>("resident")
      const detail = { now, "from memory %": 100 * (1 - (after.hits - before.hits) / sample.count) }
      const rows = [{ contender: oursNear, figure: Figure.make([peak]), detail }]
      yield* emit({ name: "near region of 10^6 keys, resident at most", unit: "MB", baseline: oursNear, rows })
    }).pipe(Effect.timeout("4 minutes"))
}
