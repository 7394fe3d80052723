/** We are connected to a replica, which refuses writes. */
import { type Check, eachReached, finding } from "../finding.ts"

/** Finds a replica where a master should be. */
export const replica: Check = eachReached(({ address, info }, { place }) => {
  if (place._tag === "Cluster" || info.role !== "slave") return []
  const master = `${info.master_host}:${info.master_port}`
  // While it copies its master for the first time, the link counts as down.
  const isLost = info.master_link_status === "down" && info.master_sync_in_progress !== "1"
  const toMaster = isLost
    ? `Look at its master, ${master}, which it does not reach now. If that is lost, let this one take over: REPLICAOF NO ONE`
    : `Connect to its master: ${master}`
  return [
    finding(
      "replica",
      "critical",
      "This server is a replica: it refuses every write",
      [`${address} says role:slave, master ${master}, master_link_status:${info.master_link_status}`],
      place._tag === "Sentinel"
        ? ["A failover may be under way: ask again, and compare with SENTINEL MASTER of each sentinel"]
        : [toMaster, "Or name the sentinels (REDIS_SENTINELS, REDIS_SENTINEL_MASTER), which tell who the master is"]
    )
  ]
})
