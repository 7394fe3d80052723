import { Effect } from "effect"
import type { RedisServer } from "./RedisServer.ts"
import * as Wait from "./Wait.ts"

/** Waits until a replica has the copy of its master's data and follows it. */
export const inSync = (replica: RedisServer) =>
  Wait.until(
    `server ${replica.port} follows its master`,
    Effect.map(replica.cli("INFO", "replication"), (info) => String(info).includes("master_link_status:up"))
  )

/** A server takes over the data of another one, and follows it. */
export const follow = (replica: RedisServer, master: RedisServer) =>
  Effect.andThen(replica.cli("REPLICAOF", "127.0.0.1", master.port), inSync(replica))
