import type { Effect, Scope } from "effect"
import type { RedisTopology } from "effect-ioredis"
import type { SimulatedRedis, SimulatedServer } from "effect-ioredis/testing"
import * as ClusterServers from "./ClusterServers.ts"
import type { Change, Turn, World } from "./History.ts"
import * as OneServer from "./OneServer.ts"
import * as SentinelServers from "./SentinelServers.ts"

export type Server = SimulatedServer.SimulatedServer

/** The servers of a history, and what may become of them. */
export interface Servers {
  /** Where the clients find them; `undefined` for the one server that every address reaches. */
  readonly topology: RedisTopology.RedisTopology | undefined
  /** One with older data that nobody writes to, where there is any. */
  readonly elsewhere?: Server
  /** Those with data, whether they are masters now or not. */
  readonly all: Effect.Effect<ReadonlyArray<Server>>
  /** The master that owns a key now. */
  readonly ownerOf: (key: string) => Effect.Effect<Server>
  /** The master that has a key now, which may have moved ahead of its slot, or would get it. */
  readonly holderOf: (key: string) => Effect.Effect<Server>
  readonly change: (change: Change) => Effect.Effect<void>
  readonly turn: (turn: Turn) => Effect.Effect<void>
  /** Lets those that were killed live again. */
  readonly revive: Effect.Effect<void>
  /** Ends whatever is wrong with them. */
  readonly heal: Effect.Effect<void>
}

/** Is told what clients may notice of that, just before it happens. */
export interface Watcher {
  /** A server has older data from now on, of some slots if they are named. */
  readonly lost: (loss: {
    readonly inPlace: boolean
    readonly slots?: ReadonlySet<number>
    /** The server that has to be noticed, where there are several. */
    readonly server?: Server
  }) => void
  /** Another server is the master, of some slots if they are named. */
  readonly moved: (slots?: ReadonlySet<number>) => void
}

/** Makes the servers of a world. */
export const make = (
  world: World,
  network: SimulatedRedis.SimulatedRedis,
  watcher: Watcher
): Effect.Effect<Servers, never, Scope.Scope> => {
  switch (world._tag) {
    case "Server":
      return OneServer.make(network, watcher)
    case "Cluster":
      return ClusterServers.make(network, world.fullCoverage, watcher)
    case "Sentinel":
      return SentinelServers.make(network, watcher)
  }
}
