import { Duration } from "effect"
import type { RuntimeSettings } from "effect-ioredis"
import type { Dispatch } from "effect-ioredis/dispatch"

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

/** Gives the settings of each region of a cache by its name. */
export type SettingsOf = (region: string) => RegionSettings

/** Settings that are followed until they are let go. */
export interface Followed {
  readonly of: SettingsOf
  /** Gives those of all regions that were asked for. */
  readonly all: () => ReadonlyArray<RegionSettings>
  /** Gives the shortest patience of any region in milliseconds, or `otherwise` without any. */
  readonly shortestPatience: (otherwise: number) => number
  readonly end: () => void
}

/** Follows the settings of a client's program. Without a client the options of the cache stand. */
export const follow = (
  dispatch: Pick<Dispatch, "followSettings"> | undefined,
  patience: number | undefined,
  timeToLive: Duration.Input
): Followed => {
  const regions = new Map<string, RegionSettings>()
  let settings: RuntimeSettings.Settings = {}
  const end = dispatch?.followSettings((changed) => {
    settings = changed
    for (const region of regions.values()) region.apply(changed)
  })
  return {
    of: (name) => {
      const known = regions.get(name)
      if (known !== undefined) return known
      const region = new RegionSettings(name, patience, timeToLive)
      region.apply(settings)
      regions.set(name, region)
      return region
    },
    all: () => Array.from(regions.values()),
    shortestPatience: (otherwise) => {
      const bounds = Array.from(regions.values()).flatMap(({ readPatience, writePatience }) => [
        readPatience,
        writePatience
      ])
      const bounded = bounds.filter((bound) => bound !== undefined)
      return bounded.length === 0 ? otherwise : Math.min(...bounded)
    },
    end: () => end?.()
  }
}

// The tokens of tags are of the whole cache. Bypassed they would be removed, and all that has a tag
// a miss for good.
const isTokens = (name: string): boolean => name.startsWith("!")

const withoutBypass = (mode: RuntimeSettings.Mode = "normal"): RuntimeSettings.Mode =>
  mode === "bypass" ? "normal" : mode
