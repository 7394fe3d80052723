/** Takes apart the lists of addresses that stand in variables, such as `a:6379,[::1]:6380`. */
import type { RedisAddress } from "../RedisConnector.ts"
import type { AddressMapping } from "../RedisTopology.ts"

/** Parses `host:port,host:port`, or gives `undefined`. An IPv6 address stands in brackets. */
export const parseAddresses = (text: string): ReadonlyArray<RedisAddress> | undefined =>
  allOf(text.split(",").map(addressOf))

/** Parses `inner:port=outer:port,…`, or gives `undefined`. */
export const parseMap = (text: string): ReadonlyArray<AddressMapping> | undefined =>
  allOf(text.split(",").map(mappingOf))

const mappingOf = (text: string): AddressMapping | undefined => {
  const [from, to, ...more] = text.split("=").map(addressOf)
  return from === undefined || to === undefined || more.length > 0 ? undefined : { from, to }
}

const addressOf = (text: string): RedisAddress | undefined => {
  const [, inBrackets, name, digits] = form.exec(text.trim()) ?? []
  const host = inBrackets ?? name
  const port = Number(digits)
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port }
}

const form = /^(?:\[([\da-f:.]+)\]|([^\s/@:[\]]+)):(\d{1,5})$/i

const allOf = <A>(items: ReadonlyArray<A | undefined>): ReadonlyArray<A> | undefined => {
  const found = items.filter((item) => item !== undefined)
  return found.length === items.length ? found : undefined
}
