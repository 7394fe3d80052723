import { type Context, Effect, Metric, type Scope } from "effect"
import { perSeries } from "./perSeries.ts"

/** Makes one value of those of everyone who shows a gauge. */
export type Combine = (values: ReadonlyArray<number>) => number

/** Adds the values up. */
export const sum: Combine = (values) => values.reduce((total, value) => total + value, 0)

/** Takes the largest value. */
export const most: Combine = (values) => Math.max(...values)

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

/**
 * Shows a gauge until what it returns is called. Whoever shows it first says how the values are
 * combined.
 */
export const begin = (
  gauge: Metric.Gauge<number>,
  read: () => number,
  context: Context.Context<never>,
  combine: Combine = sum
): (() => void) => {
  const series = seriesOf(gauge, context, combine)
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

const seriesOf = (gauge: Metric.Gauge<number>, context: Context.Context<never>, combine: Combine): Series =>
  shown(gauge, context, (forget) => {
    const readers = new Set<() => number>()
    const registration = Metric.registerUnsafe(gauge, context, {
      get: () => ({ value: combine(Array.from(readers, (read) => read())) }),
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
