import { Effect } from "effect"
import * as RedisCluster from "../../../test/support/RedisCluster.ts"
import * as Contenders from "../Contenders.ts"
import * as Rounds from "../Rounds.ts"
import type { Scenario } from "../Scenario.ts"

const { clusterAutoPipelining, clusterClient, clusterDriver, clusterRegion } = Contenders

export const cluster: Scenario = {
  name: "cluster",
  title: "three masters, and keys of all of them",
  run: ({ emit }) =>
    Effect.gen(function* () {
      const nodes = (yield* RedisCluster.make({ replicas: 0 })).nodes()
      const { port } = nodes[0] as RedisCluster.ClusterNode
      const contenders = yield* Contenders.startAll(
        [clusterDriver, clusterAutoPipelining, clusterClient, clusterRegion],
        { port, url: `redis://127.0.0.1:${port}` }
      )
      for (const [operation, inFlight] of [
        ["get", 256],
        ["set", 256],
        ["getMany", 16]
      ] as const) {
        const workload = { operation, size: "200 B", inFlight } as const
        const name = `cluster: ${operation}, 200 B, ${inFlight} in flight`
        yield* emit(yield* Rounds.measure({ name, workload, servers: nodes, contenders, baseline: clusterDriver }))
      }
    })
}
