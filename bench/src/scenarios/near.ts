import { Effect } from "effect"
import * as Contenders from "../Contenders.ts"
import * as Rounds from "../Rounds.ts"
import type { Scenario } from "../Scenario.ts"

const { bentocacheBus, cacheableBus, nodeRedisClientSideCache, oursNear, rawAutoPipelining } = Contenders
const names = [rawAutoPipelining, oursNear, bentocacheBus, cacheableBus, nodeRedisClientSideCache]

const workload = { operation: "get", size: "200 B", inFlight: 256, zipf: 10_000 } as const

/** How many entries answer how much, by Zipf's law and one write in a hundred. */
const rooms = [
  { maxEntries: 8000, share: 96 },
  { maxEntries: 3500, share: 84 }
]

export const near: Scenario = {
  name: "near",
  title:
    "reads that memory answers first, zipf over 10,000 keys, while another process writes one for each hundred of them",
  run: ({ emit, server }) =>
    Effect.forEach(
      rooms,
      ({ maxEntries, share }) =>
        Effect.gen(function* () {
          const { port, url } = server
          const contenders = yield* Contenders.startAll(names, { port, url, maxEntries })
          const others = yield* Contenders.startAll(names, { port, url, maxEntries })
          const writers = new Map(others.map((other) => [other.name, other]))
          const name = `near, ${share} % from memory`
          const options = { name, workload, servers: [server], contenders, writers, baseline: rawAutoPipelining }
          yield* emit(yield* Rounds.measure(options))
        }).pipe(Effect.scoped),
      { discard: true }
    )
}
