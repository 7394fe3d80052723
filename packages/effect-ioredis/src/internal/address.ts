import type { RedisAddress } from "../../RedisConnector.ts"
import type { AddressMapping } from "../../RedisTopology.ts"

/** The text that an address is known by. */
export const addressText = ({ host, port }: RedisAddress): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`

/** The address at which a client reaches what servers call by another one. */
export const translate = (mappings: ReadonlyArray<AddressMapping> | undefined, address: RedisAddress): RedisAddress =>
  mappings?.find(({ from }) => from.host === address.host && from.port === address.port)?.to ?? address
