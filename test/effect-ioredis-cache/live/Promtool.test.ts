import { assert, describe, it } from "@effect/vitest"
import { Effect, Metric } from "effect"
import { PrometheusMetrics } from "effect/observability"
import { metricNameMapper } from "effect-ioredis/PrometheusNames"
import { outage } from "../../support/AllMetrics.ts"
import * as Promtool from "../../support/Promtool.ts"

const promtool = Promtool.find()

describe("promtool", () => {
  it.effect.skipIf(promtool === undefined)(
    promtool === undefined
      ? "is skipped: Debian's package `prometheus` cannot be had here. PROMTOOL_BIN may name one"
      : "has nothing to say against the metrics of an outage",
    () =>
      Effect.gen(function* () {
        const text = yield* outage(PrometheusMetrics.format({ metricNameMapper }))
        const { said, status } = Promtool.check(promtool ?? "", text)
        assert.strictEqual(status, 0, said)
        // It reads what it has nothing to say against.
        const wrong = Promtool.check(promtool ?? "", "# HELP a_b x\n# TYPE a_b counter\na_b 1\n")
        assert.include(wrong.said, 'counter metrics should have "_total" suffix')
      }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
  )
})
