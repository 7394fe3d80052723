import { Effect, Version } from "effect"

// The modules of `effect/persistence` are unstable: each minor version of Effect may change them.
const supported = "4.1"

// A program may give its telemetry another version later, so it is read when this is loaded.
const loaded = Version.getCurrentVersion()

/**
 * Dies where Effect is of another minor version than the one that the services are made for.
 * `entry` is who needs it, such as `effect-ioredis/persistence`.
 */
export const requireEffect = (entry: string, version: string = loaded): Effect.Effect<void> =>
  version === supported || version.startsWith(`${supported}.`)
    ? Effect.void
    : Effect.die(
        new Error(
          `${entry} is made for effect ${supported}, but effect is ${version} here. Install effect@~${supported}.0, or a version of ${entry.split("/", 1)} that is made for yours`
        )
      )
