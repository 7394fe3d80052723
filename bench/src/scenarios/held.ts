import { Effect } from "effect"
import * as Contenders from "../Contenders.ts"
import * as Rounds from "../Rounds.ts"
import type { Scenario } from "../Scenario.ts"

const { bentocacheRedisOnly, cacheableRedisOnly, ours, raw, rawAutoPipelining } = Contenders
const names = [rawAutoPipelining, raw, ours, bentocacheRedisOnly, cacheableRedisOnly]

export const held: Scenario = {
  name: "held",
  title: "a read that asks Redis first, zipf over 400 keys, all of which memory holds",
  run: ({ emit, server }) =>
    Effect.gen(function* () {
      const contenders = yield* Contenders.startAll(names, server)
      for (const [size, inFlight] of [
        ["2 KB", 256],
        ["64 KB", 64]
      ] as const) {
        const workload = { operation: "get", size, inFlight, zipf: 400 } as const
        const name = `Redis first, held by memory, ${size}`
        const options = { name, workload, servers: [server], contenders, baseline: rawAutoPipelining }
        yield* emit(yield* Rounds.measure(options))
      }
    })
}
