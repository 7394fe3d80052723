import { Effect } from "effect"
import * as Contenders from "../Contenders.ts"
import type { Row } from "../Result.ts"
import * as Rounds from "../Rounds.ts"
import type { Scenario } from "../Scenario.ts"

const { ours, raw, rawAutoPipelining } = Contenders

export const mixed: Scenario = {
  name: "mixed",
  title: "90 % reads, Zipf's keys, 64 in flight; one value in a hundred is 1 MB, or none is",
  run: ({ emit, server }) =>
    Effect.gen(function* () {
      const names = [rawAutoPipelining, raw, Contenders.nodeRedis, ours, "ours:fourConnections"]
      const contenders = yield* Contenders.startAll(names, server)
      for (const [operation, what] of [
        ["mixedSmall", "small values only"],
        ["mixed", "1 % of 1 MB"]
      ] as const) {
        const workload = { operation, size: "200 B", inFlight: 64 } as const
        const options = { workload, contenders, baseline: rawAutoPipelining, roundMillis: 300 }
        const cell = yield* Rounds.measure({ ...options, name: `mixed, ${what}` })
        const rows: Array<Row> = []
        for (const child of contenders) {
          const { p50, p99, reads } = yield* child.request<Latencies>("latencies")
          const row = cell.rows.find(({ contender }) => contender === child.name)
          if (row !== undefined) rows.push({ ...row, detail: { "small reads": reads, "p50 ms": p50, "p99 ms": p99 } })
        }
        yield* emit({ ...cell, rows })
      }
    })
}

interface Latencies {
  readonly reads: number
  readonly p50: number
  readonly p99: number
}
