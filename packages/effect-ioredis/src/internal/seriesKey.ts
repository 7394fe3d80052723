import { Context, Metric } from "effect"

/**
 * Tells the series of a metric in the registry of a context from all others, as that registry does:
 * in whatever order its attributes come, and whether the metric or the context names them. Whoever
 * registers what the registry takes for the same series ends the other's.
 */
export const seriesKey = (
  {
    attributes,
    description,
    id,
    type
  }: Pick<Metric.Metric<never, unknown>, "attributes" | "description" | "id" | "type">,
  context: Context.Context<never>
): string => {
  const all = { ...attributes, ...Context.get(context, Metric.CurrentMetricAttributes) }
  const inOrder = Object.keys(all)
    .sort()
    .map((name) => [name, all[name]])
  return JSON.stringify([type, id, description, inOrder])
}
