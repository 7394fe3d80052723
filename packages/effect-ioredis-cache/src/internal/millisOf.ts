import { Duration } from "effect"

/** The milliseconds of an option that is a duration, or nothing where it is not given. */
export const millisOf = (duration: Duration.Input | undefined): number | undefined =>
  duration === undefined ? undefined : Duration.toMillis(duration)
