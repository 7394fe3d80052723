import { Effect, Schema } from "effect"
import type { Cache } from "effect-ioredis-cache"

/** What becomes in Redis of a value that was set while it was away. */
export type Replay = "ifUnchanged" | "latest" | "invalidate" | "overwrite"

export const replays: ReadonlyArray<Replay> = ["ifUnchanged", "latest", "invalidate", "overwrite"]

/** How this build of the cache is asked for what only some builds have, so that the same programs run against any. */
export interface Features {
  /** The region's option: where a build does not know the replay, its own default. */
  readonly replay: <Key, Value>(wanted: Replay) => Cache.RegionOptions<Key, Value>["replay"]
  /** `region.touch`, where there is one. */
  readonly touch: <Key>(region: object) => ((key: Key) => Effect.Effect<Cache.WriteOutcome>) | undefined
}

interface Touching<Key> {
  readonly touch: (key: Key) => Effect.Effect<Cache.WriteOutcome>
}

export const make = (cache: Cache.Cache): Effect.Effect<Features> =>
  Effect.map(cache.region({ name: "features", version: 1, key: Schema.Int, value: Schema.Int }), (probe) => {
    const hasTouch = "touch" in probe
    const older: Readonly<Record<Replay, string | undefined>> = {
      ifUnchanged: undefined,
      latest: undefined,
      invalidate: "invalidate",
      overwrite: "write"
    }
    return {
      // A name that this build's types may not have: the look at `touch` says that it does at run time.
      replay: (wanted) => (hasTouch ? wanted : older[wanted]) as never,
      // Likewise: the method is there, whatever the types of this build say.
      touch: (region) => (hasTouch ? (key) => (region as Touching<typeof key>).touch(key) : undefined)
    }
  })
