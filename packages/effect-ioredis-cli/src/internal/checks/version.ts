/** A Redis that is older than what the library is tested on. */
import { type Check, eachReached, finding } from "../finding.ts"

/** Finds a release before 7.0. */
export const version: Check = eachReached(({ address, info }) => {
  const { redis_version: release } = info
  const major = /^(\d+)\./.exec(release ?? "")?.[1]
  if (major === undefined || Number(major) >= 7) return []
  return [
    finding(
      "version",
      "warning",
      "This release of Redis is older than those the library is tested on",
      [`${address} says redis_version:${release}`],
      ["Run Redis 7.0 or later. Older ones know fewer rules of ACLs and fewer options, and get no repairs any more"]
    )
  ]
})
