import { Effect } from "effect"
import type { RedisServer } from "../../test/support/RedisServer.ts"
import * as Workload from "./Workload.ts"

/** What reached the server: a contender that answers from elsewhere has not done the work. */
export interface Traffic {
  readonly hits: number
  readonly misses: number
  readonly commands: number
  /** Microseconds of processor time. */
  readonly cpuMicros: number
}

/** Those that share the work. */
export type Servers = ReadonlyArray<Pick<RedisServer, "cli">>

export const of = (servers: Servers): Effect.Effect<Traffic, Error> =>
  Effect.gen(function* () {
    const infos = yield* Effect.forEach(servers, ({ cli }) => Effect.map(cli("INFO", "stats", "cpu"), String)).pipe(
      Effect.mapError((error) => new Error(error.message))
    )
    const field = (name: string) =>
      infos.reduce((sum, info) => sum + Number(new RegExp(`^${name}:([\\d.]+)`, "m").exec(info)?.[1]), 0)
    return {
      hits: field("keyspace_hits"),
      misses: field("keyspace_misses"),
      commands: field("total_commands_processed"),
      cpuMicros: (field("used_cpu_user") + field("used_cpu_sys")) * 1e6
    }
  })

/** Fails if so many operations should have made more traffic than there was. */
export const check = (
  contender: string,
  { operation }: Workload.Workload,
  operations: number,
  before: Traffic,
  after: Traffic
): Effect.Effect<void, Error> => {
  const wanted = operation === "getMany" ? operations * Workload.batch : operations
  const seen = {
    get: after.hits - before.hits,
    getOrSet: after.hits - before.hits,
    getMany: after.hits - before.hits,
    miss: after.misses - before.misses,
    set: after.commands - before.commands
  }[operation]
  return seen === undefined || seen >= wanted
    ? Effect.void
    : Effect.fail(new Error(`${contender}: ${wanted} of ${operation}, but only ${seen} reached Redis`))
}
