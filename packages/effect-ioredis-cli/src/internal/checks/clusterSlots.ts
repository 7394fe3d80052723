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
    ...(uncovered > 0 ? [`no master owns slots ${rangesText(gapsOf(ranges))}`] : []),
    ...dead.map((server) => `master ${server.address} of ${slotsText(lost, server.address)}: ${server.message}`),
    ...(state === undefined || state === "ok" ? [] : [`the cluster says cluster_state:${state}`])
  ]
  const title = `The cluster does not serve ${count === 0 ? "keys" : `${count} of its ${slots} slots`}`
  return [finding("cluster-slots", "critical", title, evidence, remedyFor({ uncovered, dead: dead.length }))]
}

const remedyFor = (found: { readonly uncovered: number; readonly dead: number }): ReadonlyArray<string> => [
  ...(found.uncovered > 0 ? ["Give them a master: `redis-cli --cluster fix <host:port>`"] : []),
  ...(found.uncovered > 0 && found.dead === 0
    ? []
    : [
        "Start the masters that are away, or wait for their replicas to take over (`cluster-node-timeout` and a little more)",
        "Where a master is lost for good and has no replica: `redis-cli --cluster fix <host:port>` gives its slots to the others, without their keys"
      ]),
  "`cluster-require-full-coverage no` lets the others serve their keys meanwhile"
]

interface Range {
  readonly from: number
  readonly to: number
}

/** The slots between those that are owned. */
const gapsOf = (ranges: ReadonlyArray<Range>): ReadonlyArray<Range> => {
  const gaps: Array<Range> = []
  let next = 0
  for (const { from, to } of ranges.toSorted((one, other) => one.from - other.from)) {
    if (from > next) gaps.push({ from: next, to: from - 1 })
    next = Math.max(next, to + 1)
  }
  return next < slots ? [...gaps, { from: next, to: slots - 1 }] : gaps
}

const sizeOf = ({ from, to }: SlotRange): number => to - from + 1

const slotsText = (ranges: ReadonlyArray<SlotRange>, address: string): string => {
  const own = ranges.filter(({ master }) => master === address)
  return own.length === 0 ? "no slots" : `slots ${rangesText(own)}`
}

const rangesText = (ranges: ReadonlyArray<Range>): string => {
  const some = ranges.slice(0, 10).map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`))
  return ranges.length > some.length ? `${some.join(", ")} and others` : some.join(", ")
}
