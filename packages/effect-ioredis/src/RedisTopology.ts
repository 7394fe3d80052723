/**
 * Says where the servers of a client are: one server, a master that sentinels watch, or a cluster.
 *
 * **Details**
 *
 * A topology is plain data, given to a client as `topology`. The addresses are only where to begin:
 * which server is the master now, or which one owns a key, is asked of the servers themselves and
 * asked again whenever they change.
 *
 * **Example** (A client for each kind)
 *
 * ```ts
 * import { RedisClient, RedisTopology } from "effect-ioredis"
 *
 * const oneServer = RedisClient.layer({
 *   topology: RedisTopology.server({ host: "redis.example", port: 6379 })
 * })
 *
 * const watchedMaster = RedisClient.layer({
 *   topology: RedisTopology.sentinel({
 *     master: "orders",
 *     sentinels: [
 *       { host: "sentinel-1.example", port: 26379 },
 *       { host: "sentinel-2.example", port: 26379 }
 *     ]
 *   })
 * })
 *
 * const shardedData = RedisClient.layer({
 *   topology: RedisTopology.cluster({ seeds: [{ host: "cluster.example", port: 6379 }] })
 * })
 * ```
 *
 * @since 0.1.0
 */
import type { Effect } from "effect"
import type { RedisAddress, RedisLogin } from "./RedisConnector.ts"

/**
 * The servers of one client.
 *
 * @category models
 * @since 0.1.0
 */
export type RedisTopology = Server | Sentinel | Cluster

/**
 * One server, which owns every key.
 *
 * @category models
 * @since 0.1.0
 */
export interface Server {
  /** Tells a single server from the other topologies. */
  readonly _tag: "Server"
  /** Sets where the server listens. */
  readonly address: RedisAddress
}

/**
 * One master at a time, whose address the sentinels know.
 *
 * @category models
 * @since 0.1.0
 */
export interface Sentinel extends SentinelOptions {
  /** Tells a watched master from the other topologies. */
  readonly _tag: "Sentinel"
}

/**
 * Several masters, each of which owns a part of the keys.
 *
 * @category models
 * @since 0.1.0
 */
export interface Cluster extends ClusterOptions {
  /** Tells a cluster from the other topologies. */
  readonly _tag: "Cluster"
}

/**
 * Sets whom to ask for a master, and for which.
 *
 * @category models
 * @since 0.1.0
 */
export interface SentinelOptions {
  /** The name under which the sentinels watch the master. */
  readonly master: string
  /** Sets where sentinels listen. Each one is asked by itself; one that answers is enough. */
  readonly sentinels: ReadonlyArray<RedisAddress>
  /**
   * Tells who logs in to the sentinels, whose users are not those of Redis. An Effect is asked at
   * each login. Default: no login and no TLS, whatever the client's own login says.
   */
  readonly login?: RedisLogin | Effect.Effect<RedisLogin, unknown> | undefined
  /** Translates the addresses that sentinels tell. Default: they are taken as they are. */
  readonly addressMap?: ReadonlyArray<AddressMapping> | undefined
}

/**
 * Sets where to begin to ask for the nodes of a cluster.
 *
 * @category models
 * @since 0.1.0
 */
export interface ClusterOptions {
  /**
   * Sets where some of the nodes listen, or the service that stands for them. They are asked until
   * one answers, and again later: their names are resolved anew each time.
   */
  readonly seeds: ReadonlyArray<RedisAddress>
  /** Translates the addresses that nodes tell. Default: they are taken as they are. */
  readonly addressMap?: ReadonlyArray<AddressMapping> | undefined
}

/**
 * Translates one address that a server tells into the one that reaches it.
 *
 * **Details**
 *
 * Servers in containers or behind an address translation tell the addresses at which they reach
 * each other, which are not always those at which a program reaches them.
 *
 * @category models
 * @since 0.1.0
 */
export interface AddressMapping {
  /** The inner address, as the servers tell it. */
  readonly from: RedisAddress
  /** The outer address, which the client connects to. */
  readonly to: RedisAddress
}

/**
 * Makes the topology of one server.
 *
 * **Example** (A server of another host)
 *
 * ```ts
 * import { RedisTopology } from "effect-ioredis"
 *
 * RedisTopology.server({ host: "redis.example", port: 6379 })._tag // => "Server"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const server = (address: RedisAddress): RedisTopology => ({ _tag: "Server", address })

/**
 * Makes the topology of a master that sentinels watch.
 *
 * **Gotchas**
 *
 * A failover of Redis loses the writes that the new master had not yet received. Redis confirms a
 * write before its replicas have it.
 *
 * **Example** (Sentinels with a password of their own)
 *
 * ```ts
 * import { Redacted } from "effect"
 * import { RedisTopology } from "effect-ioredis"
 *
 * const topology = RedisTopology.sentinel({
 *   master: "orders",
 *   sentinels: [
 *     { host: "sentinel-1.example", port: 26379 },
 *     { host: "sentinel-2.example", port: 26379 },
 *     { host: "sentinel-3.example", port: 26379 }
 *   ],
 *   login: { password: Redacted.make("secret") }
 * })
 * topology._tag // => "Sentinel"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const sentinel = (options: SentinelOptions): RedisTopology => ({ _tag: "Sentinel", ...options })

/**
 * Makes the topology of a cluster.
 *
 * **Gotchas**
 *
 * A cluster has one database, number 0.
 *
 * **Example** (A cluster in containers)
 *
 * ```ts
 * import { RedisTopology } from "effect-ioredis"
 *
 * const topology = RedisTopology.cluster({
 *   seeds: [{ host: "localhost", port: 7001 }],
 *   addressMap: [
 *     { from: { host: "10.0.0.1", port: 6379 }, to: { host: "localhost", port: 7001 } },
 *     { from: { host: "10.0.0.2", port: 6379 }, to: { host: "localhost", port: 7002 } }
 *   ]
 * })
 * topology._tag // => "Cluster"
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const cluster = (options: ClusterOptions): RedisTopology => ({ _tag: "Cluster", ...options })
