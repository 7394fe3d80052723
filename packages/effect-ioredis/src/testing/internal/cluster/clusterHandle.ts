import { Effect } from "effect"
import { slotOf } from "../../../internal/slot.ts"
import type { RedisAddress } from "../../../RedisConnector.ts"
import type { Migration, Options, SimulatedCluster, Slots } from "../../SimulatedCluster.ts"
import type { SimulatedServer } from "../../SimulatedServer.ts"
import type { Handles } from "../Handles.ts"
import { nextPort } from "../nextPort.ts"
import * as SeededRandom from "../SeededRandom.ts"
import { Cluster } from "./Cluster.ts"
import * as ClusterMap from "./ClusterMap.ts"
import type { ClusterNode } from "./ClusterNode.ts"

/** Makes servers of a network into a cluster and puts it into the hands of a test. */
export const clusterHandle = (handles: Handles, options: Options): SimulatedCluster => {
  const { address = { host: "simulated-cluster", port: 7000 }, masters = 3, replicas = 0 } = options
  const settings = { fullCoverage: options.fullCoverage ?? true, endpoint: options.endpoint ?? "address" }
  const cluster = new Cluster(settings, SeededRandom.make(options.server?.seed ?? address.port))
  const nodes = new Nodes(handles, cluster, options, address)
  const first = Array.from({ length: masters }, () => nodes.add())
  for (let round = 0; round < replicas; round++) for (const master of first) nodes.add(master)
  for (const [index, master] of first.entries()) cluster.assign(shareOf(index, masters), master)

  return {
    seeds: nodes.all().map(({ place: { host, port } }) => ({ host, port })),
    servers: Effect.sync(() => nodes.all().map(nodes.handleOf)),
    masters: Effect.sync(() => cluster.masters().map(nodes.handleOf)),
    ownerOf: (keyOrSlot) => Effect.sync(() => nodes.handleOf(nodes.ownerOf(keyOrSlot))),
    replicaOf: (master, index) => Effect.sync(() => nodes.handleOf(nodes.replicaOf(nodes.of(master), index))),
    idOf: (server) => Effect.sync(() => nodes.of(server).id),
    moveSlots: (slots, to) => Effect.sync(() => cluster.assign(slotsIn(slots), nodes.masterOf(to))),
    uncover: (slots) => Effect.sync(() => cluster.assign(slotsIn(slots), undefined)),
    migrate: (slots, to) => Effect.sync(() => begin(cluster, slotsIn(slots), nodes.masterOf(to))),
    failOver: (master, { planned = false, to } = {}) =>
      Effect.sync(() => {
        const replica = to === undefined ? nodes.replicaOf(nodes.of(master)) : nodes.of(to)
        if (planned) replica.synchronise()
        cluster.takeOver(replica)
        return nodes.handleOf(replica)
      }),
    markFailed: (server) => Effect.sync(() => cluster.setFailed(nodes.of(server), true)),
    markAlive: (server) => Effect.sync(() => cluster.setFailed(nodes.of(server), false)),
    isolate: (server, { noticed = false } = {}) => Effect.sync(() => cluster.isolate(nodes.of(server), noticed)),
    rejoin: (server) => Effect.sync(() => cluster.rejoin(nodes.of(server))),
    addNode: ({ replicaOf } = {}) => Effect.sync(() => nodes.handleOf(nodes.add(replicaOf && nodes.of(replicaOf)))),
    removeNode: (server) => Effect.sync(() => cluster.remove(nodes.of(server))),
    announce: (server, address) =>
      Effect.sync(() => {
        nodes.of(server).announced = address
      })
  }
}

/** The nodes of a cluster and the servers that they are. */
class Nodes {
  readonly #handles: Handles
  readonly #cluster: Cluster
  readonly #options: Options
  readonly #next: () => RedisAddress

  constructor(handles: Handles, cluster: Cluster, options: Options, first: RedisAddress) {
    this.#handles = handles
    this.#cluster = cluster
    this.#options = options
    this.#next = nextPort(first)
  }

  add(master?: ClusterNode): ClusterNode {
    const server = this.#handles.network.server(this.#next(), this.#options.server ?? {})
    const node = this.#cluster.add(server.replication, master)
    server.join(node)
    return node
  }

  all(): ReadonlyArray<ClusterNode> {
    return Array.from(this.#cluster.map.members.keys())
  }

  of(server: SimulatedServer): ClusterNode {
    return this.#handles.serverOf(server).cluster ?? missing(`${nameOf(server)} is in no cluster`)
  }

  masterOf(server: SimulatedServer): ClusterNode {
    const node = this.of(server)
    const isMaster = this.#cluster.map.members.get(node)?.master === undefined
    return isMaster ? node : missing(`${nameOf(server)} is a replica, which owns no slots`)
  }

  readonly handleOf = ({ place }: ClusterNode): SimulatedServer =>
    this.#handles.of(this.#handles.serverOf({ address: place }))

  ownerOf(keyOrSlot: string | number): ClusterNode {
    const slot = typeof keyOrSlot === "string" ? slotOf(keyOrSlot) : keyOrSlot
    return this.#cluster.map.owners[slot] ?? missing(`slot ${slot} has no owner`)
  }

  replicaOf(master: ClusterNode, index = 0): ClusterNode {
    const replica = ClusterMap.replicasOf(this.#cluster.map, master)[index]
    return replica ?? missing(`${nameOf({ address: master.place })} has no replica ${index}`)
  }
}

const begin = (cluster: Cluster, slots: ReadonlyArray<number>, to: ClusterNode): Migration => {
  cluster.open(slots, to)
  return {
    moveKeys: (...keys) =>
      Effect.sync(() =>
        cluster.moveKeys(
          slots,
          to,
          keys.map((key) => Buffer.from(key))
        )
      ),
    finish: Effect.sync(() => cluster.assign(slots, to)),
    abandon: Effect.sync(() => cluster.close(slots, to))
  }
}

const shareOf = (index: number, masters: number): ReadonlyArray<number> => {
  const from = Math.round((index * ClusterMap.slotCount) / masters)
  const to = Math.round(((index + 1) * ClusterMap.slotCount) / masters) - 1
  return slotsIn({ from, to })
}

const slotsIn = (slots: Slots): ReadonlyArray<number> => {
  if ("key" in slots) return [slotOf(slots.key)]
  return "from" in slots ? Array.from({ length: slots.to - slots.from + 1 }, (_, index) => slots.from + index) : slots
}

const nameOf = ({ address: { host, port } }: Pick<SimulatedServer, "address">): string => `${host}:${port}`

const missing = (what: string): never => {
  throw new Error(`SimulatedCluster: ${what}`)
}
