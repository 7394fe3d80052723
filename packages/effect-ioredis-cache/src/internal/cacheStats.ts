import { Duration } from "effect"
import type { RegionStats, Stats } from "../Cache.ts"
import type { Counters } from "./Recorder.ts"
import type { Followed } from "./RegionSettings.ts"

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
    readonly settings: Followed
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
    settings: { prefix, ...settingsStats(settings) }
  }
}

// What is said of all regions, and of those of which something else is said.
const settingsStats = ({ all, of }: Followed): Omit<Stats["settings"], "prefix"> => {
  const overall = of("")
  const regions = all().flatMap((region): ReadonlyArray<readonly [string, RegionStats]> => {
    const stats = {
      ...(region.mode !== overall.mode && { mode: region.mode }),
      ...(region.readPatience !== overall.readPatience && { patience: millisText(region.readPatience) }),
      ...(region.writePatience !== overall.writePatience && { writePatience: millisText(region.writePatience) }),
      ...(region.timeToLive !== undefined && { timeToLive: text(region.timeToLive) })
    }
    return region === overall || Object.keys(stats).length === 0 ? [] : [[region.name, stats]]
  })
  return {
    timeToLive: text(overall.defaultTimeToLive),
    ...(overall.readPatience !== undefined && { patience: millisText(overall.readPatience) }),
    ...(overall.writePatience !== overall.readPatience && { writePatience: millisText(overall.writePatience) }),
    ...(overall.mode !== "normal" && { mode: overall.mode }),
    ...(regions.length > 0 && { regions: Object.fromEntries(regions) })
  }
}

const text = (duration: Duration.Input): string => Duration.format(Duration.fromInputUnsafe(duration))

const millisText = (millis: number | undefined): string => text(millis ?? Duration.infinity)
