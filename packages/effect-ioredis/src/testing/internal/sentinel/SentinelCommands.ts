import type { Replication } from "../Replication.ts"
import { at, type Commands, type Machine, read, type Run } from "../Command.ts"
import * as ConnectionCommands from "../ConnectionCommands.ts"
import * as ServerCommands from "../ServerCommands.ts"
import * as Wire from "../Wire.ts"
import type { Sentinel, Watched } from "./Sentinels.ts"

type SentinelRun = (args: ReadonlyArray<Buffer>, sentinel: Sentinel) => Wire.Wire

const onSentinel =
  (run: SentinelRun): Run =>
  (args, machine) =>
    machine.sentinel === undefined ? Wire.fail("ERR This instance has no sentinel") : run(args, machine.sentinel)

const ofMaster = (run: (watched: Watched, sentinel: Sentinel) => Wire.Wire): Run =>
  onSentinel((args, sentinel) => {
    const watched = sentinel.find(at(args, 0).toString())
    return watched === undefined ? Wire.fail("ERR No such master with that name") : run(watched, sentinel)
  })

const text = (value: string | number) => Buffer.from(String(value))

const fieldsOf = (fields: Readonly<Record<string, string | number>>): ReadonlyArray<Buffer> =>
  Object.entries(fields).flatMap(([name, value]) => [text(name), text(value)])

const addressOf: SentinelRun = (args, sentinel) => {
  const watched = sentinel.find(at(args, 0).toString())
  if (watched === undefined) return null
  // While a failover is under way it names the replica, and still describes the old master.
  const { host, port } = watched.promoted ?? watched.master
  return [text(host), text(port)]
}

const masterFields = (watched: Watched, { group, others }: Sentinel) => {
  const { epoch, master, name, replicas } = watched
  return fieldsOf({
    ...instance(name, master, masterFlags(watched)),
    ...reported("master"),
    "config-epoch": epoch,
    "num-slaves": replicas.length,
    "num-other-sentinels": others.length,
    quorum: group.quorum,
    "failover-timeout": 180_000,
    "parallel-syncs": 1
  })
}

const masterFlags = ({ failed, master, promoted }: Watched): string =>
  [
    failed.has(master) ? "s_down,o_down,master,disconnected" : "master",
    ...(promoted === undefined ? [] : ["failover_in_progress"])
  ].join(",")

const replicaFields = (replica: Replication, { failed, master, promoted }: Watched) =>
  fieldsOf({
    ...instance(
      `${replica.host}:${replica.port}`,
      replica,
      failed.has(replica) ? "s_down,slave,disconnected" : replica === promoted ? "slave,promoted" : "slave"
    ),
    ...reported(replica.history.role),
    "master-link-down-time": 0,
    "master-link-status": replica.connected ? "ok" : "err",
    "master-host": master.host,
    "master-port": master.port,
    "slave-priority": 100,
    "slave-repl-offset": replica.history.offset,
    "replica-announced": 1
  })

const sentinelFields = ({ id, place }: Sentinel) =>
  fieldsOf({
    ...instance(id, place, "sentinel"),
    runid: id,
    "last-hello-message": 0,
    "voted-leader": "?",
    "voted-leader-epoch": 0
  })

const instance = (name: string, { history, host, port }: Replication, flags: string) => ({
  name,
  ip: host,
  port,
  runid: history.runId,
  flags,
  "link-pending-commands": 0,
  "link-refcount": 1,
  "last-ping-sent": 0,
  "last-ok-ping-reply": 0,
  "last-ping-reply": 0,
  "down-after-milliseconds": 30_000
})

const reported = (role: "master" | "slave") => ({
  "info-refresh": 0,
  "role-reported": role,
  "role-reported-time": 0
})

// What a sentinel answers beside SENTINEL: it has no data.
const shared = ["ping", "auth", "hello", "info", "role", "client|id", "client|getname", "client|setname", "client|kill"]

const role: Run = (_, { sentinel }: Machine) => [
  text("sentinel"),
  sentinel?.watched === undefined ? [] : [text(sentinel.watched.name)]
]

const replicas = ofMaster((watched) => watched.replicas.map((replica) => replicaFields(replica, watched)))

/** All that a sentinel knows; another server knows none of it. */
export const commands: Commands = {
  ...Object.fromEntries(
    Object.entries({ ...ConnectionCommands.commands, ...ServerCommands.commands }).filter(([name]) =>
      shared.includes(name)
    )
  ),
  role: read(1, role),
  "sentinel|get-master-addr-by-name": read(3, onSentinel(addressOf)),
  "sentinel|master": read(3, ofMaster(masterFields)),
  "sentinel|masters": read(
    2,
    onSentinel((_, sentinel) => (sentinel.watched === undefined ? [] : [masterFields(sentinel.watched, sentinel)]))
  ),
  "sentinel|replicas": read(3, replicas),
  "sentinel|slaves": read(3, replicas),
  "sentinel|sentinels": read(
    3,
    ofMaster((_, { others }) => others.map(sentinelFields))
  ),
  "sentinel|myid": read(
    2,
    onSentinel((_, { id }) => text(id))
  )
}
