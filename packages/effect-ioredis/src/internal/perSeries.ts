import { Context, Metric } from "effect"
import { seriesKey } from "./seriesKey.ts"

/**
 * Keeps one of something for each series of a metric in the registry of a context: the same one for
 * everyone who asks there. `make` is told how to let go of it.
 */
export const perSeries = <A>(): ((
  metric: Metric.Metric<never, unknown>,
  context: Context.Context<never>,
  make: (forget: () => void) => A
) => A) => {
  const registries = new WeakMap<Metric.MetricRegistry, Map<string, A>>()
  return (metric, context, make) => {
    const registry = Context.get(context, Metric.MetricRegistry)
    const all = registries.get(registry) ?? new Map<string, A>()
    registries.set(registry, all)
    const key = seriesKey(metric, context)
    const known = all.get(key)
    if (known !== undefined) return known
    const made = make(() => all.delete(key))
    all.set(key, made)
    return made
  }
}
