import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Effect, Metric } from "effect"
import * as FeatureFlag from "effect-ioredis/FeatureFlag"

describe("feature_flag.evaluations", () => {
  it.effect("has a bounded number of series, however many flags, variants and operations a program makes up", () =>
    Effect.gen(function* () {
      for (const n of Arr.range(1, 400)) {
        const flag = yield* FeatureFlag.make({ name: `flag-${n}`, weights: { [`a-${n}`]: 1, [`b-${n}`]: 0 } })
        yield* flag.variant("k", `operation-${n}`)
      }
      const all = (yield* Metric.snapshot).filter(({ id }) => id === "feature_flag.evaluations")
      // Of each flag two variants, for an operation and for none in particular.
      assert.strictEqual(all.length, 100 * 4 + 1)
      const others = all.filter(({ attributes }) => attributes?.["feature_flag.key"] === "other")
      assert.strictEqual(others.length, 1)
      assert.deepInclude(others[0]?.attributes, { "feature_flag.result.variant": "other" })
      assert.deepInclude(others[0]?.state, { count: 300 })
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
  )
})
