import { Effect, Metric } from "effect"

/**
 * Builds a part of a cache under a name: whatever it counts and logs later carries it, so that the
 * caches of two clients are two.
 */
export const named =
  (name: string) =>
  <A, E, R>(build: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    build.pipe(
      Effect.annotateLogs({ name }),
      Effect.updateService(Metric.CurrentMetricAttributes, (attributes) => ({ ...attributes, "cache.name": name }))
    )
