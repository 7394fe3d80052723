import type { CircuitStats, NodeStats, Stats } from "../RedisClient.ts"
import type * as RedisError from "../RedisError.ts"
import { show } from "./clientSettings.ts"
import type { Counts } from "./Counts.ts"
import { errorStats } from "./errorStats.ts"
import type { LiveSettings } from "./LiveSettings.ts"
import type { RedisNode, Status } from "./node/RedisNode.ts"
import type { Topology } from "./topology/Topology.ts"

/** Holds what the stats of a client are told from. Nothing of it asks Redis. */
export interface Sources {
  readonly live: LiveSettings
  /** Says when the client was made, in milliseconds since 1970. */
  readonly since: number
  readonly counts: Counts
  /** Gives all nodes that live, those included that own nothing. */
  readonly living: () => ReadonlyArray<RedisNode>
  readonly topology: Topology
  readonly lastFailure: () => Stats["lastFailure"]
}

/** Tells how a client fares. */
export const clientStats = (sources: Sources): Stats => {
  const { counts, live, living, since, topology } = sources
  const settings = live.base
  const nodes = topology.nodes()
  const lastFailure = sources.lastFailure()
  const connectError = connectErrorOf(topology)
  return {
    name: settings.name,
    since: new Date(since).toISOString(),
    connection: statusOf(topology),
    connections: sum(nodes, (node) => node.sessions().length),
    inFlight: sum(living(), (node) => node.inFlight()),
    breaker: combine(nodes.flatMap((node) => node.circuits().map((circuit) => circuit.stats()))),
    nodes: nodes.map(nodeStats),
    operations: counts.operations,
    failures: Object.fromEntries(counts.failures),
    retries: counts.retries,
    reservations: { inUse: counts.reserved, limit: settings.maxReserved },
    ...(lastFailure && { lastFailure }),
    ...(connectError && { connectError: errorStats(connectError) }),
    settings: show(live, counts.demand())
  }
}

const nodeStats = (node: RedisNode): NodeStats => {
  const error = node.lastError()
  return {
    node: node.name,
    connection: node.status(),
    connections: node.sessions().length,
    inFlight: node.inFlight(),
    breaker: node.circuitFor("read").stats(),
    ...(node.circuits().length > 1 && { writeBreaker: node.circuitFor("write").stats() }),
    ...(error && { connectError: errorStats(error) })
  }
}

// Several circuits as one, which is in the state that all of them are in.
const combine = (circuits: ReadonlyArray<CircuitStats>): Stats["breaker"] => {
  const [first] = circuits
  if (circuits.length === 1 && first !== undefined) return first
  const failures = Math.max(0, ...circuits.map((circuit) => circuit.failures))
  const broken = circuits.flatMap((circuit) => (circuit._tag === "Closed" ? [] : [circuit]))
  if (broken.length === 0) return { _tag: "Closed", failures }
  const openMillis = Math.max(...broken.map((circuit) => circuit.openMillis))
  if (broken.length < circuits.length) return { _tag: "Partial", failures, openMillis, broken: broken.length }
  const probing = broken.flatMap((circuit) => (circuit._tag === "HalfOpen" ? [circuit.probes] : []))
  if (probing.length > 0) {
    return { _tag: "HalfOpen", failures, openMillis, probes: probing.reduce((total, probes) => total + probes) }
  }
  const open = broken.flatMap((circuit) => (circuit._tag === "Open" ? [circuit] : []))
  const due = open.flatMap(({ retryAfterMillis }) => (retryAfterMillis === undefined ? [] : [retryAfterMillis]))
  const isolated = open.every((circuit) => circuit.isolated)
  return {
    _tag: "Open",
    failures,
    openMillis,
    isolated,
    ...(due.length > 0 && { retryAfterMillis: Math.min(...due) })
  }
}

/** Adds up what several nodes have. */
export const sum = (nodes: ReadonlyArray<RedisNode>, of: (node: RedisNode) => number): number =>
  nodes.reduce((total, node) => total + of(node), 0)

// Of several servers one may be new. Where all are connected but nobody says who owns which keys,
// the client is still on its way.
const statusOf = (topology: Topology): Status => {
  const statuses = topology.nodes().map((node) => node.status())
  if (statuses.includes("Closed")) return "Closed"
  if (statuses.every((status) => status === "Ready")) return topology.isReady() ? "Ready" : "Connecting"
  return statuses.every((status) => status === "Connecting") ? "Connecting" : "Reconnecting"
}

/** Tells why a connection is missing, while one is. */
export const connectErrorOf = (topology: Topology): RedisError.RedisConnectionError | undefined => {
  for (const node of topology.nodes()) {
    const error = node.lastError()
    if (error !== undefined) return error
  }
  return topology.problem()
}
