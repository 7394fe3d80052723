import * as NodeRedis from "@effect/platform-node/NodeRedis"
import { Effect, Layer } from "effect"
import type { Redis } from "effect/persistence"
import { Redis as OurRedis } from "effect-ioredis"
import * as OnClient from "effect-ioredis/persistence"
import { keyValueStoreSuite } from "../../../suites/keyValueStore.ts"
import { Harness, persistenceSuite } from "../../../suites/persistence.ts"
import { ofServers } from "../../../support/PersistenceHarness.ts"
import * as RedisServer from "../../../support/RedisServer.ts"

// What Effect's modules promise, over our layer and over the official one.
const clientOf = (port: number) => OurRedis.layer({ url: `redis://127.0.0.1:${port}` })

const layers: ReadonlyArray<readonly [name: string, on: (port: number) => Layer.Layer<Redis.Redis, unknown>]> = [
  ["effect-ioredis", (port) => Layer.provide(OnClient.layer(), clientOf(port))],
  ["NodeRedis", (port) => NodeRedis.layer({ socket: { host: "127.0.0.1", port } })]
]

for (const [name, on] of layers) {
  const Server = Layer.unwrap(
    Effect.map(RedisServer.make(), (server) =>
      Layer.merge(on(server.port), Layer.succeed(Harness, ofServers([server])))
    )
  )
  persistenceSuite(`${name} on one server`, Server, { time: "real" })
}

keyValueStoreSuite("one server", Layer.unwrap(Effect.map(RedisServer.make(), ({ port }) => clientOf(port))))
