import { Context, Metric } from "effect"
import { seriesKey } from "./seriesKey.ts"

/**
 * A count that costs an addition: what the metric has of it is asked for when the metric is read.
 */
export interface Tally {
  count: number
}

/**
 * The tally of a counter in the registry of a context: the same one for everyone who counts there.
 */
export const tallyOf = (
  counter: Metric.Metric<number, Metric.CounterState<number>>,
  context: Context.Context<never>
): Tally => {
  const registry = Context.get(context, Metric.MetricRegistry)
  const key = seriesKey(counter, context)
  const known = tallies.get(registry)?.get(key)
  if (known !== undefined) return known
  const tally = { count: 0 }
  tallies.set(registry, (tallies.get(registry) ?? new Map()).set(key, tally))
  Metric.registerUnsafe(counter, context, {
    get: () => ({ count: tally.count, incremental: true }),
    update: () => {},
    modify: () => {}
  })
  return tally
}

const tallies = new WeakMap<Metric.MetricRegistry, Map<string, Tally>>()
