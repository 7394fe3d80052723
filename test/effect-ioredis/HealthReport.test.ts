import { assert, describe, it } from "@effect/vitest"
import { Array as Arr, Effect } from "effect"
import type { RedisHealth } from "effect-ioredis"
import * as HealthReport from "../../packages/effect-ioredis/src/internal/HealthReport.ts"
import { OutageCounts } from "../../packages/effect-ioredis/src/internal/OutageCounts.ts"
import * as OutageTeller from "../../packages/effect-ioredis/src/internal/OutageTeller.ts"
import { TestClock } from "effect/testing"
import * as Captured from "../support/Captured.ts"

const down = (node: string, slots: RedisHealth.NodeDown["slots"] = [], reason = `${node} is away`) => ({
  node,
  cause: "Refused" as const,
  reason,
  slots
})

const begun = () => {
  const captured = Captured.make()
  // Without the lines that say the same as JSON.
  const lines = () => captured.logs.map((line) => line.slice(0, line.indexOf("\n")))
  const report = Effect.gen(function* () {
    const { status, update } = yield* HealthReport.make({ _tag: "Up", warning: undefined })
    const tell = yield* OutageTeller.make({
      name: "redis",
      servers: Effect.succeed(["a:1"]),
      circuit: Effect.succeed("Open"),
      counts: new OutageCounts(),
      record: () => {},
      status
    })
    return { status, update: (found: HealthReport.Found) => update(found, tell) }
  })
  return { captured, lines, report }
}

describe("HealthReport", () => {
  it.effect("says once what begins, once that it is the whole, and sums up what it was", () => {
    const { captured, lines, report } = begun()
    return Effect.gen(function* () {
      const { status, update } = yield* report
      const one = down("redis a:1", [
        [0, 99],
        [200, 200]
      ])
      const other = down("redis b:1", [[100, 199]])
      yield* update({ _tag: "Partial", nodes: [one] })
      yield* TestClock.adjust("10 seconds")
      for (let round = 0; round < 3; round++) {
        yield* update({ _tag: "Down", nodes: [one, other] })
        yield* update({ _tag: "Partial", nodes: [other] })
      }
      assert.deepInclude(yield* status, { _tag: "Partial", nodes: [other] })
      yield* TestClock.adjust("20 seconds")
      yield* update({ _tag: "Up", warning: undefined })
      const [first = "", second = "", last = "", ...more] = lines()
      assert.isEmpty(more)
      assert.include(first, 'message="A part of Redis does not answer"')
      assert.include(first, 'nodes="redis a:1 (slots 0-99, 200): redis a:1 is away"')
      assert.include(second, 'message="Redis does not answer"')
      assert.include(last, 'message="Redis answers again"')
      assert.include(last, "downFor=30s")
      assert.include(last, 'nodes="redis a:1, redis b:1"')
    }).pipe(Effect.scoped, Effect.provide(captured.layer))
  })

  it.effect("keeps a line short, however many servers and ranges there are", () => {
    const { captured, lines, report } = begun()
    return Effect.gen(function* () {
      const { update } = yield* report
      const ranges = Arr.makeBy(1000, (n) => [n * 2, n * 2] as const)
      yield* update({ _tag: "Partial", nodes: Arr.makeBy(100, (n) => down(`redis ${n}:1`, ranges)) })
      const [line = ""] = lines()
      assert.include(line, "and 990 more")
      assert.include(line, "and 90 more")
      assert.isBelow(line.length, 2000)
    }).pipe(Effect.scoped, Effect.provide(captured.layer))
  })

  it.effect("knows a warning from an outage, and says it once", () => {
    const { captured, lines, report } = begun()
    return Effect.gen(function* () {
      const { status, update } = yield* report
      yield* update({ _tag: "Up", warning: "no sentinel" })
      yield* update({ _tag: "Up", warning: "no sentinel at all" })
      assert.deepInclude(yield* status, { _tag: "Up", warning: "no sentinel at all" })
      yield* update({ _tag: "Up", warning: undefined })
      assert.notProperty(yield* status, "warning")
      assert.lengthOf(lines(), 2)
    }).pipe(Effect.scoped, Effect.provide(captured.layer))
  })
})
