import { type Context, Metric } from "effect"
import { perSeries } from "./perSeries.ts"

/**
 * The values of a histogram, which are counted in a few steps: what the metric has of them is asked
 * for when the metric is read.
 */
export interface Distribution {
  /** Takes a value, in the unit of the histogram. */
  readonly record: (value: number) => void
}

/**
 * The distribution of a histogram in the registry of a context: the same one for everyone who
 * records there. The histogram is described as `Metric.histogram` takes it, with boundaries in
 * ascending order.
 */
export const distributionOf = (
  id: string,
  options: Parameters<typeof Metric.histogram>[1],
  context: Context.Context<never>
): Distribution => {
  const metric = Metric.histogram(id, options)
  return distributions(metric, context, () => {
    const counts = new Counts(options.boundaries)
    Metric.registerUnsafe(metric, context, { get: () => counts.state(), update: () => {}, modify: () => {} })
    return counts
  })
}

const distributions = perSeries<Distribution>()

// Looked up in the registry for each value, as an update of the metric is, a `get` took a fiftieth
// more.
class Counts implements Distribution {
  readonly #boundaries: ReadonlyArray<number>
  // Whole numbers of 32 bits would begin again at 0 within days.
  readonly #counts: Float64Array
  #count = 0
  #sum = 0
  #min = Number.MAX_VALUE
  #max = -Number.MAX_VALUE

  constructor(boundaries: ReadonlyArray<number>) {
    this.#boundaries = boundaries
    this.#counts = new Float64Array(boundaries.length + 1)
  }

  record(value: number): void {
    const boundaries = this.#boundaries
    let bucket = 0
    // A bucket is within both arrays. One after the other, because most values are of the first.
    while (bucket < boundaries.length && value > (boundaries[bucket] as number)) bucket++
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1
    this.#count++
    this.#sum += value
    if (value < this.#min) this.#min = value
    if (value > this.#max) this.#max = value
  }

  state(): Metric.HistogramState {
    let cumulated = 0
    const buckets = this.#boundaries.map((boundary, bucket): [number, number] => {
      cumulated += this.#counts[bucket] ?? 0
      return [boundary, cumulated]
    })
    return { buckets, count: this.#count, min: this.#min, max: this.#max, sum: this.#sum }
  }
}
