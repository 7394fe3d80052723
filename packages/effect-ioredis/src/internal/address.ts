import type { RedisAddress } from "../RedisConnector.ts"
import type { AddressMapping } from "../RedisTopology.ts"

/** The text that an address is known by. */
export const addressText = ({ host, port }: RedisAddress): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`

/** Tells whether two addresses are one. */
export const isSameAddress = (one: RedisAddress, other: RedisAddress): boolean =>
  one.host === other.host && one.port === other.port

/** The address at which a client reaches what servers call by another one. */
export const translate = (mappings: ReadonlyArray<AddressMapping> | undefined, address: RedisAddress): RedisAddress =>
  mappings?.find(({ from }) => isSameAddress(from, address))?.to ?? address
