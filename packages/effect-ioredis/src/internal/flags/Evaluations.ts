import type { Context } from "effect"
import { defineMetric } from "../defineMetric.ts"
import * as Labels from "../Labels.ts"
import { type Tally, tallyOf } from "../Tally.ts"

/**
 * Counts what flags have decided. OpenTelemetry has these names for an event of each decision, and
 * no metric.
 */
const definition = defineMetric({
  id: "feature_flag.evaluations",
  kind: "counter",
  unit: "{evaluation}",
  description: "Decisions of feature flags, by the variant that they drew",
  attributes: ["feature_flag.key", "feature_flag.result.variant", "feature_flag.operation", "feature_flag.location"]
})

/** Says which decisions are counted together. */
export interface Exposure {
  readonly flag: string
  readonly variant: string
  /** Is empty where a decision was for none in particular. */
  readonly operation: string
  readonly location: string | undefined
}

/**
 * The tally of such decisions. Flags beyond 100 share one, whatever their variants and operations
 * are called.
 */
export const evaluations = (
  { flag, location, operation, variant }: Exposure,
  context: Context.Context<never>
): Tally => {
  const label = flagLabel(flag)
  const isOther = label !== flag
  return tallyOf(
    definition({
      "feature_flag.key": label,
      "feature_flag.result.variant": isOther ? label : variant,
      "feature_flag.operation": isOther ? undefined : operation || undefined,
      "feature_flag.location": location || undefined
    }),
    context
  )
}

// Labels.once builds each once, and `other` in the place of those beyond.
const flagLabel = Labels.once(100, (flag) => flag)
