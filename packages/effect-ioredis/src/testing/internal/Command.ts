import type { SimulatedScript } from "../SimulatedScript.ts"
import type { Wait } from "./Blocked.ts"
import type { ClusterNode } from "./cluster/ClusterNode.ts"
import type { Keyspace } from "./Keyspace.ts"
import type { PubSub, Subscriptions } from "./PubSub.ts"
import type { RedisStore } from "./RedisStore.ts"
import type { Replication } from "./Replication.ts"
import type { Sentinel } from "./sentinel/Sentinels.ts"
import type { Tracked } from "./Tracking.ts"
import type { Transaction } from "./Transaction.ts"
import type { ErrorReply, Wire } from "./Wire.ts"

/** The client that sent a command, as the server knows it. */
export interface Client {
  readonly id: number
  db: number
  name: string
  /** The user that it has logged in as. */
  user: string
  /** Says whether its next command may be for a slot that is still coming. */
  asking: boolean
  /** Says whether it takes what a replica has. */
  readOnly: boolean
  /** Holds the channels that it hears of. */
  readonly subscriptions: Subscriptions
  /** Holds what it has watched and queued. */
  readonly transaction: Transaction
  /** The keys that it is told of when they change. */
  tracked: Tracked | undefined
}

/** Describes what the commands of a server can reach. */
export interface Machine {
  readonly client: Client
  /** The database that the client has selected. */
  readonly store: RedisStore
  readonly keyspace: Keyspace
  readonly replication: Replication
  /** What the server is in a cluster, if it is in one. */
  readonly cluster: ClusterNode | undefined
  /** What the server is as a sentinel, if it is one. */
  readonly sentinel: Sentinel | undefined
  readonly loading: boolean
  readonly startedAt: number
  readonly clients: () => number
  /** Tells whether a client is connected. */
  readonly isConnected: (clientId: number) => boolean
  readonly pubSub: PubSub
  /** Tells the client of the keys that change from now on, or of none. */
  readonly track: (tracked: Tracked | undefined) => void
  /** Commands that the simulation was given beside its own, by lower-case name. */
  readonly commands: ReadonlyMap<string, Command>
  /**
   * The scripts that have a JavaScript counterpart, and those the server has seen since it started,
   * by SHA-1.
   */
  readonly scripts: ReadonlyMap<string, SimulatedScript>
  readonly loaded: Set<string>
  /** Is told of a script without a counterpart. */
  readonly onMissingScript: (sha: string) => void
  /** Drops a client's connection for another client, or its own; whether there was one. */
  readonly kill: (clientId: number) => boolean
  /** Why a login with this password is refused, if it is. */
  readonly loginRefusal: (username: string | undefined, password: string) => ErrorReply | undefined
  /** Follows the server at an address, or nobody. */
  readonly replicaOf: (address: { readonly host: string; readonly port: number } | undefined) => void
  /**
   * Why the server refuses a command just now; `name` is in upper case, subcommands as `CLIENT|ID`.
   * `args` are all that follows the first word.
   */
  readonly refusal: (name: string, impact: Impact, args: ReadonlyArray<Buffer>) => ErrorReply | undefined
  /** Draws a number in [0, 1) that is the same for the same seed. */
  readonly random: () => number
  /** Says whether a command may let its client wait: in a transaction and in a script none does. */
  readonly mayBlock: boolean
  /** Lets the client wait. It is answered later, and not by what this gives. */
  readonly block: (wait: Wait) => null
  /** Ends a client's wait, as if its time were over or by an error; whether it waited. */
  readonly unblock: (clientId: number, reason: "TIMEOUT" | "ERROR") => boolean
  /** Runs what a script or a transaction calls. */
  readonly execute: (name: string, args: ReadonlyArray<Buffer>) => Wire
}

/**
 * Describes what a command does to memory: `grow` needs more of it, `write` changes what is there.
 */
export type Impact = "none" | "write" | "grow"

/** `arity` counts the words of the name too; a negative one is a minimum. */
export interface Command {
  readonly arity: number
  readonly impact: Impact
  readonly run: Run
}

export type Run = (args: ReadonlyArray<Buffer>, machine: Machine) => Wire

/** Commands by lower-case name; subcommands as `client|id`, whose `args` begin after both words. */
export type Commands = Readonly<Record<string, Command>>

export const read = (arity: number, run: Run): Command => ({ arity, impact: "none", run })
export const write = (arity: number, run: Run): Command => ({ arity, impact: "write", run })
export const grow = (arity: number, run: Run): Command => ({ arity, impact: "grow", run })

/** The argument at a place that the command's arity promises. */
export const at = (args: ReadonlyArray<Buffer>, index: number): Buffer => args[index] ?? Buffer.alloc(0)

export const upper = (bytes: Buffer | undefined): string => (bytes ?? Buffer.alloc(0)).toString("latin1").toUpperCase()

/** Tells what kind of server it is, as INFO and HELLO show it. */
export const modeOf = ({ cluster, sentinel }: Pick<Machine, "cluster" | "sentinel">): string =>
  sentinel !== undefined ? "sentinel" : cluster !== undefined ? "cluster" : "standalone"
