import { at, type Commands, type Machine, modeOf, read, type Run, upper } from "./Command.ts"
import * as Wire from "./Wire.ts"

const time: Run = (_, { store }) => {
  const now = store.now()
  return [Math.floor(now / 1000), Math.floor((now % 1000) * 1000)].map((part) => Buffer.from(String(part)))
}

const info: Run = (args, machine) => {
  const asked = new Set(args.map(upper))
  const all = asked.size === 0 || ["ALL", "DEFAULT", "EVERYTHING"].some((name) => asked.has(name))
  const known = machine.sentinel === undefined ? infoSections : sentinelSections
  const sections = Object.entries(known).filter(([name]) => all || asked.has(name.toUpperCase()))
  return Buffer.from(
    sections
      .map(([name, fields]) => [
        `# ${name}`,
        ...Object.entries(fields(machine)).map(([key, value]) => `${key}:${value}`),
        ""
      ])
      .map((lines) => lines.join("\r\n"))
      .join("\r\n")
  )
}

type Fields = Readonly<Record<string, string | number>>

const server = ({ replication, startedAt, store, ...machine }: Machine): Fields => ({
  redis_version: "7.0.15",
  redis_mode: modeOf(machine),
  run_id: replication.history.runId,
  uptime_in_seconds: Math.floor((store.now() - startedAt) / 1000)
})

const replication = ({ replication: { connected, history, master } }: Machine): Fields => {
  history.refresh()
  return {
    role: history.role,
    ...(master && {
      master_host: master.host,
      master_port: master.port,
      master_link_status: connected ? "up" : "down",
      master_sync_in_progress: 0,
      slave_read_repl_offset: history.offset,
      slave_repl_offset: history.offset,
      slave_priority: 100,
      slave_read_only: 1
    }),
    connected_slaves: history.replicas,
    master_failover_state: "no-failover",
    master_replid: history.replid,
    master_replid2: history.replid2,
    master_repl_offset: history.offset,
    second_repl_offset: history.secondOffset,
    repl_backlog_active: history.hasBacklog ? 1 : 0
  }
}

const keyspace = ({ keyspace: { databases } }: Machine): Fields =>
  Object.fromEntries(
    databases.flatMap((store, db) => {
      const entries = store.entries()
      const expires = entries.filter(([, { expiresAt }]) => expiresAt !== undefined).length
      return entries.length === 0 ? [] : [[`db${db}`, `keys=${entries.length},expires=${expires},avg_ttl=0`]]
    })
  )

const infoSections: Readonly<Record<string, (machine: Machine) => Fields>> = {
  Server: server,
  Clients: ({ clients }) => ({ connected_clients: clients() }),
  Persistence: ({ loading }) => ({ loading: loading ? 1 : 0 }),
  Replication: replication,
  Cluster: ({ cluster }) => ({ cluster_enabled: cluster === undefined ? 0 : 1 }),
  Keyspace: keyspace
}

// A sentinel has no data.
const sentinelSections: typeof infoSections = {
  Server: server,
  Clients: infoSections.Clients as (machine: Machine) => Fields,
  Sentinel: ({ sentinel }) => {
    const watched = sentinel?.watched
    if (sentinel === undefined || watched === undefined) return { sentinel_masters: 0 }
    const { failed, master, name, replicas } = watched
    const status = failed.has(master) ? "odown" : "ok"
    const counts = `slaves=${replicas.length},sentinels=${sentinel.others.length + 1}`
    return {
      sentinel_masters: 1,
      master0: `name=${name},status=${status},address=${master.host}:${master.port},${counts}`
    }
  }
}

// A master lists no replicas here: the simulation does not know where they listen.
const role: Run = (_, { replication: { connected, history, master } }) =>
  master === undefined
    ? [Buffer.from("master"), history.offset, []]
    : [
        Buffer.from("slave"),
        Buffer.from(master.host),
        master.port,
        Buffer.from(connected ? "connected" : "connect"),
        connected ? history.offset : -1
      ]

const replicaOf: Run = (args, machine) => {
  if (machine.cluster !== undefined) return Wire.fail("ERR REPLICAOF not allowed in cluster mode.")
  if (upper(args[0]) === "NO" && upper(args[1]) === "ONE") machine.replicaOf(undefined)
  else {
    const port = Wire.atLeast(0, at(args, 1), invalidPort)
    if (port > 65535) return Wire.fail(invalidPort)
    machine.replicaOf({ host: at(args, 0).toString(), port })
  }
  return "OK"
}

const invalidPort = "ERR Invalid master port"

// A command takes no time here, so that none is slow.
const slowLog: Run = (args) => {
  if (args.length > 1) {
    return Wire.fail("ERR unknown subcommand or wrong number of arguments for 'GET'. Try SLOWLOG HELP.")
  }
  const [count] = args
  if (count === undefined || (Wire.isInteger(count) && Wire.bigInteger(count) >= -1n)) return []
  return Wire.fail("ERR count should be greater than or equal to -1")
}

export const commands: Commands = {
  time: read(1, time),
  info: read(-1, info),
  role: read(1, role),
  "slowlog|get": read(-2, slowLog),
  "slowlog|len": read(2, () => 0),
  "slowlog|reset": read(2, () => "OK"),
  replicaof: read(3, replicaOf)
}
