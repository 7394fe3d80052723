/** Addresses: how they are written, and what they are called from here. */
import type { RedisConnector, RedisTopology } from "effect-ioredis"

type Address = RedisConnector.RedisAddress

/** The text that an address is known by. */
export const addressText = ({ host, port }: Address): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`

/** Tells whether two addresses are one. */
export const isSame = (one: Address, other: Address): boolean => one.host === other.host && one.port === other.port

/** The address at which we reach what servers call by another one. */
export const translate = (map: ReadonlyArray<RedisTopology.AddressMapping> | undefined, address: Address): Address =>
  map?.find(({ from }) => isSame(from, address))?.to ?? address
