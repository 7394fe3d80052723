import { Effect } from "effect"
import { Fault, type SimulatedRedis } from "effect-ioredis/testing"
import type { Change } from "./History.ts"
import type { Servers, Watcher } from "./Servers.ts"

/** One server, and a replica that nobody reaches. */
export const make = Effect.fnUntraced(function* (network: SimulatedRedis.SimulatedRedis, watcher: Watcher) {
  const replica = yield* network.server({ host: "replica", port: 6379 })
  const copy = Effect.andThen(replica.replicaOf(network), replica.cutReplication)
  const resync = replica.promote.pipe(Effect.andThen(network.replicaOf(replica)), Effect.andThen(network.promote))
  const cutIf = (cut: boolean) => (cut ? network.inject(Fault.cut({ executed: false })) : Effect.void)
  let hasCopy = false

  const change = (is: Change): Effect.Effect<void> => {
    switch (is._tag) {
      case "Save":
        return network.save
      case "Attach":
        return network.attachReplica
      case "Copy":
        hasCopy = true
        return copy
      case "Switch":
        hasCopy = true
        return copy.pipe(Effect.andThen(resync), Effect.andThen(cutIf(is.cut)))
      case "Resync":
        if (!hasCopy) return Effect.void
        watcher.lost({ inPlace: !is.cut })
        return Effect.andThen(resync, cutIf(is.cut))
      case "Restart":
        if (is.data !== "kept") watcher.lost({ inPlace: false })
        return network.restart(is)
    }
  }

  const servers: Servers = {
    topology: undefined,
    elsewhere: replica,
    all: Effect.succeed([network]),
    ownerOf: () => Effect.succeed(network),
    holderOf: () => Effect.succeed(network),
    change: (is) => Effect.suspend(() => change(is)),
    turn: () => Effect.void,
    revive: Effect.void,
    heal: network.heal
  }
  return servers
})
