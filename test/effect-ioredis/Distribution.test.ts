import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Metric, Random } from "effect"
import { type Distribution, distributionOf } from "effect-ioredis/dispatch"

const boundaries = [0.001, 0.01, 0.1, 1]

const within = (registry: Metric.MetricRegistry, attributes: Readonly<Record<string, string>> = {}) =>
  Context.empty().pipe(
    Context.add(Metric.MetricRegistry, registry),
    Context.add(Metric.CurrentMetricAttributes, attributes)
  )

describe("distributionOf", () => {
  it.effect("shows what Effect's own histogram of the same values does", () =>
    Effect.gen(function* () {
      const context = within(new Map())
      const ours: Distribution = distributionOf("ours", { boundaries }, context)
      const theirs = Metric.histogram("theirs", { boundaries })
      const shown = () => Metric.histogram("ours", { boundaries }).valueUnsafe(context)
      assert.deepStrictEqual(shown(), theirs.valueUnsafe(context))
      const random = Effect.map(Random.next, (exponent) => 10 ** (5 * exponent - 4))
      for (const value of [...boundaries, 0, -1, 1e9, ...(yield* Effect.replicateEffect(random, 1000))]) {
        ours.record(value)
        theirs.updateUnsafe(value, context)
      }
      assert.deepStrictEqual(shown(), theirs.valueUnsafe(context))
    })
  )

  it("is one for each series of a registry", () => {
    const registry: Metric.MetricRegistry = new Map()
    const options = { boundaries, attributes: { region: "jobs" } }
    const one = distributionOf("waits", options, within(registry))
    assert.strictEqual(distributionOf("waits", options, within(registry)), one)
    const others = [
      distributionOf("waits", { boundaries }, within(registry)),
      distributionOf("waits", options, within(registry, { zone: "b" })),
      distributionOf("waits", options, within(new Map()))
    ]
    assert.strictEqual(new Set([one, ...others]).size, 4)
  })
})
