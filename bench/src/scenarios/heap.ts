import { Effect } from "effect"
import * as Contenders from "../Contenders.ts"
import * as Figure from "../Figure.ts"
import type { Row } from "../Result.ts"
import type { Scenario } from "../Scenario.ts"

const { bentocache, cacheManager, cacheable, keyv, nodeRedis, ours, persistence, raw } = Contenders
const names = [
  ours,
  raw,
  "ioredis:failFast",
  nodeRedis,
  "node-redis:failFast",
  keyv,
  cacheManager,
  cacheable,
  bentocache,
  "bentocache:tuned",
  persistence
]
const megabyte = 1024 * 1024
const flood = { calls: 10_000, settleMillis: 5000 }

export const heap: Scenario = {
  name: "heap",
  title: "heap kept 5 s after 10,000 sets against a dead server, and after 10,000 more of the same keys",
  run: ({ emit, server }) =>
    Effect.gen(function* () {
      const contenders = yield* Contenders.startAll(names, server)
      // Code and buffers that a first use leaves behind are not what is asked about.
      for (const child of contenders) {
        yield* child.request("sequence", { operation: "set", key: "warm-", calls: 500, withinMillis: 5000 })
      }
      const mine = contenders.find(({ name }) => name === ours)
      yield* mine?.request("empty", {}) ?? Effect.void
      const before = yield* mine?.request<number>("heap", {}) ?? Effect.succeed(0)
      yield* server.kill
      // Together: they mostly wait. The second time nothing is new, neither to memory nor to a journal: what is added then is a leak.
      for (const name of ["heap kept after 10,000 sets", "heap added by the same 10,000 again"]) {
        const rows = yield* Effect.forEach(
          contenders,
          (child): Effect.Effect<Row, Error> =>
            Effect.map(child.request<{ readonly bytes: number }>("flood", flood), ({ bytes }) => ({
              contender: child.name,
              figure: Figure.make([bytes / megabyte])
            })),
          { concurrency: "unbounded" }
        )
        yield* emit({ name, unit: "MB", baseline: ours, rows })
      }
      // What memory and journal hold is gone when they are empty; what is still there is beyond it.
      yield* server.start
      yield* mine?.request("empty", {}) ?? Effect.void
      const after = yield* mine?.request<number>("heap", {}) ?? Effect.succeed(0)
      const figure = Figure.make([(after - before) / megabyte])
      yield* emit({
        name: "heap kept beyond memory and journal",
        unit: "MB",
        baseline: ours,
        rows: [{ contender: ours, figure }]
      })
    })
}
