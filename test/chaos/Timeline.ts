import { type Bucket, bucketMillis } from "./Protocol.ts"
import type { Outcome } from "./Round.ts"
import * as Svg from "./Svg.ts"

/** The timeline of one fault as charts, all workers together; of latencies, delays and the journal, the worse worker's. */
export interface Timeline {
  readonly answers: string
  readonly breaker: string
  readonly latency: string
  readonly journal: string
}

export const make = ({ marks, workers }: Outcome, options: { readonly patienceMillis: number }): Timeline => {
  const points = Math.max(1, ...workers.map(({ buckets }) => buckets.length))
  const at = (of: (bucket: Bucket) => number, together: (values: ReadonlyArray<number>) => number) =>
    Array.from({ length: points }, (_, index) =>
      together(
        workers.map(({ buckets }) => {
          const bucket = buckets[index]
          return bucket === undefined ? 0 : of(bucket)
        })
      )
    )
  const perSecond = (of: (bucket: Bucket) => number) => at(of, (values) => sum(values) * (1000 / bucketMillis))
  const worst = (of: (bucket: Bucket) => number) => at(of, (values) => Math.max(...values))

  const frame = (height: number): Svg.Frame => ({
    width: 1000,
    height,
    points,
    stepMillis: bucketMillis,
    zeroMillis: marks.fault - marks.start,
    shaded: [marks.fault - marks.start, marks.healed - marks.start]
  })
  const sources = [
    { colour: "redis", values: perSecond(({ redis }) => redis) },
    { colour: "memory", values: perSecond(({ memory }) => memory) },
    { colour: "lookup", values: perSecond(({ lookups }) => lookups) },
    // Of the misses, those that a lookup answered are shown as lookups.
    { colour: "miss", values: perSecond(({ lookups, misses }) => Math.max(0, misses - lookups)) }
  ]
  const totals = Array.from({ length: points }, (_, index) => sum(sources.map(({ values }) => values[index] ?? 0)))
  const journal = worst((bucket) => bucket.journal)
  return {
    // One bucket in which a stalled loop caught up would flatten all the others.
    answers: Svg.areas(frame(170), Svg.linear(1.3 * middle(totals)), sources),
    breaker: Svg.strips(
      frame(0),
      workers.map(({ buckets }, index) => ({
        label: `process ${index + 1}`,
        colours: buckets.map(({ breaker }) => ({ Closed: "closed", HalfOpen: "half", Open: "open" })[breaker])
      }))
    ),
    latency: Svg.lines(
      frame(150),
      Svg.logarithmic([0.1, 1, 10, 100, 1000, 10_000], (value) => `${value.toLocaleString("en-US")} ms`),
      [
        { colour: "loop", values: worst(({ loopDelay }) => loopDelay), dashed: true },
        { colour: "max", values: worst(({ max }) => max) },
        { colour: "p99", values: worst(({ p99 }) => p99) }
      ],
      { value: options.patienceMillis, label: "patience" }
    ),
    journal: Svg.lines(frame(80), Svg.linear(Math.max(10, ...journal)), [{ colour: "journal", values: journal }])
  }
}

const sum = (values: ReadonlyArray<number>): number => values.reduce((total, value) => total + value, 0)

const middle = (values: ReadonlyArray<number>): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length * 0.95)] ?? 0
