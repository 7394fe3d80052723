import { slotOf } from "../../../internal/slot.ts"
import { at, type Commands, type Machine, read, type Run } from "../Command.ts"
import * as Wire from "../Wire.ts"
import * as ClusterMap from "./ClusterMap.ts"
import type { ClusterNode } from "./ClusterNode.ts"

type NodeRun = (args: ReadonlyArray<Buffer>, node: ClusterNode, machine: Machine) => Wire.Wire

const onNode =
  (run: NodeRun): Run =>
  (args, machine) =>
    machine.cluster === undefined
      ? Wire.fail("ERR This instance has cluster support disabled")
      : run(args, machine.cluster, machine)

const text = (value: string | number) => Buffer.from(String(value))

const slots: NodeRun = (_, { map }) =>
  ClusterMap.ranges(map).map(({ from, owner, to }) => [
    from,
    to,
    ...[owner, ...ClusterMap.replicasOf(map, owner).filter((node) => isAlive(map, node))].map(slotsEntry)
  ])

const slotsEntry = (node: ClusterNode): Wire.Wire => {
  const { host, port } = node.announced
  return [hostOf(node), port, text(node.id), node.settings.endpoint === "unknown" ? [text("ip"), text(host)] : []]
}

const hostOf = ({ announced: { host }, settings: { endpoint } }: ClusterNode): Wire.Wire =>
  endpoint === "unknown" ? null : text(endpoint === "empty" ? "" : host)

const isAlive = ({ members }: ClusterMap.ClusterMap, node: ClusterNode): boolean => members.get(node)?.failed === false

const shards: NodeRun = (_, { map }) =>
  Array.from(map.members)
    .filter(([, { master }]) => master === undefined)
    .map(([master]) => [
      text("slots"),
      ClusterMap.ranges(map).flatMap(({ from, owner, to }) => (owner === master ? [from, to] : [])),
      text("nodes"),
      [master, ...ClusterMap.replicasOf(map, master)].map((node) => shardsEntry(map, node))
    ])

const shardsEntry = (map: ClusterMap.ClusterMap, node: ClusterNode): Wire.Wire => {
  const { host, port } = node.announced
  const isMaster = map.members.get(node)?.master === undefined
  return [
    ...[text("id"), text(node.id), text("port"), port],
    ...[text("ip"), text(node.settings.endpoint === "empty" ? "" : host)],
    ...[text("endpoint"), hostOf(node)],
    ...[text("role"), text(isMaster ? "master" : "replica")],
    ...[text("replication-offset"), node.place.history.offset],
    ...[text("health"), text(isAlive(map, node) ? (isMaster || node.place.connected ? "online" : "loading") : "fail")]
  ]
}

const info: NodeRun = (_, node) => {
  const { isUp, map, master } = node
  const { assigned, failed } = ClusterMap.coverageOf(map)
  const fields = {
    cluster_state: isUp ? "ok" : "fail",
    cluster_slots_assigned: assigned,
    cluster_slots_ok: assigned - failed,
    cluster_slots_pfail: 0,
    cluster_slots_fail: failed,
    cluster_known_nodes: map.members.size,
    cluster_size: new Set(ClusterMap.ranges(map).map(({ owner }) => owner)).size,
    cluster_current_epoch: map.epoch,
    cluster_my_epoch: map.members.get(master ?? node)?.epoch ?? 0
  }
  return text(
    Object.entries(fields)
      .map(([name, value]) => `${name}:${value}\r\n`)
      .join("")
  )
}

const slotIn = (args: ReadonlyArray<Buffer>): number => {
  const slot = Wire.isInteger(at(args, 0)) ? Wire.integer(args[0]) : -1
  return slot >= 0 && slot < ClusterMap.slotCount ? slot : Wire.fail("ERR Invalid slot")
}

const keysInSlot: NodeRun = (args, node) => node.keysIn(slotIn(args)).slice(0, Wire.integer(args[1]))

// The flag holds for the next command: the server takes it away.
const asking: NodeRun = (_, _node, { client }) => {
  client.asking = true
  return "OK"
}

const readOnly =
  (on: boolean): NodeRun =>
  (_, _node, { client }) => {
    client.readOnly = on
    return "OK"
  }

export const commands: Commands = {
  "cluster|slots": read(2, onNode(slots)),
  "cluster|shards": read(2, onNode(shards)),
  "cluster|info": read(2, onNode(info)),
  "cluster|myid": read(
    2,
    onNode((_, { id }) => text(id))
  ),
  "cluster|keyslot": read(
    3,
    onNode((args) => slotOf(at(args, 0)))
  ),
  "cluster|countkeysinslot": read(
    3,
    onNode((args, node) => node.keysIn(slotIn(args)).length)
  ),
  "cluster|getkeysinslot": read(4, onNode(keysInSlot)),
  asking: read(1, onNode(asking)),
  readonly: read(1, onNode(readOnly(true))),
  readwrite: read(1, onNode(readOnly(false)))
}
