import { Effect } from "effect"
import * as Contenders from "../Contenders.ts"
import * as Rounds from "../Rounds.ts"
import type { Scenario } from "../Scenario.ts"

const { caches, rawAutoPipelining } = Contenders

export const reads: Scenario = {
  name: "reads",
  title: "a miss, getOrSet of a key that is there, getMany of 50",
  run: ({ emit, server }) =>
    Effect.gen(function* () {
      const contenders = yield* Contenders.startAll(caches, server)
      // Those without a method of that name are left out.
      const without = { miss: [], getOrSet: [Contenders.persistence], getMany: [...Contenders.bentocaches] }
      for (const [operation, inFlight] of [
        ["miss", 256],
        ["getOrSet", 256],
        ["getMany", 16]
      ] as const) {
        const workload = { operation, size: "200 B", inFlight } as const
        const able = contenders.filter(({ name }) => !(without[operation] as ReadonlyArray<string>).includes(name))
        const options = { workload, servers: [server], contenders: able, baseline: rawAutoPipelining, roundMillis: 120 }
        yield* emit(yield* Rounds.measure(options))
      }
    })
}
