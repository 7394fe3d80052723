import { Effect, Fiber } from "effect"
import { RedisClient, RedisConnector, RedisTopology } from "effect-ioredis"
import {
  SimulatedRedis,
  type SimulatedCluster,
  type SimulatedSentinels,
  type SimulatedServer
} from "effect-ioredis/testing"
import { TestClock } from "effect/testing"

// Clients of simulated clusters and sentinels in virtual time.

/** Gives a client time to find out what has changed. */
export const settled = TestClock.adjust("1 second")

const connected = (
  server: SimulatedRedis.SimulatedRedis,
  topology: RedisTopology.RedisTopology,
  options: RedisClient.Options
) =>
  Effect.gen(function* () {
    const making = yield* Effect.forkChild(
      RedisClient.make({ ...options, topology, requireReady: true }).pipe(
        Effect.provideService(RedisConnector.RedisConnector, server.connector)
      ),
      { startImmediately: true }
    )
    // Servers are asked who owns what a little after the start.
    yield* settled
    return yield* Fiber.join(making)
  })

/** A cluster of three masters, with a replica each unless told otherwise, and its client. */
export const cluster = Effect.fnUntraced(function* (
  options: SimulatedCluster.Options = {},
  client: RedisClient.Options = {}
) {
  const server = yield* SimulatedRedis.make()
  const cluster = yield* server.cluster({ masters: 3, replicas: 1, fullCoverage: false, ...options })
  const redis = yield* connected(server, RedisTopology.cluster({ seeds: cluster.seeds }), client)
  return { cluster, redis, server }
})

/** A master with a replica, its sentinels, and their client. */
export const sentinels = Effect.fnUntraced(function* (
  options: SimulatedSentinels.Options = {},
  client: RedisClient.Options = {}
) {
  const server = yield* SimulatedRedis.make()
  const group = yield* server.sentinels(options)
  const redis = yield* connected(
    server,
    RedisTopology.sentinel({ master: group.name, sentinels: group.sentinels.map(({ address }) => address) }),
    client
  )
  return { group, redis, server }
})

/** What a client calls a server. */
export const nameOf = ({ address: { host, port } }: SimulatedServer.SimulatedServer) => `redis ${host}:${port}`
