import type { RedisCommand } from "../RedisCommand.ts"

/**
 * Names several commands that are one operation, as OpenTelemetry's convention for Redis does: with
 * the command where they are all of one, as in `PIPELINE GET`.
 */
export const batchName = (kind: "PIPELINE" | "MULTI", commands: ReadonlyArray<RedisCommand>): string => {
  const [first, ...rest] = commands
  return first !== undefined && rest.every(({ name }) => name === first.name) ? `${kind} ${first.name}` : kind
}
