import { Effect, Layer, Metric, Schema } from "effect"
import { RedisClient } from "effect-ioredis"
import { SimulatedRedis } from "effect-ioredis/testing"
import { Task, TaskQueue } from "effect-ioredis-tasks"
import { scripts } from "effect-ioredis-tasks/testing"

// A queue on a simulated server in virtual time, and what its tests see of it.

export class Refused extends Schema.TaggedError<Refused>()("Refused", { n: Schema.Int }) {}

export const Work = Task.make({
  name: "work",
  version: 1,
  payload: Schema.Struct({ n: Schema.Int }),
  error: Refused,
  id: ({ n }) => `secret-${n}`
})

/** A queue of a name, with its client and its server. */
export const layer = (options: Partial<TaskQueue.Options> = {}, logs: Layer.Layer<never> = Layer.empty) =>
  TaskQueue.layer({ name: "jobs", ...options }).pipe(
    Layer.provideMerge(RedisClient.layer({ closeTimeout: 0 })),
    Layer.provideMerge(SimulatedRedis.layer({ scripts })),
    Layer.provideMerge(logs),
    // Metrics of its own, which begin at zero.
    Layer.provideMerge(Layer.succeed(Metric.MetricRegistry, new Map()))
  )

/** The values of one metric by some of its attributes: of a histogram, how many there are. */
export const valuesOf = (id: string, ...labels: ReadonlyArray<string>) =>
  Effect.map(Metric.snapshot, (all) => {
    const found: Record<string, number> = {}
    for (const { attributes, id: name, state } of all) {
      if (name !== id) continue
      const key = labels.map((label) => attributes?.[label] ?? "-").join(" ")
      found[key] =
        (found[key] ?? 0) + Number("value" in state ? state.value : "count" in state ? state.count : Number.NaN)
    }
    return found
  })
