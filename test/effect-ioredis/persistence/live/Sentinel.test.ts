import { Effect, Layer } from "effect"
import { Redis as OurRedis } from "effect-ioredis"
import * as OnClient from "effect-ioredis/persistence"
import { Harness, persistenceSuite } from "../../../suites/persistence.ts"
import { ofServers } from "../../../support/PersistenceHarness.ts"
import * as RedisSentinels from "../../../support/RedisSentinels.ts"

const Servers = Layer.unwrap(
  Effect.map(RedisSentinels.make(), ({ name, sentinels, server }) => {
    const addresses = sentinels.map(({ port }) => ({ host: "127.0.0.1", port }))
    const Client = OurRedis.layer({ sentinels: addresses, sentinelMaster: name, requireReady: true })
    return Layer.merge(Layer.provide(OnClient.layer(), Client), Layer.succeed(Harness, ofServers([server(0)])))
  })
)

persistenceSuite("a master that sentinels name", Servers, { time: "real" })
