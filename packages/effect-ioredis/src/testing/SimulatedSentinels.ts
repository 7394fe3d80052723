/**
 * A master with replicas, and the sentinels that watch it, in the hands of a test.
 *
 * **Details**
 *
 * Each sentinel is a server of its own, which answers as a sentinel of Redis 7.0 does. It knows
 * SENTINEL GET-MASTER-ADDR-BY-NAME, MASTER, MASTERS, REPLICAS, SLAVES, SENTINELS and MYID, PING,
 * AUTH, HELLO, INFO, ROLE and CLIENT, and none of the commands that concern data. It breaks as
 * every other server does: `inject(Fault.freeze)` freezes it. It publishes nothing.
 *
 * Nothing happens by itself: nobody is elected before the test says so.
 *
 * **Example** (A sentinel that still names the old master)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { RedisCommand } from "effect-ioredis"
 * import { SimulatedRedis } from "effect-ioredis/testing"
 *
 * const program = Effect.gen(function* () {
 *   const redis = yield* SimulatedRedis.make()
 *   const group = yield* redis.sentinels({ name: "primary", replicas: 1 })
 *   const [first, second] = group.sentinels
 *   if (first === undefined || second === undefined) return
 *
 *   yield* group.isolate(first)
 *   yield* group.failOver()
 *
 *   const ask = RedisCommand.make("SENTINEL", ["GET-MASTER-ADDR-BY-NAME", "primary"])
 *   yield* first.execute(ask) // => ["simulated-primary", "6379"]
 *   yield* second.execute(ask) // => ["simulated-primary", "6380"]
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
 * Sets what there is to begin with.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Sets what the sentinels call the master. Default: `primary`. */
  readonly name?: string | undefined
  /** Sets how many sentinels there are. Default: 3. */
  readonly sentinels?: number | undefined
  /** Sets how many replicas the master has. Default: 1. */
  readonly replicas?: number | undefined
  /**
   * Sets where the master listens; its replicas listen at the ports after it. Default:
   * `simulated-primary:6379`.
   */
  readonly address?: RedisAddress | undefined
  /**
   * Sets where the first sentinel listens; the others listen at the ports after it. Default:
   * `simulated-sentinel:26379`.
   */
  readonly sentinelAddress?: RedisAddress | undefined
  /** Sets how the master and its replicas behave. */
  readonly server?: SimulatedServer.Options | undefined
  /** Sets how the sentinels behave, whose passwords are their own. */
  readonly sentinel?: SimulatedServer.Options | undefined
}

/**
 * A failover that is under way: the replica is a master, and one sentinel knows it.
 *
 * @category models
 * @since 0.1.0
 */
export interface FailOver {
  /** The replica that was promoted. */
  readonly replica: SimulatedServer.SimulatedServer
  /** Tells the other sentinels, and makes the others its replicas. */
  readonly finish: Effect.Effect<void>
}

/**
 * A master with replicas and its sentinels, in the hands of a test.
 *
 * @category models
 * @since 0.1.0
 */
export interface SimulatedSentinels {
  /** What the sentinels call the master. */
  readonly name: string
  /** The sentinels, in the order of their ports. */
  readonly sentinels: ReadonlyArray<SimulatedServer.SimulatedServer>
  /** The master now. */
  readonly master: Effect.Effect<SimulatedServer.SimulatedServer>
  /** The replicas now. */
  readonly replicas: Effect.Effect<ReadonlyArray<SimulatedServer.SimulatedServer>>
  /**
   * Makes a replica the master, the first one if none is named, and gives it. The others follow it,
   * the old master too unless it is isolated. It has the data that it has: writes are lost if its
   * replication was cut.
   */
  readonly failOver: (to?: SimulatedServer.SimulatedServer) => Effect.Effect<SimulatedServer.SimulatedServer>
  /**
   * Promotes a replica, the first one if none is named, and goes no further. The first sentinel
   * that is not isolated leads: it names the replica as the address of the master, describes the
   * old master with the next epoch, and flags it `failover_in_progress`. The other sentinels and
   * the old master know nothing of it.
   */
  readonly beginFailOver: (to?: SimulatedServer.SimulatedServer) => Effect.Effect<FailOver>
  /**
   * Lets the sentinels take a server for dead: its flags say so. It breaks nothing; that is what
   * the server's own faults are for.
   */
  readonly markFailed: (server: SimulatedServer.SimulatedServer) => Effect.Effect<void>
  /** Lets the sentinels take it for alive again. */
  readonly markAlive: (server: SimulatedServer.SimulatedServer) => Effect.Effect<void>
  /**
   * Cuts a server off from the others but not from clients. A sentinel goes on naming the master
   * that it knows, with the epoch of then; a master that is failed over meanwhile goes on taking
   * writes.
   */
  readonly isolate: (server: SimulatedServer.SimulatedServer) => Effect.Effect<void>
  /**
   * Connects it again, or makes a sentinel know again what it forgot: an old master becomes a
   * replica and loses what nobody else has.
   */
  readonly rejoin: (server: SimulatedServer.SimulatedServer) => Effect.Effect<void>
  /** Lets a sentinel know nothing of a master of that name, as after SENTINEL REMOVE. */
  readonly forget: (sentinel: SimulatedServer.SimulatedServer) => Effect.Effect<void>
}

/**
 * Service tag for the simulated sentinels.
 *
 * @category services
 * @since 0.1.0
 */
export const SimulatedSentinels: Context.Service<SimulatedSentinels, SimulatedSentinels> =
  Context.Service<SimulatedSentinels>("effect-ioredis/testing/SimulatedSentinels")

/**
 * Makes servers of the network into a master with replicas and its sentinels.
 *
 * **Example** (Sentinels beside a way to them)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { SimulatedRedis, SimulatedSentinels } from "effect-ioredis/testing"
 *
 * const layer = SimulatedSentinels.layer({ replicas: 2 }).pipe(
 *   Layer.provideMerge(SimulatedRedis.layer())
 * )
 *
 * const program = Effect.gen(function* () {
 *   const group = yield* SimulatedSentinels.SimulatedSentinels
 *   const master = yield* group.failOver()
 *   master.address.port // => 6380
 * })
 *
 * Effect.runPromise(Effect.provide(program, layer))
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: Options): Layer.Layer<SimulatedSentinels, never, SimulatedRedis> =>
  Layer.effect(
    SimulatedSentinels,
    Effect.flatMap(SimulatedRedis, (redis) => redis.sentinels(options))
  )
