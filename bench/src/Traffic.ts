import { Effect } from "effect"
import type { RedisServer } from "../../test/support/RedisServer.ts"
import * as Workload from "./Workload.ts"

/** What reached the server: a contender that answers from elsewhere has not done the work. */
export interface Traffic {
  readonly hits: number
  readonly misses: number
  readonly commands: number
}

export const of = (server: RedisServer): Effect.Effect<Traffic, Error> =>
  Effect.gen(function* () {
    const info = String(yield* Effect.mapError(server.cli("INFO", "stats"), (error) => new Error(error.message)))
    const field = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, "m").exec(info)?.[1])
    return {
      hits: field("keyspace_hits"),
      misses: field("keyspace_misses"),
      commands: field("total_commands_processed")
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
