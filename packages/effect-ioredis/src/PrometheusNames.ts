/**
 * Gives the metrics of these libraries the names that Prometheus expects, and serves all metrics.
 *
 * **Details**
 *
 * The metrics have the ids of OpenTelemetry, such as `db.client.operation.duration`, and their unit
 * apart from it. Effect's exposition for Prometheus turns the dots into `_` and knows no units.
 * With `metricNameMapper` it says `db_client_operation_duration_seconds`: a unit of `s` is
 * `_seconds` and one of `By` is `_bytes`, and what is counted ends in `_total`. All other metrics
 * of a program keep their names.
 *
 * **Gotchas**
 *
 * `layerHttp` loads `effect/http`, which nothing else of this library does.
 *
 * **Example** (`GET /metrics` on the router of a program)
 *
 * ```ts
 * import { Layer } from "effect"
 * import { HttpRouter, HttpServerResponse } from "effect/http"
 * import * as PrometheusNames from "effect-ioredis/PrometheusNames"
 *
 * const routes = Layer.mergeAll(
 *   HttpRouter.add("GET", "/", HttpServerResponse.text("hello")),
 *   PrometheusNames.layerHttp()
 * )
 * ```
 *
 * @since 0.1.0
 */
import type { Layer } from "effect"
import type { HttpRouter } from "effect/http"
import { PrometheusMetrics } from "effect/observability"
import { definitionOf, type MetricDefinition } from "./internal/defineMetric.ts"

/**
 * Gives the name that Prometheus has for the metric of an id. An id that is not of these libraries
 * stays as it is.
 *
 * **Example** (Printing all metrics)
 *
 * ```ts
 * import { Console, Effect } from "effect"
 * import { PrometheusMetrics } from "effect/observability"
 * import { metricNameMapper } from "effect-ioredis/PrometheusNames"
 *
 * const print = Effect.flatMap(PrometheusMetrics.format({ metricNameMapper }), Console.log)
 * ```
 *
 * @category mapping
 * @since 0.1.0
 */
export const metricNameMapper: PrometheusMetrics.MetricNameMapper = (id) => {
  const definition = definitionOf(id)
  return definition === undefined ? id : nameOf(definition)
}

const nameOf = ({ id, kind, unit }: MetricDefinition): string =>
  `${id.replaceAll(".", "_")}${suffixes.get(unit) ?? ""}${kind === "counter" ? "_total" : ""}`

const suffixes: ReadonlyMap<string, string> = new Map([
  ["s", "_seconds"],
  ["By", "_bytes"]
])

/**
 * Sets where the metrics are served, and what their names begin with.
 *
 * @category models
 * @since 0.1.0
 */
export type HttpOptions = Omit<PrometheusMetrics.HttpOptions, "metricNameMapper">

/**
 * Adds a route to the router that serves all metrics of the program, those of these libraries under
 * the names that Prometheus expects. Default: `GET /metrics`, without a prefix.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerHttp = (options: HttpOptions = {}): Layer.Layer<never, never, HttpRouter.HttpRouter> =>
  PrometheusMetrics.layerHttp({ ...options, metricNameMapper })
