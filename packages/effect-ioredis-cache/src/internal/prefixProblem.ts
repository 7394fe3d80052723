import { Result } from "effect"
import * as CacheKey from "../CacheKey.ts"

/** Says why a prefix cannot begin a key, or `undefined` where it can. */
export const prefixProblem = (prefix: string): string | undefined => {
  const keyspace = CacheKey.keyspace({ prefix, region: "r", version: 0 })
  return Result.isFailure(keyspace) ? keyspace.failure : undefined
}
