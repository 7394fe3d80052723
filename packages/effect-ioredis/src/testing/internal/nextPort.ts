import type { RedisAddress } from "../../RedisConnector.ts"

/** Gives addresses at one host, the first as it is and each later one a port higher. */
export const nextPort = ({ host, port }: RedisAddress): (() => RedisAddress) => {
  let next = port
  return () => ({ host, port: next++ })
}
