import { type RedisConnectionError, RedisOperationError } from "../RedisError.ts"

/**
 * Tells what no waiting mends: somebody must change the settings, of the client or of the server.
 */
export const isHopeless = (problem: RedisConnectionError | undefined): boolean => {
  if (problem === undefined) return false
  const { cause, reason } = problem
  return (
    reason === "Auth" || reason === "Tls" || reason === "UnknownMaster" || (reason === "NotReady" && isUnable(cause))
  )
}

// One that is no sentinel, or no node of a cluster, knows no such command or refuses it by ERR.
// What a server cannot do for a while has codes of its own.
const isUnable = (cause: unknown): boolean => cause instanceof RedisOperationError && cause.code === "ERR"
