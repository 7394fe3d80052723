import { type Context, Metric } from "effect"
import { perSeries } from "./perSeries.ts"

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
): Tally =>
  tallies(counter, context, () => {
    const tally = { count: 0 }
    Metric.registerUnsafe(counter, context, {
      get: () => ({ count: tally.count, incremental: true }),
      update: () => {},
      modify: () => {}
    })
    return tally
  })

const tallies = perSeries<Tally>()
