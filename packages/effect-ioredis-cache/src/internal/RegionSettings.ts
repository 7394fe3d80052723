import { Duration } from "effect"
import type { RuntimeSettings } from "effect-ioredis"
import type { Dispatch } from "effect-ioredis/dispatch"
import type { RegionStats, Stats } from "../Cache.ts"
import { millisText, type Settings, text } from "./fixedSettings.ts"

/**
 * What of a region may change while the program runs, as plain fields: whoever uses one reads it at
 * each call, and only a change of the settings looks anything up.
 *
 * Invariants: `asksRedis`, `tellsRedis` and `isBypassed` follow from `mode`.
 */
export class RegionSettings {
  readonly name: string
  mode: RuntimeSettings.Mode = "normal"
  /** Says whether reads ask Redis. */
  asksRedis = true
  /** Says whether writes are sent to Redis at once. */
  tellsRedis = true
  /** Says whether reads find nothing. */
  isBypassed = false
  /** The longest that a read waits for Redis altogether, in milliseconds, where it is bounded. */
  readPatience: number | undefined
  /** The longest that a write waits for it, likewise. */
  writePatience: number | undefined
  /** Says how long values live, in the place of what the region's definition says. */
  timeToLive: Duration.Input | undefined = undefined
  /** Says how long values live in a region whose definition says nothing. */
  defaultTimeToLive: Duration.Input
  /** Are told when something has changed. */
  readonly listeners = new Set<() => void>()
  readonly #patience: number | undefined
  readonly #timeToLive: Duration.Input

  constructor(name: string, patience: number | undefined, timeToLive: Duration.Input) {
    this.name = name
    this.readPatience = patience
    this.writePatience = patience
    this.defaultTimeToLive = timeToLive
    this.#patience = patience
    this.#timeToLive = timeToLive
  }

  /** Takes over what is said now. */
  apply(settings: RuntimeSettings.Settings): void {
    const own = settings.regions?.[this.name] ?? {}
    const patience = (kind: "read" | "write") =>
      millisOr(own[kind]?.patience ?? own.patience ?? settings[kind]?.patience ?? settings.patience, this.#patience)
    this.mode = isTokens(this.name) ? withoutBypass(own.mode ?? settings.mode) : (own.mode ?? settings.mode ?? "normal")
    this.asksRedis = this.mode === "normal" || this.mode === "read-only"
    this.tellsRedis = this.mode === "normal" || this.mode === "bypass"
    this.isBypassed = this.mode === "bypass"
    this.readPatience = patience("read")
    this.writePatience = patience("write")
    this.timeToLive = own.timeToLive
    this.defaultTimeToLive = settings.timeToLive ?? this.#timeToLive
    for (const listener of this.listeners) listener()
  }
}

const millisOr = (duration: Duration.Input | undefined, otherwise: number | undefined): number | undefined =>
  duration === undefined ? otherwise : Duration.toMillis(duration)

/** Settings that are followed until they are let go. */
export interface Followed extends Settings {
  readonly of: (region: string) => RegionSettings
  /** Gives the shortest patience of any region in milliseconds, or `otherwise` without any. */
  readonly shortestPatience: (otherwise: number) => number
  readonly end: () => void
}

/** Follows the settings of a client's program. */
export const follow = (
  dispatch: Pick<Dispatch, "followSettings">,
  patience: number | undefined,
  timeToLive: Duration.Input
): Followed => {
  const regions = new Map<string, RegionSettings>()
  let settings: RuntimeSettings.Settings = {}
  const end = dispatch.followSettings((changed) => {
    settings = changed
    for (const region of regions.values()) region.apply(changed)
  })
  const of = (name: string): RegionSettings => {
    const known = regions.get(name)
    if (known !== undefined) return known
    const region = new RegionSettings(name, patience, timeToLive)
    region.apply(settings)
    regions.set(name, region)
    return region
  }
  return {
    of,
    shortestPatience: (otherwise) => {
      const bounds = Array.from(regions.values()).flatMap(({ readPatience, writePatience }) => [
        readPatience,
        writePatience
      ])
      const bounded = bounds.filter((bound) => bound !== undefined)
      return bounded.length === 0 ? otherwise : Math.min(...bounded)
    },
    stats: () => statsOf(of(""), Array.from(regions.values())),
    end
  }
}

// What is said of all regions, and of those of which something else is said.
const statsOf = (overall: RegionSettings, all: ReadonlyArray<RegionSettings>): Omit<Stats["settings"], "prefix"> => {
  const regions = all.flatMap((region): ReadonlyArray<readonly [string, RegionStats]> => {
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

// The tokens of tags are of the whole cache. Bypassed they would be removed, and all that has a tag
// a miss for good.
const isTokens = (name: string): boolean => name.startsWith("!")

const withoutBypass = (mode: RuntimeSettings.Mode = "normal"): RuntimeSettings.Mode =>
  mode === "bypass" ? "normal" : mode
