import type { RedisConnectionError } from "../RedisError.ts"

/**
 * Tells what no waiting mends: somebody must change the settings, of the client or of the server.
 */
export const isHopeless = ({ reason }: RedisConnectionError): boolean =>
  reason === "Auth" || reason === "Tls" || reason === "UnknownMaster"
