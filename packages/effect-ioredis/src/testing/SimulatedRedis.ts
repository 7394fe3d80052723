/**
 * Redis servers in virtual time: an implementation of `RedisConnector` for tests, with servers
 * behind it that can be broken at will.
 *
 * **When to use**
 *
 * Use to test a program that uses Redis, in particular what it does when Redis fails. Nothing is
 * started and nothing is waited for: under `TestClock` an outage of an hour takes no time, and the
 * same test gives the same result every time.
 *
 * **Details**
 *
 * There is one server, which every address reaches but those that have one of their own: those of
 * `servers`, and those that `server` has named before anybody connected to them.
 * Host names that end in `.invalid` have no address.
 * Servers can replicate each other, be promoted, restarted and cut off, and show it as Redis 7.0
 * does. `cluster` makes some into a cluster, whose slots move and whose masters fail over (see
 * `SimulatedCluster`); `sentinels` makes a master with replicas and the sentinels that watch it
 * (see `SimulatedSentinels`). {@link layer} provides the servers and a way to them. Two clients
 * built on one {@link layerServer} are two processes that share the servers; so are two on one
 * `connector`.
 *
 * Everything takes its time from the clock of the program that built the layer: replies, logins,
 * keys that expire. The same suites of tests hold this and a real Redis to the same behaviour.
 *
 * It knows every command on strings, keys, hashes, lists, sets, sorted sets, streams and bitmaps
 * that `effect-ioredis/commands` has, SETNX, SETEX, PSETEX, GETSET, RPOPLPUSH, HMSET, BITFIELD_RO,
 * XSETID, the ranges of sorted sets that Redis deprecates, the EXPIRE and TTL families, SCAN,
 * HSCAN, SSCAN, ZSCAN, DBSIZE, FLUSHDB and FLUSHALL, PING, ECHO, SELECT, AUTH, ACL WHOAMI, HELLO,
 * TIME, INFO, ROLE, REPLICAOF, SLOWLOG without entries, CLIENT ID, GETNAME, SETNAME, KILL ID,
 * UNBLOCK and TRACKING with BCAST, MULTI, EXEC, DISCARD, WATCH and UNWATCH, WAIT, SUBSCRIBE,
 * PSUBSCRIBE, SSUBSCRIBE, what ends them, PUBSUB, PUBLISH and SPUBLISH to the subscribers of that
 * server, of clusters CLUSTER SLOTS, SHARDS, INFO, MYID, KEYSLOT, COUNTKEYSINSLOT and
 * GETKEYSINSLOT, READONLY, READWRITE and ASKING, and EVAL, EVALSHA and SCRIPT for scripts that
 * have a counterpart in JavaScript (see `SimulatedScript`). A test can add others (see
 * `SimulatedCommand`). What Redis 7.0 knows and the simulation lacks is answered with the error
 * `NOSIMULATEDCOMMAND`, and what concerns functions with `NOSIMULATEDFUNCTION`.
 *
 * Who waits for a key, by BRPOPLPUSH and the commands of `effect-ioredis/commands` that wait, is
 * served when the command, the transaction or the script is done that makes it ready, before others
 * that have waited for less long. A replica has at once what its master was given, so that WAIT
 * counts those that are attached.
 *
 * A stream keeps its entries in blocks of a hundred, however large they are: approximate trimming
 * removes whole blocks. XINFO STREAM with FULL is lacking.
 *
 * Everything else is answered as Redis does it, but for what comes in no particular order or by
 * chance: the same seed draws the same. Answers are those of RESP2 alone (HELLO 3 is refused), and
 * a time that a key has beyond 2⁵³ milliseconds since 1970 is rounded.
 *
 * Who tracks keys is told as by Redis: of each change at the end of a cycle, of an expiry when it
 * is noticed (by a read, or 100 milliseconds late), of everything after FLUSHALL, FLUSHDB, a load
 * or a full resynchronisation; of no promotion. A connection that takes nothing is dropped when 32
 * MB have piled up for it.
 *
 * **Gotchas**
 *
 * - A command takes no time at the server: `latency` is that of the reply. TLS is taken for
 *   granted.
 * - What a layer does while it is built takes its time from the clock too, and under `TestClock`
 *   nobody moves that meanwhile: a layer that waits for a login hangs if there is a `latency`.
 *   Build such a layer in a fiber of its own, or make Redis slow with `inject(Fault.delay(…))`
 *   afterwards.
 *
 * **Example** (A call that outlives an outage)
 *
 * ```ts
 * import { assert, it } from "@effect/vitest"
 * import { Effect, Fiber, Layer } from "effect"
 * import { RedisClient } from "effect-ioredis"
 * import { Fault, SimulatedRedis } from "effect-ioredis/testing"
 * import { TestClock } from "effect/testing"
 *
 * it.effect("counts a visit although Redis is away for a moment", () =>
 *   Effect.gen(function*() {
 *     const server = yield* SimulatedRedis.SimulatedRedis
 *     const redis = yield* RedisClient.RedisClient
 *     yield* redis.set("visits", 41)
 *
 *     yield* server.inject(Fault.refuse)
 *     const visits = yield* Effect.forkChild(redis.incr("visits"))
 *     yield* TestClock.adjust("100 millis")
 *     yield* server.heal
 *     yield* TestClock.adjust("1 second")
 *
 *     assert.strictEqual(yield* Fiber.join(visits), 42)
 *     assert.strictEqual(yield* server.peek("visits"), "42")
 *   }).pipe(Effect.provide(RedisClient.layer().pipe(Layer.provideMerge(SimulatedRedis.layer())))))
 * ```
 *
 * @since 0.1.0
 */
import { Context, Effect, Layer, type Scope } from "effect"
import { type RedisAddress, RedisConnector } from "../RedisConnector.ts"
import { clusterHandle } from "./internal/cluster/clusterHandle.ts"
import * as Connection from "./internal/Connection.ts"
import { Handles } from "./internal/Handles.ts"
import { Network } from "./internal/Network.ts"
import { sentinelsHandle } from "./internal/sentinel/sentinelsHandle.ts"
import * as Timers from "./internal/Timers.ts"
import type * as SimulatedCluster from "./SimulatedCluster.ts"
import type * as SimulatedSentinels from "./SimulatedSentinels.ts"
import type * as SimulatedServer from "./SimulatedServer.ts"

/**
 * Sets how the default server behaves, and every other one unless it is told otherwise.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends SimulatedServer.Options {
  /**
   * Gives each of these addresses a server of its own from the beginning, which a layer may connect
   * to while it is built. Default: none.
   */
  readonly servers?: ReadonlyArray<RedisAddress> | undefined
}

/**
 * The servers of a network, in the hands of a test. What it does itself concerns the default
 * server.
 *
 * @category models
 * @since 0.1.0
 */
export interface SimulatedRedis extends SimulatedServer.SimulatedServer {
  /**
   * The server of one address, which is made at the first call. What `options` do not say is as
   * with the default server, but for its `script` of faults.
   *
   * It is a defect where somebody has connected to the address before, and so has reached the
   * default server: faults of the new one would concern nobody. Name it in `servers` then.
   */
  readonly server: (
    address: RedisAddress,
    options?: SimulatedServer.Options
  ) => Effect.Effect<SimulatedServer.SimulatedServer>
  /**
   * Makes new servers into a cluster. What its `server` does not say is as with the default server.
   */
  readonly cluster: (options?: SimulatedCluster.Options) => Effect.Effect<SimulatedCluster.SimulatedCluster>
  /** Makes new servers into a master with replicas and the sentinels that watch it. */
  readonly sentinels: (options?: SimulatedSentinels.Options) => Effect.Effect<SimulatedSentinels.SimulatedSentinels>
  /**
   * Lets new connections to an address reach this server, as a proxy or a name service does.
   * Connections that are open stay where they are.
   */
  readonly route: (address: RedisAddress, server: SimulatedServer.SimulatedServer) => Effect.Effect<void>
  /**
   * Connects to these servers. Several clients may be built on it, each as a process of its own.
   */
  readonly connector: RedisConnector["Service"]
}

/**
 * Service tag for the simulated servers.
 *
 * @category services
 * @since 0.1.0
 */
export const SimulatedRedis: Context.Service<SimulatedRedis, SimulatedRedis> = Context.Service<SimulatedRedis>(
  "effect-ioredis/testing/SimulatedRedis"
)

/**
 * Makes a network with its default server. It ends with the scope.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (
  options: Options = {}
): Effect.fn.Return<SimulatedRedis, never, Scope.Scope> {
  const timers = yield* Timers.make
  const network = new Network(timers, options, warnOnce(yield* Effect.context<never>()))
  yield* Effect.addFinalizer(() => Effect.sync(() => network.close()))
  const handles = new Handles(network)
  return {
    ...handles.of(network.default),
    server: (address, options = {}) => Effect.sync(() => handles.of(network.server(address, options))),
    cluster: (options = {}) => Effect.sync(() => clusterHandle(handles, options)),
    sentinels: (options = {}) => Effect.sync(() => sentinelsHandle(handles, options)),
    route: (address, server) => Effect.sync(() => network.route(address, handles.serverOf(server))),
    connector: {
      connect: (address, login) =>
        Effect.suspend(() =>
          address.host.endsWith(".invalid")
            ? Connection.failUnknownHost(address.host)
            : Connection.connect(network.at(address), timers, login)
        ),
      clock: timers.clock
    }
  }
})

// Whoever sends a script may take the error for an outage and say nothing, as a cache does.
const warnOnce = (context: Context.Context<never>) => {
  const warned = new Set<string>()
  return (sha: string): void => {
    if (warned.has(sha)) return
    warned.add(sha)
    Effect.runForkWith(context)(
      Effect.logWarning(
        "SimulatedRedis was asked to run a script that it has no counterpart of. Give it one in `scripts`; those of effect-ioredis-cache are `scripts` of effect-ioredis-cache/testing, those of effect-ioredis-tasks `scripts` of effect-ioredis-tasks/testing, those of effect/persistence `SimulatedPersistence.scripts`"
      ).pipe(Effect.annotateLogs({ sha }))
    )
  }
}

/**
 * Provides the servers and the way to them.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: Options): Layer.Layer<SimulatedRedis | RedisConnector> =>
  Layer.provideMerge(layerConnector, layerServer(options))

/**
 * Provides the servers alone.
 *
 * **Example** (Two processes that share the servers)
 *
 * ```ts
 * import { Context, Effect, Layer } from "effect"
 * import { RedisClient } from "effect-ioredis"
 * import { SimulatedRedis } from "effect-ioredis/testing"
 *
 * const layerProcess = RedisClient.layer().pipe(Layer.provide(SimulatedRedis.layerConnector))
 *
 * const client = Effect.map(
 *   Layer.build(Layer.fresh(layerProcess)),
 *   Context.get(RedisClient.RedisClient)
 * )
 *
 * const program = Effect.gen(function* () {
 *   const [one, other] = [yield* client, yield* client]
 *   yield* one.set("greeting", "hello")
 *   yield* other.get("greeting") // => Option.some("hello")
 * }).pipe(Effect.scoped, Effect.provide(SimulatedRedis.layerServer()))
 *
 * Effect.runPromise(program)
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerServer = (options?: Options): Layer.Layer<SimulatedRedis> =>
  Layer.effect(SimulatedRedis, make(options))

/**
 * Provides the way to the servers of the context.
 *
 * **Details**
 *
 * It is built anew wherever it is provided, so that two simulated networks in one program keep
 * apart.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerConnector: Layer.Layer<RedisConnector, never, SimulatedRedis> = Layer.fresh(
  Layer.effect(
    RedisConnector,
    Effect.map(SimulatedRedis, ({ connector }) => connector)
  )
)
