/** Judges the facts by every check, and puts what matters most first. */
import type { Finding, Report, Severity } from "../Report.ts"
import { clients } from "./checks/clients.ts"
import { clock } from "./checks/clock.ts"
import { clusterMode } from "./checks/clusterMode.ts"
import { clusterReplicas } from "./checks/clusterReplicas.ts"
import { clusterSlots } from "./checks/clusterSlots.ts"
import { complete } from "./checks/complete.ts"
import { eviction } from "./checks/eviction.ts"
import { keys } from "./checks/keys.ts"
import { login } from "./checks/login.ts"
import { memory } from "./checks/memory.ts"
import { permissions } from "./checks/permissions.ts"
import { persistence } from "./checks/persistence.ts"
import { protectedMode } from "./checks/protectedMode.ts"
import { reachable } from "./checks/reachable.ts"
import { queues } from "./checks/queues.ts"
import { replica } from "./checks/replica.ts"
import { sentinels } from "./checks/sentinels.ts"
import { slow } from "./checks/slow.ts"
import { tls } from "./checks/tls.ts"
import { version } from "./checks/version.ts"
import type { Facts, Server } from "./facts/Facts.ts"
import type { Check } from "./finding.ts"

// Among findings that are equally bad, the earlier check comes first: what keeps from looking
// further, then what keeps from working, then what loses data, then the rest.
const checks: ReadonlyArray<Check> = [
  sentinels,
  reachable,
  tls,
  protectedMode,
  login,
  clients,
  clusterMode,
  clusterSlots,
  replica,
  permissions,
  memory,
  eviction,
  persistence,
  queues,
  clock,
  keys,
  slow,
  clusterReplicas,
  version,
  complete
]

const severities: ReadonlyArray<Severity> = ["critical", "warning", "notice"]

/** Everything that is found, most important first. */
export const findingsOf = (facts: Facts): ReadonlyArray<Finding> =>
  checks
    .flatMap((check) => check(facts))
    .toSorted((one, other) => severities.indexOf(one.severity) - severities.indexOf(other.severity))

/** The report on the facts. */
export const diagnose = (facts: Facts, target: string, took: number): Report => {
  const findings = findingsOf(facts)
  return {
    format: 1,
    target,
    use: facts.use,
    healthy: findings.every(({ severity }) => severity === "notice"),
    findings,
    servers: facts.servers.map(shown),
    took: Math.round(took)
  }
}

const shown = (server: Server): Report["servers"][number] => {
  if (server._tag === "Unreached") return { address: server.address, reached: false }
  const { address, info, latency } = server
  return {
    address,
    reached: true,
    ...(info.redis_version !== undefined && { version: info.redis_version }),
    ...(latency !== undefined && { p50: rounded(latency.p50), p99: rounded(latency.p99) })
  }
}

const rounded = (millis: number): number => Math.round(millis * 100) / 100
