import { Effect, Layer } from "effect"
import { Redis } from "effect-ioredis"
import { Harness } from "../../../suites/persistence.ts"
import { taskStoreSuite } from "../../../suites/taskStore.ts"
import { ofServers } from "../../../support/PersistenceHarness.ts"
import * as RedisCluster from "../../../support/RedisCluster.ts"
import * as RedisServer from "../../../support/RedisServer.ts"

const Server = Layer.unwrap(
  Effect.map(RedisServer.make(), (server) =>
    Layer.merge(Redis.layer({ url: server.url }), Layer.succeed(Harness, ofServers([server])))
  )
)

taskStoreSuite("one server", Server, { time: "real" })

const Cluster = Layer.unwrap(
  Effect.map(RedisCluster.make({ replicas: 0 }), (cluster) =>
    Layer.merge(
      Redis.layer({ cluster: [{ host: "127.0.0.1", port: cluster.node(0).port }], requireReady: true }),
      Layer.succeed(Harness, ofServers(cluster.nodes()))
    )
  )
)

taskStoreSuite("a cluster", Cluster, { time: "real" })
