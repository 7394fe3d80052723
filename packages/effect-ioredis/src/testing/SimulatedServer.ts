/**
 * One server of a simulated network, in the hands of a test.
 *
 * @since 0.1.0
 */
import type { Duration, Effect } from "effect"
import type { RedisCommand, Reply } from "../RedisCommand.ts"
import type { RedisAddress } from "../RedisConnector.ts"
import type { RedisCommandError } from "../RedisError.ts"
import type * as Fault from "./Fault.ts"
import type { Access as AccessRules } from "./internal/Access.ts"
import type { Received as ReceivedCommand } from "./internal/Server.ts"
import type { SimulatedCommand } from "./SimulatedCommand.ts"
import type { SimulatedScript } from "./SimulatedScript.ts"

/**
 * Sets who may log in, and which commands are refused to everybody.
 *
 * @category models
 * @since 0.1.0
 */
export type Access = AccessRules

/**
 * Sets how a server behaves.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends Access {
  /**
   * Sets how long a reply takes, and a login. Default: none; it comes at the same virtual time, but
   * never at once.
   */
  readonly latency?: Duration.Input | undefined
  /**
   * Sets how far the server's clock is ahead of the program's; behind it if negative. Default: 0.
   */
  readonly clockOffset?: Duration.Input | undefined
  /** The faults that are known ahead. */
  readonly script?: ReadonlyArray<Fault.ScheduledFault> | undefined
  /** Sets what stands in for Lua scripts. */
  readonly scripts?: ReadonlyArray<SimulatedScript> | undefined
  /** Commands that the simulation does not know by itself. */
  readonly commands?: ReadonlyArray<SimulatedCommand> | undefined
  /** Makes the server's ids and the order of its keys. Default: 0. */
  readonly seed?: number | undefined
}

/**
 * A command that reached the server: its name, its arguments as text, the wall-clock time in
 * milliseconds and the CLIENT ID.
 *
 * @category models
 * @since 0.1.0
 */
export type Received = ReceivedCommand

/**
 * One server, in the hands of a test.
 *
 * @category models
 * @since 0.1.0
 */
export interface SimulatedServer {
  /** Says where it listens, as its replicas show it. */
  readonly address: RedisAddress
  /**
   * Puts a fault in the place of the one that holds: the server's, or that of one connection, which
   * is named by its CLIENT ID.
   */
  readonly inject: (fault: Fault.Fault, options?: { readonly connection?: number | undefined }) => Effect.Effect<void>
  /** Ends every fault, those of connections included, and disarms a `cut` that waits. */
  readonly heal: Effect.Effect<void>
  /** Changes who may log in and what is refused, for everybody and from now on. */
  readonly setAccess: (access: Access) => Effect.Effect<void>
  /**
   * Ends the process and starts it anew, as a master: connections are dropped, `run_id` and
   * replication id are new, loaded scripts are forgotten, cursors of SCAN mean other places. Its
   * data are kept (as with an append-only file), lost, or those of the last `save`.
   */
  readonly restart: (options: { readonly data: "kept" | "lost" | "dump" }) => Effect.Effect<void>
  /** Takes the dump that `restart` and `reload` read. */
  readonly save: Effect.Effect<void>
  /**
   * Loads the last dump in place, as DEBUG RELOAD NOSAVE does: no connection is lost and no id
   * changes.
   */
  readonly reload: Effect.Effect<void>
  /**
   * Removes one key of database 0, as Redis does when memory is short, and tells whether there was
   * one.
   */
  readonly evict: (key: string) => Effect.Effect<boolean>
  /**
   * Becomes a replica of another server of the network: takes over its data and its replication id,
   * follows each of its writes and refuses the writes of clients, who stay connected.
   */
  readonly replicaOf: (master: { readonly address: RedisAddress }) => Effect.Effect<void>
  /** Stops what comes from the master. The server stays a replica, with the data that it has. */
  readonly cutReplication: Effect.Effect<void>
  /** Makes a replica a master, with the data that it has. */
  readonly promote: Effect.Effect<void>
  /** Attaches a replica that nobody sees. The first one gives the master a new replication id. */
  readonly attachReplica: Effect.Effect<void>
  /** Detaches such a replica. An hour after the last one the replication id changes again. */
  readonly detachReplica: Effect.Effect<void>
  /** The commands that reached the server, also those that it answered with an error. */
  readonly received: Effect.Effect<ReadonlyArray<Received>>
  /** Tells when somebody tried to connect, also in vain: wall-clock times in milliseconds. */
  readonly attempts: Effect.Effect<ReadonlyArray<number>>
  /** Tells how many connections are open. */
  readonly connections: Effect.Effect<number>
  /** The CLIENT IDs of the connections that are open, oldest first. */
  readonly clients: Effect.Effect<ReadonlyArray<number>>
  /** Tells what INFO shows as `run_id`. */
  readonly runId: Effect.Effect<string>
  /** Runs a command on the server itself, past every fault. */
  readonly execute: (command: RedisCommand) => Effect.Effect<Reply, RedisCommandError>
  /** Reads one string of database 0. */
  readonly peek: (key: string) => Effect.Effect<string | undefined>
  /** The type and the wall-clock end of every key of database 0. */
  readonly entries: Effect.Effect<
    ReadonlyMap<
      string,
      { readonly type: "string" | "list" | "hash" | "set" | "zset" | "stream"; readonly expiresAt: number | undefined }
    >
  >
}
