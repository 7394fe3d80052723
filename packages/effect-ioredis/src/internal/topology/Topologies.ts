import { Effect, type Scope } from "effect"
import type { NodeEvent } from "../../dispatch.ts"
import type { RedisConnector } from "../../RedisConnector.ts"
import type { LiveSettings } from "../LiveSettings.ts"
import type { NodeMaker } from "../NodeMaker.ts"
import * as Cluster from "./Cluster.ts"
import * as Sentinel from "./Sentinel.ts"
import * as Single from "./Single.ts"
import type { Topology } from "./Topology.ts"

/**
 * Makes the topology that a client was given. `listeners` are told of all events of its nodes, and
 * `onEvent` tells them.
 */
export const make = (
  live: LiveSettings,
  maker: NodeMaker,
  listeners: Set<(event: NodeEvent) => void>,
  onEvent: (event: NodeEvent) => void
): Effect.Effect<Topology, never, Scope.Scope | RedisConnector> => {
  const { topology } = live.base
  switch (topology._tag) {
    case "Server":
      return Effect.sync(() =>
        Single.make(
          maker.make({
            label: "",
            locate: Effect.sync(() => ({ ...topology.address, ...live.connection.address })),
            slots: () => [],
            onRefusal: () => {}
          }).node
        )
      )
    case "Sentinel":
      return Sentinel.make(topology, live, maker, listeners)
    case "Cluster":
      return Cluster.make(topology, live, maker, listeners, onEvent)
  }
}
