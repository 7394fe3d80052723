import { slotOf } from "../../../internal/slot.ts"
import type { Client } from "../Command.ts"
import type { ClusterNode } from "./ClusterNode.ts"

/** Describes what a command asks of a node. */
export interface Request {
  readonly keys: ReadonlyArray<Buffer>
  readonly writes: boolean
  /** Says whether they are shard channels: these are nowhere missing, and replicas serve them. */
  readonly isShard: boolean
}

/** The error reply by which a node refuses keys or sends their client elsewhere, if it does. */
export const ofClient = (node: ClusterNode, client: Client, { isShard, keys, writes }: Request): string | undefined => {
  const [first] = keys
  if (first === undefined) return undefined
  const slot = slotOf(first)
  const owner = node.map.owners[slot]
  if (owner === undefined) return notServed
  if (keys.some((key) => slotOf(key) !== slot)) return "CROSSSLOT Keys in request don't hash to the same slot"
  if (!node.isUp) return down
  const missing = isShard ? 0 : keys.filter((key) => node.store.get(key) === undefined).length
  const target = owner === node ? node.migrating.get(slot) : undefined
  if (target !== undefined && missing > 0) {
    return missing < keys.length ? tryAgain : `ASK ${slot} ${endpointOf(target)}`
  }
  if (node.importing.has(slot) && client.asking) {
    return missing > 0 && keys.some((key) => !key.equals(first)) ? tryAgain : undefined
  }
  if ((client.readOnly || isShard) && !writes && node.master === owner) return undefined
  return owner === node ? undefined : `MOVED ${slot} ${endpointOf(owner)}`
}

/** The error that a script gets in the place of what its client would get. */
export const ofScript = (node: ClusterNode, client: Client, request: Request): string | undefined => {
  const refusal = ofClient(node, client, request)
  if (refusal === undefined) return undefined
  return refusal === down
    ? "ERR Script attempted to execute a command while the cluster is down"
    : "ERR Script attempted to access a non local key in a cluster node"
}

const notServed = "CLUSTERDOWN Hash slot not served"
const down = "CLUSTERDOWN The cluster is down"
const tryAgain = "TRYAGAIN Multiple keys request during rehashing of slot"

const endpointOf = ({ announced: { host, port }, settings: { endpoint } }: ClusterNode): string =>
  `${endpoint === "address" ? host : ""}:${port}`
