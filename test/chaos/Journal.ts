import { Context, Effect, Metric, Predicate } from "effect"

/** How many intents the write journal holds, as its gauge says; 0 where there is none. */
export const size: Effect.Effect<() => number> = Effect.map(Effect.context<never>(), (context) => {
  const registry = Context.get(context, Metric.MetricRegistry)
  return () => {
    let sum = 0
    // Only this one is read: a snapshot of them all would take as long as the calls that are measured.
    for (const metric of registry.values()) {
      if (metric.id !== "cache.journal.entries") continue
      const state: unknown = metric.hooks.get(context)
      if (Predicate.hasProperty(state, "value")) sum += Number(state.value)
    }
    return sum
  }
})
