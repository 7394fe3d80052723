import type { RedisHistory } from "../../dispatch.ts"

/** Reads what INFO says of a server and its replication. */
export const parse = (info: string): RedisHistory => ({
  runId: field(info, "run_id"),
  role: roleOf(field(info, "role")),
  replid: field(info, "master_replid"),
  replid2: field(info, "master_replid2")
})

/** Reads the role from the reply of HELLO, which every user may send: names and values by turns. */
export const roleInHello = (reply: unknown): RedisHistory["role"] => {
  if (!Array.isArray(reply)) return undefined
  const index = reply.indexOf("role")
  return index === -1 ? undefined : roleOf(String(reply[index + 1]))
}

/** Says what is known of a server whose user may ask for nothing. */
export const unknown: RedisHistory = { runId: undefined, role: undefined, replid: undefined, replid2: undefined }

/**
 * Tells whether data may have been lost or replaced between two answers of what is reached by one
 * address.
 *
 * A replication id changes alone when a first replica attaches, or when none has been attached for
 * an hour: the data stay. It changes to one that descends from another (`replid2` is set) when the
 * server was resynchronised and promoted, which may have lost writes although the process and its
 * sockets are the same.
 */
export const mayHaveLost = (before: RedisHistory, after: RedisHistory): boolean => {
  if (before.runId !== after.runId || before.role !== after.role) return true
  return before.replid !== after.replid && (after.role === "replica" || descends(after))
}

const descends = ({ replid2 }: RedisHistory): boolean => replid2 !== undefined && !/^0*$/.test(replid2)

const field = (info: string, name: string): string | undefined => new RegExp(`^${name}:(\\w+)`, "m").exec(info)?.[1]

const roleOf = (role: string | undefined): RedisHistory["role"] => {
  if (role === "master") return "master"
  return role === "slave" || role === "replica" ? "replica" : undefined
}
