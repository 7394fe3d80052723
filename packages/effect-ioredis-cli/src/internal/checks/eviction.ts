/** A policy of eviction that does not suit what is stored. */
import type { Use } from "../../Report.ts"
import { type Check, eachReached, finding } from "../finding.ts"

/** Finds durable data that may be evicted, and a cache that nothing is evicted from. */
export const eviction: Check = eachReached(({ address, info, queues }, { use }) => {
  const { maxmemory, maxmemory_policy: policy } = info
  if (policy === undefined) return []
  // Tasks want nothing to be evicted, and are there to be asked after by name.
  if (policy === "noeviction" && queues.length > 0) return []
  const evidence = [`${address} says maxmemory_policy:${policy}, maxmemory:${maxmemory ?? "unknown"}`]
  if (use === "cache" || policy === "noeviction") return unevicted(use, policy, maxmemory, evidence)
  if (policy.startsWith("allkeys")) return [evicted(use, evidence)]
  return use === "durable" ? [evictedByLife(evidence)] : []
})

const unevicted = (use: Use, policy: string, maxmemory: string | undefined, evidence: ReadonlyArray<string>) =>
  use !== "durable" && policy === "noeviction" && maxmemory !== "0"
    ? [
        finding(
          "eviction-none",
          "warning",
          "Nothing is evicted: once memory is full, the cache cannot store anything new",
          evidence,
          [set(use === "both" ? "volatile-lru" : "allkeys-lru")]
        )
      ]
    : []

const evicted = (use: Use, evidence: ReadonlyArray<string>) =>
  finding(
    "eviction",
    "critical",
    "Redis evicts durable data when memory is full, without telling anybody",
    evidence,
    use === "both"
      ? [`${set("volatile-lru")}: it evicts keys that expire alone, and every value of the cache does`, apart]
      : [`${set("noeviction")}: writes then fail with OOM, and nothing is lost`]
  )

const evictedByLife = (evidence: ReadonlyArray<string>) =>
  finding(
    "eviction-expiring",
    "warning",
    "Redis evicts keys that expire, such as sessions and locks, when memory is full",
    evidence,
    [`${set("noeviction")}: writes then fail with OOM, and nothing is lost`]
  )

const set = (policy: string): string =>
  `Set maxmemory-policy ${policy} in redis.conf, and now: CONFIG SET maxmemory-policy ${policy}`

const apart = "Better still, give the cache a Redis of its own"
