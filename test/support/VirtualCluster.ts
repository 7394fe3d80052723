import { Effect, Fiber, type Scope } from "effect"
import { RedisClient, RedisConnector, RedisTopology } from "effect-ioredis"
import * as Dispatch from "effect-ioredis/dispatch"
import { type SimulatedCluster, SimulatedRedis, type SimulatedServer } from "effect-ioredis/testing"
import { TestClock } from "effect/testing"

/** A client of a simulated cluster in virtual time, and what its tests ask of both. */
export interface VirtualCluster {
  readonly redis: RedisClient.RedisClient
  readonly dispatch: Dispatch.Dispatch
  readonly cluster: SimulatedCluster.SimulatedCluster
  readonly network: SimulatedRedis.SimulatedRedis
  /** The events since the client was built. */
  readonly events: ReadonlyArray<Dispatch.NodeEvent>
  /** Another client of the same cluster. */
  readonly connect: (options?: Options) => Effect.Effect<RedisClient.RedisClient, never, Scope.Scope>
}

type Options = Omit<RedisClient.Options, "topology" | "requireReady"> & {
  /** Default: the first node. */
  readonly seeds?: RedisTopology.ClusterOptions["seeds"]
}

/** Makes three masters, a replica of each, and a client. */
export const make = Effect.fnUntraced(function* ({
  cluster: clusterOptions,
  ...options
}: Options & { readonly cluster?: SimulatedCluster.Options } = {}): Effect.fn.Return<
  VirtualCluster,
  never,
  Scope.Scope
> {
  const network = yield* SimulatedRedis.make()
  const cluster = yield* network.cluster({ masters: 3, replicas: 1, ...clusterOptions })
  const connect = ({ seeds = cluster.seeds.slice(0, 1), ...options }: Options = {}) =>
    Effect.gen(function* () {
      const topology = RedisTopology.cluster({ seeds })
      const client = RedisClient.make({ ...options, topology })
      const building = yield* Effect.forkChild(
        Effect.provideService(client, RedisConnector.RedisConnector, network.connector),
        { startImmediately: true }
      )
      yield* TestClock.adjust("3 seconds")
      return yield* Effect.orDie(Fiber.join(building))
    })
  const redis = yield* connect(options)
  const dispatch = Dispatch.of(redis)
  const events: Array<Dispatch.NodeEvent> = []
  dispatch.listen((event) => events.push(event))
  return { redis, dispatch, cluster, network, events, connect }
})

/** Runs a test with what `make` makes. */
export const withCluster =
  (options?: Parameters<typeof make>[0]) =>
  <A, E>(use: (given: VirtualCluster) => Effect.Effect<A, E, Scope.Scope>): Effect.Effect<A, E> =>
    Effect.scoped(Effect.flatMap(make(options), use))

/** The commands of a name that a server has received. */
export const receivedBy = (server: SimulatedServer.SimulatedServer, name: string) =>
  Effect.map(server.received, (all) => all.filter((command) => command.name === name))
