/**
 * What the doctor knows of a Redis, collected once. The checks judge it, and ask nothing more.
 */
import type { RedisError } from "effect-ioredis"
import type { Use } from "../../Report.ts"
import type { Loss, Silence } from "./Conversation.ts"
import type { Want } from "./wants.ts"

/** Everything that is known. */
export interface Facts {
  readonly use: Use
  /** Begins the keys of the cache. */
  readonly prefix: string
  readonly place: Place
  /** The queues of tasks that were named. */
  readonly queues?: ReadonlyArray<string> | undefined
  /** The server, the master that the sentinels name, or the masters of the cluster. */
  readonly servers: ReadonlyArray<Server>
}

/** Where Redis is said to be, and what those say who know where it is. */
export type Place = SingleServer | Sentinels | Cluster

/** One server, by its address. */
export interface SingleServer {
  readonly _tag: "Server"
}

/** A master that sentinels watch. */
export interface Sentinels {
  readonly _tag: "Sentinel"
  readonly master: string
  readonly sentinels: ReadonlyArray<Sentinel>
}

/** What one sentinel says of the master. */
export interface Sentinel {
  readonly address: string
  readonly answer:
    | SentinelView
    | { readonly _tag: "Unknown" }
    | { readonly _tag: "Unreached"; readonly said: string }
    | { readonly _tag: "Refused"; readonly said: string }
    | { readonly _tag: "NoSentinel"; readonly said: string }
}

/** The master as one sentinel sees it. */
export interface SentinelView {
  readonly _tag: "View"
  readonly host: string
  readonly port: number
  readonly flags: ReadonlyArray<string>
  readonly quorum: number
  /** How many sentinels watch the master, this one included. */
  readonly sentinels: number
  readonly replicas: number
}

/** A cluster, as the first node sees it that answers. */
export interface Cluster {
  readonly _tag: "Cluster"
  readonly view: ClusterView | undefined
  /** Why no node told of the cluster, where none did. */
  readonly problem: ClusterProblem | undefined
}

/** Says why a node that can be reached does not tell of its cluster. */
export interface ClusterProblem {
  readonly _tag: "NoCluster" | "Refused"
  readonly address: string
  readonly said: string
}

/** Who owns what. */
export interface ClusterView {
  readonly state: string | undefined
  readonly ranges: ReadonlyArray<SlotRange>
}

/** Slots, both ends included, and who serves them. */
export interface SlotRange {
  readonly from: number
  readonly to: number
  readonly master: string
  readonly replicas: number
}

/** One server. */
export type Server = Unreached | Reached

/** Who was to log in, and how. */
export interface Attempt {
  /** Where it listens, as `host:port`. */
  readonly address: string
  readonly tls: boolean
  readonly user: string
  readonly hasPassword: boolean
}

/** No connection could be made, or its login was refused. */
export interface Unreached extends Attempt {
  readonly _tag: "Unreached"
  readonly reason: RedisError.ConnectionFailure
  /** What the library says of it: what happened and what to do, without any secret. */
  readonly message: string
  /** What the system or the server said, redacted. */
  readonly said: string
  /** The system's or OpenSSL's code of it, if it has one. */
  readonly code: string
  /** How long was waited for it, in milliseconds. */
  readonly waited: number
  /** Tells whether the port takes connections. */
  readonly accepts: boolean
  /** Tells whether it speaks TLS, and Redis without TLS, where that was tried. */
  readonly speaksTls: boolean
  readonly speaksPlain: boolean
}

/** What a server said that let us in. What it refused to say is undefined. */
export interface Reached extends Attempt {
  readonly _tag: "Reached"
  /** The command that got no answer. Nothing was asked after it. */
  readonly silence: Silence | undefined
  /** The command at which the server ended the connection. */
  readonly loss: Loss | undefined
  /** Tells whether it answered PING with something that no Redis says. */
  readonly isOther: boolean
  /** What INFO says, by Redis' names. */
  readonly info: Readonly<Record<string, string>>
  /** The lines of `save` in its configuration. */
  readonly save: string | undefined
  /** What the library wants and the user may not do. */
  readonly denied: ReadonlyArray<Denial>
  /** Tells whether a write was refused because memory is full. */
  readonly outOfMemory: boolean
  readonly clock: Clock | undefined
  readonly keys: KeySample | undefined
  /** The queues of tasks that were found there. */
  readonly queues: ReadonlyArray<Queue>
  readonly latency: Latency | undefined
  /** The slowest command of the last hour in the slow log, without arguments. */
  readonly slowest: { readonly command: string; readonly millis: number } | undefined
}

/** A queue of tasks. */
export interface Queue {
  /** Its name, behind its prefix where that is not `tasks`. */
  readonly name: string
  /** How many tasks may be begun. */
  readonly waiting: number
  /** How many tasks nobody will try again. */
  readonly dead: number
  readonly isPaused: boolean
  /** For how long the oldest task waits that was not begun yet, in milliseconds. */
  readonly oldest: number
}

/** A refused command. */
export interface Denial {
  readonly want: Want
  readonly said: string
}

/** How far the server's clock is ahead of ours, and how uncertain that is, in milliseconds. */
export interface Clock {
  readonly ahead: number
  readonly uncertainty: number
}

/** How long PINGs took, in milliseconds. */
export interface Latency {
  readonly tries: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
}

/** Keys of the cache's keyspace that were looked at, and those that are not the cache's. */
export interface KeySample {
  readonly looked: number
  /** How many keys are of another type than string, by type. */
  readonly otherTypes: Readonly<Record<string, number>>
  /** How many are strings in another format. */
  readonly otherFormats: number
}
