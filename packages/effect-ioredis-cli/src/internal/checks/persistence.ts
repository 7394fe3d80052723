/** Data that a restart loses, and dumps that fail. */
import type { Reached } from "../facts/Facts.ts"
import { type Check, eachReached, finding } from "../finding.ts"

/** Finds durable data that are not on disk, and a Redis that cannot write to its disk. */
export const persistence: Check = eachReached((server, { use }) => [
  ...failing(server),
  ...(use === "cache" ? [] : missing(server))
])

const failing = ({ address, info }: Reached) => {
  const failed = ["rdb_last_bgsave_status", "aof_last_write_status", "aof_last_bgrewrite_status"].filter(
    (name) => info[name] === "err"
  )
  return failed.length === 0
    ? []
    : [
        finding(
          "persistence-failing",
          "critical",
          "Redis cannot save its data to disk, and refuses writes for that unless it was told not to",
          failed.map((name) => `${address} says ${name}:err`),
          ["Look at Redis' log and at its disk: whether it is full, and whether Redis may write into `dir`"]
        )
      ]
}

const missing = ({ address, info, save }: Reached) => {
  if (info.aof_enabled !== "0") return []
  const evidence = `${address} says aof_enabled:0`
  if (save === undefined) {
    return [
      finding(
        "persistence-unknown",
        "notice",
        "Whether anything is saved to disk is not known",
        [`${evidence}, and may not be asked for \`save\``],
        ["Grant the user +config|get to look, or ask whoever runs this Redis"]
      )
    ]
  }
  return save === ""
    ? [
        finding(
          "persistence",
          "critical",
          "Nothing is saved to disk: a restart loses all data",
          [`${evidence} and save ""`],
          [appendonly, replicas]
        )
      ]
    : [
        finding(
          "persistence-window",
          "warning",
          "A crash loses what was written since the last dump",
          [`${evidence} and save "${save}": seconds, and writes within them, until the next dump`],
          [appendonly]
        )
      ]
}

const appendonly =
  "Set `appendonly yes` in redis.conf, and now: CONFIG SET appendonly yes. A crash then loses a second at most (`appendfsync everysec`)"

const replicas = "An empty master that restarts by itself empties its replicas as well: they are no substitute"
