import { Effect } from "effect"
import * as Child from "../Child.ts"
import * as Contenders from "../Contenders.ts"
import * as Figure from "../Figure.ts"
import type { Scenario } from "../Scenario.ts"
import * as Settings from "../Settings.ts"

// Node alone, which answers from a Map.
const baseline = "memory:map"
const { bentocache, cacheManager, cacheable, keyv, nodeRedis, ours, oursNoJit, persistence, raw } = Contenders
const names = [baseline, raw, ours, oursNoJit, nodeRedis, keyv, cacheManager, cacheable, bentocache, persistence]

export const coldStart: Scenario = {
  name: "cold-start",
  title: "from the start of the process to the first answer from Redis",
  run: ({ emit, server: { port, url } }) =>
    Effect.gen(function* () {
      const figures = new Map(names.map((name) => [name, [] as Array<number>]))
      const startOnce = (name: string) =>
        Effect.gen(function* () {
          const start = performance.now()
          const child = yield* Child.start(name, { port, url })
          yield* child.request("call", { operation: "get", key: "job-1" })
          return performance.now() - start
        }).pipe(Effect.scoped)
      // The first round fills the file cache.
      for (let round = -1; round < Settings.rounds; round++) {
        for (const [name, millis] of figures) {
          const took = yield* startOnce(name)
          if (round >= 0) millis.push(took)
        }
      }
      const rows = names.map((name) => ({ contender: name, figure: Figure.make(figures.get(name) ?? []) }))
      yield* emit({ name: "cold start", unit: "ms", baseline, rows })
    })
}
