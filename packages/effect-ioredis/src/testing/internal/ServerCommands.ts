import { at, type Commands, type Machine, read, type Run, upper } from "./Command.ts"
import * as Wire from "./Wire.ts"

const ping: Run = (args) => (args.length > 1 ? Wire.wrongArity("ping") : (args[0] ?? "PONG"))

const time: Run = (_, { store }) => {
  const now = store.now()
  return [Math.floor(now / 1000), Math.floor((now % 1000) * 1000)].map((part) => Buffer.from(String(part)))
}

const info: Run = (args, machine) => {
  const asked = new Set(args.map(upper))
  const all = asked.size === 0 || ["ALL", "DEFAULT", "EVERYTHING"].some((name) => asked.has(name))
  const sections = Object.entries(infoSections(machine)).filter(([name]) => all || asked.has(name.toUpperCase()))
  return Buffer.from(
    sections
      .map(([name, fields]) => [`# ${name}`, ...Object.entries(fields).map(([key, value]) => `${key}:${value}`), ""])
      .map((lines) => lines.join("\r\n"))
      .join("\r\n")
  )
}

const infoSections = ({ clients, runId, startedAt, store }: Machine): Record<string, Record<string, unknown>> => {
  const entries = store.entries()
  const expires = entries.filter(([, { expiresAt }]) => expiresAt !== undefined).length
  return {
    Server: {
      redis_version: "7.0.15",
      redis_mode: "standalone",
      run_id: runId,
      uptime_in_seconds: Math.floor((store.now() - startedAt) / 1000)
    },
    Clients: { connected_clients: clients },
    Persistence: { loading: 0 },
    Replication: { role: "master", connected_slaves: 0 },
    Keyspace: entries.length === 0 ? {} : { db0: `keys=${entries.length},expires=${expires},avg_ttl=0` }
  }
}

const kill: Run = (args, machine, clientId) => {
  if (args.length !== 2 || upper(args[0]) !== "ID") return Wire.syntaxError()
  const id = Wire.integer(args[1])
  return id < 1 ? Wire.fail("ERR client-id should be greater than 0") : machine.kill(id, clientId) ? 1 : 0
}

export const commands: Commands = {
  ping: read(-1, ping),
  echo: read(2, (args) => at(args, 0)),
  time: read(1, time),
  info: read(-1, info),
  "client|id": read(2, (_args, _machine, clientId) => clientId),
  "client|setname": read(3, () => "OK"),
  "client|kill": read(-3, kill)
}
