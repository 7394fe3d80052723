import { Effect } from "effect"
import type { Options, SimulatedSentinels } from "../../SimulatedSentinels.ts"
import type { SimulatedServer } from "../../SimulatedServer.ts"
import type { Handles } from "../Handles.ts"
import { nextPort } from "../nextPort.ts"
import type { Replication } from "../Replication.ts"
import * as SeededRandom from "../SeededRandom.ts"
import { Sentinels } from "./Sentinels.ts"

/** Makes a master with its replicas and sentinels and puts them into the hands of a test. */
export const sentinelsHandle = (handles: Handles, options: Options): SimulatedSentinels => {
  const { address = { host: "simulated-primary", port: 6379 }, name = "primary", replicas = 1, sentinels = 3 } = options
  const { sentinelAddress = { host: "simulated-sentinel", port: 26_379 } } = options
  const [nextServer, nextSentinel] = [nextPort(address), nextPort(sentinelAddress)]
  const place = () => handles.network.server(nextServer(), options.server ?? {}).replication
  const group = new Sentinels(
    {
      name,
      epoch: 0,
      master: place(),
      replicas: Array.from({ length: replicas }, place),
      failed: new Set(),
      promoted: undefined
    },
    Math.floor(sentinels / 2) + 1,
    SeededRandom.make(options.sentinel?.seed ?? sentinelAddress.port)
  )
  for (let index = 0; index < sentinels; index++) {
    const server = handles.network.server(nextSentinel(), options.sentinel ?? {})
    server.sentinel = group.add(server.replication)
  }
  const handleOf = (place: Replication) => handles.of(handles.serverOf({ address: place }))
  const placeOf = (server: SimulatedServer) => handles.serverOf(server).replication
  const replicaFor = (to: SimulatedServer | undefined): Replication => {
    const replica = to === undefined ? group.watched.replicas[0] : placeOf(to)
    if (replica === undefined) throw new Error(`SimulatedSentinels: ${name} has no replica`)
    return replica
  }

  return {
    name,
    sentinels: group.all.map(({ place }) => handleOf(place)),
    master: Effect.sync(() => handleOf(group.watched.master)),
    replicas: Effect.sync(() => group.watched.replicas.map(handleOf)),
    failOver: (to) =>
      Effect.sync(() => {
        const replica = replicaFor(to)
        group.failOver(replica)
        return handleOf(replica)
      }),
    beginFailOver: (to) =>
      Effect.sync(() => {
        const replica = replicaFor(to)
        group.beginFailOver(replica)
        return { replica: handleOf(replica), finish: Effect.sync(() => group.failOver(replica)) }
      }),
    markFailed: (server) => Effect.sync(() => group.setFailed(placeOf(server), true)),
    markAlive: (server) => Effect.sync(() => group.setFailed(placeOf(server), false)),
    isolate: (server) => Effect.sync(() => group.isolate(placeOf(server))),
    rejoin: (server) => Effect.sync(() => group.rejoin(placeOf(server))),
    forget: (sentinel) => Effect.sync(() => group.forget(placeOf(sentinel)))
  }
}
