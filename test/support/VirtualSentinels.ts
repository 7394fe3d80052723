import { Effect, Fiber } from "effect"
import { RedisClient, RedisConnector, RedisTopology } from "effect-ioredis"
import { SimulatedRedis, type SimulatedSentinels } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"

/** A master with two replicas and its sentinels in virtual time, and what connects clients to it. */
export const make = Effect.fnUntraced(function* (options: SimulatedSentinels.Options = {}) {
  const network = yield* SimulatedRedis.make()
  const sentinels = yield* network.sentinels({ replicas: 2, ...options })
  const connect = (own: Partial<RedisTopology.SentinelOptions> = {}, client: RedisClient.Options = {}) =>
    Effect.gen(function* () {
      const addresses = sentinels.sentinels.map(({ address }) => address)
      const topology = RedisTopology.sentinel({ master: sentinels.name, sentinels: addresses, ...own })
      const building = yield* Effect.forkChild(
        Effect.provideService(
          RedisClient.make({ ...client, topology }),
          RedisConnector.RedisConnector,
          network.connector
        ),
        { startImmediately: true }
      )
      yield* TestClock.adjust("3 seconds")
      return yield* Effect.orDie(Fiber.join(building))
    })
  return { network, sentinels, connect }
})
