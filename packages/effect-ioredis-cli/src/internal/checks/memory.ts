/** Memory that is full, nearly full, or without a limit. */
import type { Use } from "../../Report.ts"
import { bytesText, type Check, eachReached, finding, numberIn } from "../finding.ts"

const nearShare = 0.9

/** Finds a server that refuses writes for want of memory, or is about to. */
export const memory: Check = eachReached((server, { use }) => {
  const { address, info, outOfMemory } = server
  const used = numberIn(server, "used_memory")
  const most = numberIn(server, "maxmemory")
  if (used === undefined || most === undefined) return outOfMemory ? [full(`${address} answered OOM`, use)] : []
  const policy = info.maxmemory_policy ?? "unknown"
  const evidence = `${address} uses ${bytesText(used)} of maxmemory ${bytesText(most)}, maxmemory_policy:${policy}`
  if (most === 0) return use === "durable" ? [] : [unlimited(address, used)]
  const isFull = outOfMemory || (policy === "noeviction" && used >= most)
  if (isFull) return [full(evidence, use)]
  return policy === "noeviction" && used >= most * nearShare
    ? [
        finding(
          "memory-near",
          "warning",
          "Memory is nearly full: Redis will soon refuse writes",
          [evidence],
          remedyFor(use)
        )
      ]
    : []
})

const full = (evidence: string, use: Use) =>
  finding("memory-full", "critical", "Memory is full: Redis refuses writes", [evidence], remedyFor(use))

const remedyFor = (use: Use): ReadonlyArray<string> => [
  "Raise `maxmemory`, as far as the machine has it",
  ...evict[use],
  "Find what is large: `redis-cli --bigkeys`, `redis-cli --memkeys`"
]

// Durable data may not be evicted.
const evict: Readonly<Record<Use, ReadonlyArray<string>>> = {
  cache: ["Let Redis evict: CONFIG SET maxmemory-policy allkeys-lru, and the same in redis.conf"],
  both: ["Let Redis evict what expires: CONFIG SET maxmemory-policy volatile-lru, and the same in redis.conf"],
  durable: []
}

const unlimited = (address: string, used: number) =>
  finding(
    "memory-unlimited",
    "notice",
    "Redis has no limit of memory, so that nothing is evicted until the machine has none left",
    [`${address} uses ${bytesText(used)}, maxmemory:0`],
    ["Set `maxmemory` below what the machine has, with a policy: maxmemory-policy allkeys-lru for a cache"]
  )
