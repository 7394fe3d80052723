import { Effect } from "effect"
import * as Contenders from "../Contenders.ts"
import * as Rounds from "../Rounds.ts"
import type { Scenario } from "../Scenario.ts"
import * as Workload from "../Workload.ts"

const { ours, raw, rawAutoPipelining } = Contenders

/** More than this under way at once measures the allocator and the kernel's buffers. */
const mostBytes = (operation: string) => (operation === "getMany" ? 16 : 64) * 1024 * 1024
const bytes: Record<Workload.Size, number> = { "200 B": 200, "2 KB": 2048, "64 KB": 65_536 }

export const grid: Scenario = {
  name: "grid",
  title: "every operation, at every concurrency and size, in short rounds",
  run: ({ emit, server }) =>
    Effect.gen(function* () {
      const contenders = yield* Contenders.startAll([rawAutoPipelining, raw, ours], server)
      for (const operation of ["get", "miss", "set", "getOrSet", "getMany"]) {
        for (const size of operation === "miss" ? (["200 B"] as const) : Workload.sizes) {
          for (const inFlight of [1, 16, 64, 256, 1024]) {
            const values = operation === "getMany" ? inFlight * Workload.batch : inFlight
            if (values * bytes[size] > mostBytes(operation)) continue
            const workload = { operation, size, inFlight }
            const name = `grid: ${Workload.name(workload)}`
            yield* emit(
              yield* Rounds.measure({
                name,
                workload,
                servers: [server],
                contenders,
                baseline: rawAutoPipelining,
                roundMillis: 50
              })
            )
          }
        }
      }
    })
}
