/**
 * Servers of a simulated network that are a cluster, in the hands of a test.
 *
 * **Details**
 *
 * Each server answers as a node of Redis 7.0 does: with MOVED for keys of others, ASK and TRYAGAIN
 * for slots that are moving, CROSSSLOT, and CLUSTERDOWN where slots are not served. It knows
 * CLUSTER SLOTS, SHARDS, INFO, MYID, KEYSLOT, COUNTKEYSINSLOT and GETKEYSINSLOT, READONLY,
 * READWRITE and ASKING.
 *
 * A master that restarts answers CLUSTERDOWN for two seconds, and then goes on with what it knew.
 *
 * Nothing else happens by itself: nobody is elected and no node is taken for dead before the test
 * says so. What the test does here every node learns at once, except those that it has isolated.
 *
 * **Gotchas**
 *
 * - The servers' own `promote` and `replicaOf` change what they replicate and not the map; only
 *   `cutReplication` belongs here, to make a replica lag.
 * - `execute` of a server takes no notice of slots, so that a test can look at what a node holds.
 *
 * **Example** (A master dies, and its replica takes over without its last write)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { RedisCommand, RedisConnection } from "effect-ioredis"
 * import { Fault, SimulatedRedis } from "effect-ioredis/testing"
 *
 * const program = Effect.gen(function* () {
 *   const redis = yield* SimulatedRedis.make()
 *   const cluster = yield* redis.cluster({ masters: 3, replicas: 1 })
 *   const master = yield* cluster.ownerOf("visits")
 *   const replica = yield* cluster.replicaOf(master)
 *
 *   yield* replica.cutReplication
 *   yield* master.execute(RedisCommand.make("SET", ["visits", 1]))
 *   yield* master.inject(Fault.refuse)
 *   yield* cluster.failOver(master)
 *
 *   const connection = yield* redis.connector.connect(replica.address, {})
 *   yield* RedisConnection.send(connection, RedisCommand.make("GET", ["visits"])) // => null
 * })
 *
 * Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @since 0.1.0
 */
import { Context, Effect, Layer } from "effect"
import type { RedisAddress } from "../RedisConnector.ts"
import { SimulatedRedis } from "./SimulatedRedis.ts"
import type * as SimulatedServer from "./SimulatedServer.ts"

/**
 * Sets what a cluster begins with.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Sets how many masters there are, among which the slots are divided evenly. Default: 3. */
  readonly masters?: number | undefined
  /** Sets how many replicas each master has. Default: 0. */
  readonly replicas?: number | undefined
  /**
   * Sets where the first node listens; the others listen at the ports after it, first the masters
   * and then their replicas. Default: `simulated-cluster:7000`.
   */
  readonly address?: RedisAddress | undefined
  /**
   * Says whether no slot is served while one of them is not, as `cluster-require-full-coverage`
   * does. Default: true.
   */
  readonly fullCoverage?: boolean | undefined
  /**
   * Sets how nodes name each other to clients: by host and port, or with an empty host or none, in
   * the place of which the client takes the host that it asked. Default: `address`.
   */
  readonly endpoint?: "address" | "empty" | "unknown" | undefined
  /** Sets how each of the servers behaves. */
  readonly server?: SimulatedServer.Options | undefined
}

/**
 * Names slots: some of them, all from one to another, or the one of a key.
 *
 * @category models
 * @since 0.1.0
 */
export type Slots = ReadonlyArray<number> | { readonly from: number; readonly to: number } | { readonly key: string }

/**
 * Slots that are moving: both nodes know it, and keys go one by one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Migration {
  /** Moves these keys, or all that are left in the slots. */
  readonly moveKeys: (...keys: ReadonlyArray<string>) => Effect.Effect<void>
  /** Moves what is left, and makes the target the owner. */
  readonly finish: Effect.Effect<void>
  /** Gives up: the slots stay where they were, and keys that have moved are lost to clients. */
  readonly abandon: Effect.Effect<void>
}

/**
 * A cluster, in the hands of a test. Its servers are those of the network, and break as every other
 * one does.
 *
 * @category models
 * @since 0.1.0
 */
export interface SimulatedCluster {
  /** Says where the nodes listen that it began with. */
  readonly seeds: ReadonlyArray<RedisAddress>
  /** Every node, masters and replicas. */
  readonly servers: Effect.Effect<ReadonlyArray<SimulatedServer.SimulatedServer>>
  /** The masters that own slots now, in the order of their first slot. */
  readonly masters: Effect.Effect<ReadonlyArray<SimulatedServer.SimulatedServer>>
  /** The master that owns a key or a slot now. */
  readonly ownerOf: (keyOrSlot: string | number) => Effect.Effect<SimulatedServer.SimulatedServer>
  /** The first replica of a master, or the one at a place, counted from 0. */
  readonly replicaOf: (
    master: SimulatedServer.SimulatedServer,
    index?: number
  ) => Effect.Effect<SimulatedServer.SimulatedServer>
  /** What CLUSTER MYID answers there. */
  readonly idOf: (server: SimulatedServer.SimulatedServer) => Effect.Effect<string>
  /** Gives slots to a master with the keys that are in them, at once. */
  readonly moveSlots: (slots: Slots, to: SimulatedServer.SimulatedServer) => Effect.Effect<void>
  /** Takes slots from their owners. Their keys stay where they are. */
  readonly uncover: (slots: Slots) => Effect.Effect<void>
  /** Begins to move slots to a master: their owners answer ASK for keys that they do not have. */
  readonly migrate: (slots: Slots, to: SimulatedServer.SimulatedServer) => Effect.Effect<Migration>
  /**
   * Lets a replica take over from its master, which follows it from now on, and gives that
   * replica: the master's first one if none is named.
   *
   * It becomes master with the data that it has: writes are lost if its replication was cut.
   * With `planned` it catches up first, as CLUSTER FAILOVER does.
   */
  readonly failOver: (
    master: SimulatedServer.SimulatedServer,
    options?: { readonly to?: SimulatedServer.SimulatedServer | undefined; readonly planned?: boolean | undefined }
  ) => Effect.Effect<SimulatedServer.SimulatedServer>
  /**
   * Lets the others take a node for dead: a master's slots count as not served, a replica is named
   * no more. It breaks nothing; that is what the server's own faults are for.
   */
  readonly markFailed: (server: SimulatedServer.SimulatedServer) => Effect.Effect<void>
  /** Lets the others take it for alive again. */
  readonly markAlive: (server: SimulatedServer.SimulatedServer) => Effect.Effect<void>
  /**
   * Cuts a node off from the others but not from clients: it keeps the map that it has, and nothing
   * is replicated to it or from it. A master that is failed over meanwhile still takes writes. With
   * `noticed` it knows that it is in the minority, and answers CLUSTERDOWN.
   */
  readonly isolate: (
    server: SimulatedServer.SimulatedServer,
    options?: { readonly noticed?: boolean | undefined }
  ) => Effect.Effect<void>
  /**
   * Connects an isolated node with the others again: it learns the map, and as a replica takes over
   * its master's data.
   */
  readonly rejoin: (server: SimulatedServer.SimulatedServer) => Effect.Effect<void>
  /** Adds a node at the next port: a master without slots, or a replica. */
  readonly addNode: (options?: {
    /** Names the master that it follows. */
    readonly replicaOf?: SimulatedServer.SimulatedServer | undefined
  }) => Effect.Effect<SimulatedServer.SimulatedServer>
  /**
   * Lets the others forget a node, and the node them. Its slots are moved first, or nobody has
   * them.
   */
  readonly removeNode: (server: SimulatedServer.SimulatedServer) => Effect.Effect<void>
  /**
   * Changes the address that the nodes give clients for a server. It may be one that they cannot
   * reach (a host that ends in `.invalid`; any other that is nobody's reaches the default server),
   * or another server's (see `route` of `SimulatedRedis`).
   */
  readonly announce: (server: SimulatedServer.SimulatedServer, address: RedisAddress) => Effect.Effect<void>
}

/**
 * Service tag for the simulated cluster.
 *
 * @category services
 * @since 0.1.0
 */
export const SimulatedCluster: Context.Service<SimulatedCluster, SimulatedCluster> = Context.Service<SimulatedCluster>(
  "effect-ioredis/testing/SimulatedCluster"
)

/**
 * Makes servers of the network into a cluster.
 *
 * **Example** (A cluster beside a way to it)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { SimulatedCluster, SimulatedRedis } from "effect-ioredis/testing"
 *
 * const layer = SimulatedCluster.layer({ masters: 3 }).pipe(
 *   Layer.provideMerge(SimulatedRedis.layer())
 * )
 *
 * const program = Effect.gen(function* () {
 *   const cluster = yield* SimulatedCluster.SimulatedCluster
 *   const [first] = yield* cluster.masters
 *   if (first === undefined) return
 *   yield* cluster.moveSlots({ key: "visits" }, first)
 *
 *   const migration = yield* cluster.migrate({ from: 0, to: 99 }, yield* cluster.addNode())
 *   yield* migration.finish
 *   const masters = yield* cluster.masters
 *   masters.map((server) => server.address.port) // => [7003, 7000, 7001, 7002]
 * })
 *
 * Effect.runPromise(Effect.provide(program, layer))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: Options): Layer.Layer<SimulatedCluster, never, SimulatedRedis> =>
  Layer.effect(
    SimulatedCluster,
    Effect.flatMap(SimulatedRedis, (redis) => redis.cluster(options))
  )
