import type { Settings } from "../../RuntimeSettings.ts"

/** The key that a `RuntimeSettings` keeps under what clients follow. */
export const TypeId: unique symbol = Symbol.for("effect-ioredis/RuntimeSettings")

/** Settings as a client follows them: without a fiber, in the turn in which they change. */
export interface Followed {
  /** Gives the settings that are in effect. */
  readonly now: () => Settings
  /** Tells of each change until the returned function is called. */
  readonly follow: (follower: Follower) => () => void
}

/** Describes who follows settings. */
export interface Follower {
  /** Says what of the settings could not be followed. A document that brings it is refused. */
  readonly problems: (settings: Settings) => ReadonlyArray<string>
  /** Is told of the settings that are in effect from now on. */
  readonly apply: (settings: Settings) => void
}
