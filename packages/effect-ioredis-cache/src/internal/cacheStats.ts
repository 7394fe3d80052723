import type { Stats } from "../Cache.ts"
import type { Counters } from "./Recorder.ts"
import type { Settings } from "./fixedSettings.ts"

/** Tells how a cache fares, by what it has counted and what its parts say. */
export const cacheStats = (
  counters: Counters,
  {
    name,
    prefix = "",
    settings,
    since
  }: {
    readonly name: string
    /** Says when the cache was made, in milliseconds since 1970. */
    readonly since: number
    readonly prefix: string | undefined
    readonly settings: Settings
  },
  parts: Pick<Stats, "memory" | "journal" | "near" | "redis">
): Stats => {
  const { corrupt, failedLookups, fallbacks, hits, lookups, lookupsInFlight, misses, sharedLookups, stale, writes } =
    counters
  return {
    name,
    since: new Date(since).toISOString(),
    hits: { ...hits },
    redisHits: hits.redis,
    memoryHits: hits.memory + hits.near + hits.journal + hits.fallback,
    misses,
    fallbacks,
    corrupt,
    stale,
    lookups,
    failedLookups,
    lookupsInFlight,
    sharedLookups,
    writes: { ...writes },
    ...parts,
    settings: { prefix, ...settings.stats() }
  }
}
