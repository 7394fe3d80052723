/** Keys that begin like the cache's and are not. */
import { type Check, eachReached, finding } from "../finding.ts"

/** Finds somebody else's keys in the keyspace of the cache. */
export const keys: Check = eachReached(({ address, keys }, { prefix }) => {
  if (keys === undefined) return []
  const types = Object.entries(keys.otherTypes)
  const evidence = [
    ...types.map(([type, count]) => `${address}: ${count} of ${keys.looked} keys looked at are of type ${type}`),
    ...(keys.otherFormats === 0
      ? []
      : [
          `${address}: ${keys.otherFormats} of ${keys.looked} keys looked at are strings in another format than the cache's`
        ])
  ]
  if (evidence.length === 0) return []
  const commands = types
    .filter(([type]) => type !== "other")
    .map(([type]) => `\`redis-cli --scan --pattern '${prefix}:*' --type ${type}\``)
  return [
    finding(
      "foreign-keys",
      "warning",
      `Keys that begin with ${prefix}: are not the cache's: it reads them as misses, and may overwrite or remove them`,
      evidence,
      [
        "Give the cache a prefix of its own (CACHE_PREFIX), or the other program another one",
        ...(commands.length === 0 ? [] : [`List them: ${commands.join(", ")}`])
      ]
    )
  ]
})
