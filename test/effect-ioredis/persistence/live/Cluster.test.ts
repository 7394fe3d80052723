import { assert, describe, layer } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { Redis } from "effect/persistence"
import { Redis as OurRedis } from "effect-ioredis"
import * as OnClient from "effect-ioredis/persistence"
import { keyValueStoreSuite } from "../../../suites/keyValueStore.ts"
import { Harness, persistenceSuite } from "../../../suites/persistence.ts"
import { ofServers } from "../../../support/PersistenceHarness.ts"
import * as RedisCluster from "../../../support/RedisCluster.ts"

const clientOf = (cluster: RedisCluster.RedisCluster) =>
  OurRedis.layer({ cluster: [{ host: "127.0.0.1", port: cluster.node(0).port }], requireReady: true })

const Servers = Layer.unwrap(
  Effect.map(RedisCluster.make({ replicas: 0 }), (cluster) =>
    Layer.merge(Layer.provide(OnClient.layer(), clientOf(cluster)), Layer.succeed(Harness, ofServers(cluster.nodes())))
  )
)

persistenceSuite("a cluster", Servers, { time: "real" })

const Client = Layer.unwrap(Effect.map(RedisCluster.make({ replicas: 0 }), clientOf))

keyValueStoreSuite("a cluster", Client)

describe("A reserved connection on a cluster", () => {
  layer(Layer.provide(OnClient.layer(), Client), { excludeTestServices: true, timeout: "60 seconds" })((it) => {
    it.effect("waits wherever its keys are", () =>
      Effect.gen(function* () {
        const redis = yield* Redis.Redis
        const connection = yield* redis.reserve
        // One for each master.
        for (const key of ["a", "b", "c"]) {
          const popped = yield* Effect.forkChild(connection.send("BLPOP", key, "0"))
          yield* redis.send("RPUSH", key, "one")
          assert.deepStrictEqual(yield* Fiber.join(popped), [key, "one"])
        }
      }).pipe(Effect.scoped)
    )
  })
})
