import { type Context, Effect, Metric, type Scope } from "effect"
import { perSeries } from "./perSeries.ts"

/**
 * Shows a gauge for as long as the scope is open, summed over everyone who shows it: two clients of
 * one name do not overwrite each other. The value is asked for when somebody reads the metric, and
 * the series ends with the last scope.
 */
export const show = (gauge: Metric.Gauge<number>, read: () => number): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(
    Effect.acquireRelease(
      Effect.contextWith((context: Context.Context<never>) => Effect.sync(() => begin(gauge, read, context))),
      Effect.sync
    )
  )

/** Shows a gauge until what it returns is called. */
export const begin = (
  gauge: Metric.Gauge<number>,
  read: () => number,
  context: Context.Context<never>
): (() => void) => {
  const series = seriesOf(gauge, context)
  series.readers.add(read)
  return () => {
    series.readers.delete(read)
    if (series.readers.size === 0) series.end()
  }
}

/** One line of a metric in one registry, and who has a part in its value. */
interface Series {
  readonly readers: Set<() => number>
  readonly end: () => void
}

const seriesOf = (gauge: Metric.Gauge<number>, context: Context.Context<never>): Series =>
  shown(gauge, context, (forget) => {
    const readers = new Set<() => number>()
    const registration = Metric.registerUnsafe(gauge, context, {
      get: () => ({ value: Array.from(readers).reduce((sum, read) => sum + read(), 0) }),
      update: () => {},
      modify: () => {}
    })
    return {
      readers,
      end: () => {
        forget()
        registration.remove()
      }
    }
  })

const shown = perSeries<Series>()
