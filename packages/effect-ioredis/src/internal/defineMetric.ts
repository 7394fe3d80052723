import { type Context, Metric } from "effect"
import { type Distribution, distributionOf } from "./Distribution.ts"

/** Lists the kinds of metrics that there are. */
export type MetricKind = "counter" | "gauge" | "histogram"

/**
 * Describes a metric in the words of OpenTelemetry.
 *
 * @category models
 * @since 0.1.0
 */
export interface MetricDefinition {
  /** Names it, in lower case with dots. */
  readonly id: string
  /** Says what it is: what grows, what stands, or how values are distributed. */
  readonly kind: MetricKind
  /** Gives its unit as UCUM writes it: `s`, `By`, or what is counted, such as `{entry}`. */
  readonly unit: string
  /** Says what it tells. */
  readonly description: string
  /** Names the attributes that its series may have. */
  readonly attributes: ReadonlyArray<string>
  /** Bounds the buckets of a histogram, in ascending order. */
  readonly boundaries?: ReadonlyArray<number> | undefined
}

/** The values of the attributes of one series. One that has no value is left out. */
export type AttributesOf<Definition extends MetricDefinition> = {
  readonly [name in Definition["attributes"][number]]?: string | undefined
}

/** What makes the series of a metric. */
export type SeriesOf<Definition extends MetricDefinition> = Definition["kind"] extends "counter"
  ? (attributes: AttributesOf<Definition>) => Metric.Counter<number>
  : Definition["kind"] extends "gauge"
    ? (attributes: AttributesOf<Definition>) => Metric.Gauge<number>
    : (attributes: AttributesOf<Definition>, context: Context.Context<never>) => Distribution

const definitions = new Map<string, MetricDefinition>()

/** The metrics that the modules which are loaded have defined. */
export const definedMetrics = (): ReadonlyArray<MetricDefinition> => Array.from(definitions.values())

/** The definition of the metric of an id, if one of the modules that are loaded defines it. */
export const definitionOf = (id: string): MetricDefinition | undefined => definitions.get(id)

/**
 * Defines a metric, and gives what makes its series.
 *
 * The unit is an attribute `unit` of each series, which is where Effect's exporter of OTLP takes it
 * from. Effect's exposition for Prometheus leaves that attribute out, and is told the name by
 * `effect-ioredis/PrometheusNames`, which knows the definition by the id.
 */
export const defineMetric = <const Definition extends MetricDefinition>(
  definition: Definition
): SeriesOf<Definition> => {
  definitions.set(definition.id, definition)
  // The kind says which of the three it is, which the compiler does not follow.
  return makers[definition.kind](definition) as unknown as SeriesOf<Definition>
}

type Attributes = AttributesOf<MetricDefinition>

const makers = {
  counter: (definition: MetricDefinition) => (attributes: Attributes) =>
    Metric.counter(definition.id, { ...optionsOf(definition, attributes), incremental: true }),
  gauge: (definition: MetricDefinition) => (attributes: Attributes) =>
    Metric.gauge(definition.id, optionsOf(definition, attributes)),
  histogram: (definition: MetricDefinition) => (attributes: Attributes, context: Context.Context<never>) =>
    distributionOf(
      definition.id,
      { ...optionsOf(definition, attributes), boundaries: definition.boundaries ?? [] },
      context
    )
}

const optionsOf = ({ description, unit }: MetricDefinition, attributes: Attributes) => ({
  description,
  attributes: Object.fromEntries(
    Object.entries({ ...attributes, unit }).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))
  )
})
