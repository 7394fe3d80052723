import { Duration } from "effect"
import type { Stats } from "../Cache.ts"

/** Holds what a region goes by that may change while the program runs, where it does. */
export interface SettingsOfRegion {
  /** The longest that a read waits for Redis altogether, in milliseconds, where it is bounded. */
  readonly readPatience: number | undefined
  /** The longest that a write waits for it, likewise. */
  readonly writePatience: number | undefined
  /** Says how long values live, in the place of what the region's definition says. */
  readonly timeToLive: Duration.Input | undefined
  /** Says how long values live in a region whose definition says nothing. */
  readonly defaultTimeToLive: Duration.Input
  /** Are told when something has changed. */
  readonly listeners: Set<() => void>
}

/** Holds the settings of a cache. */
export interface Settings {
  /** Gives those of a region by its name. */
  readonly of: (region: string) => SettingsOfRegion
  /** Shows them. */
  readonly stats: () => Omit<Stats["settings"], "prefix">
}

/** Makes the settings of a cache that follows no program's: its own options, which never change. */
export const fixedSettings = (patience: number | undefined, timeToLive: Duration.Input): Settings => ({
  of: () => ({
    readPatience: patience,
    writePatience: patience,
    timeToLive: undefined,
    defaultTimeToLive: timeToLive,
    listeners: new Set()
  }),
  stats: () => ({
    timeToLive: text(timeToLive),
    ...(patience !== undefined && { patience: millisText(patience) })
  })
})

/** Shows a duration. */
export const text = (duration: Duration.Input): string => Duration.format(Duration.fromInputUnsafe(duration))

/** Shows a patience, which may have no end. */
export const millisText = (millis: number | undefined): string => text(millis ?? Duration.infinity)
