/** Slots that nobody serves. */
import type { SlotRange } from "../facts/Facts.ts"
import { type Check, finding } from "../finding.ts"

const slots = 16_384

/** Finds keys of a cluster that cannot be read or written. */
export const clusterSlots: Check = ({ place, servers }) => {
  if (place._tag !== "Cluster" || place.view === undefined) return []
  const { ranges, state } = place.view
  // A refused login is no dead server, and is told by itself.
  const dead = servers.flatMap((server) =>
    server._tag === "Unreached" && !["Auth", "Tls", "TooManyClients"].includes(server.reason) ? [server] : []
  )
  const uncovered = slots - ranges.reduce((sum, range) => sum + sizeOf(range), 0)
  const lost = ranges.filter(({ master }) => dead.some(({ address }) => address === master))
  const count = uncovered + lost.reduce((sum, range) => sum + sizeOf(range), 0)
  if (count === 0 && (state === undefined || state === "ok")) return []
  const evidence = [
    ...(uncovered > 0 ? [`${uncovered} slots have no master`] : []),
    ...dead.map((server) => `master ${server.address} of ${slotsText(lost, server.address)}: ${server.message}`),
    ...(state === undefined || state === "ok" ? [] : [`the cluster says cluster_state:${state}`])
  ]
  const title = `The cluster does not serve ${count === 0 ? "keys" : `${count} of its ${slots} slots`}`
  return [finding("cluster-slots", "critical", title, evidence, remedy)]
}

const remedy = [
  "Start the masters that are away, or wait for their replicas to take over (`cluster-node-timeout` and a little more)",
  "Where a master is lost for good and has no replica: `redis-cli --cluster fix <host:port>` gives its slots to the others, without their keys",
  "`cluster-require-full-coverage no` lets the others serve their keys meanwhile"
]

const sizeOf = ({ from, to }: SlotRange): number => to - from + 1

const slotsText = (ranges: ReadonlyArray<SlotRange>, address: string): string => {
  const own = ranges.filter(({ master }) => master === address)
  return own.length === 0 ? "no slots" : `slots ${own.map(({ from, to }) => `${from}-${to}`).join(", ")}`
}
