import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { PrometheusMetrics } from "effect/observability"
import { metricNameMapper } from "effect-ioredis/PrometheusNames"
import { TaskQueue, TaskWorker } from "effect-ioredis-tasks"
import { TestClock } from "effect/testing"
import { rules } from "../../../scripts/operations/rules.ts"
import { taskAlerts } from "../../../scripts/operations/tasks.ts"
import * as Promtool from "../../support/Promtool.ts"
import { layer, Refused, Work } from "../simulatedQueue.ts"
import { inTime } from "../../support/inTime.ts"

const promtool = Promtool.find()

const says = (what: string) =>
  promtool === undefined
    ? "is skipped: Debian's package `prometheus` cannot be had here. PROMTOOL_BIN may name one"
    : what

const labels = 'job="shop", instance="a", redis_client_name="redis", messaging_destination_name="mails"'

/** What brings each alert about, and the alerts that it brings about after an hour and a half. */
const faults: ReadonlyArray<readonly [alerts: string, series: Readonly<Record<string, string>>]> = [
  ["", { [`task_queue_oldest_seconds{${labels}}`]: "100x200", [`task_offers_deferred{${labels}}`]: "0x200" }],
  ["TasksWait", { [`task_queue_oldest_seconds{${labels}}`]: "400x200" }],
  ["", { [`task_queue_paused{${labels}}`]: "1x200", [`task_queue_size{${labels}, task_state="waiting"}`]: "0x200" }],
  [
    "TaskQueuePaused",
    { [`task_queue_paused{${labels}}`]: "1x200", [`task_queue_size{${labels}, task_state="waiting"}`]: "7x200" }
  ],
  ["TasksDead", { [`task_dead_letters_total{${labels}, task_name="confirm", task_reason="Died"}`]: "0+1x200" }],
  [
    "TasksRetried",
    {
      [`task_retries_total{${labels}, task_name="confirm"}`]: "0+3x200",
      [`messaging_process_duration_seconds_count{${labels}, task_name="confirm"}`]: "0+10x200"
    }
  ],
  [
    "",
    {
      [`task_retries_total{${labels}, task_name="confirm"}`]: "0+1x200",
      [`messaging_process_duration_seconds_count{${labels}, task_name="confirm"}`]: "0+10x200"
    }
  ],
  ["TasksRunTwice", { [`task_settlements_late_total{${labels}}`]: "0+1x200" }],
  [
    "TasksRunTwice",
    { [`task_settlements_late_total{${labels}}`]: "0x200", [`task_overlaps_total{${labels}}`]: "0+1x200" }
  ],
  [
    "TaskOffersNearlyFull",
    { [`task_offers_deferred{${labels}}`]: "90x200", [`task_offers_limit{${labels}}`]: "100x200" }
  ],
  ["TaskOffersLost", { [`task_offers_lost_total{${labels}}`]: "0+1x200" }]
]

const test = ([alerts, series]: (typeof faults)[number]) => ({
  interval: "1m",
  input_series: Object.entries(series).map(([name, values]) => ({
    series: name,
    values: values.replace(/^(\d+)x/, "$1+0x")
  })),
  promql_expr_test: [
    {
      expr: 'count by (alertname) (ALERTS{alertstate="firing"})',
      eval_time: "90m",
      exp_samples: alerts === "" ? [] : [{ labels: `{alertname="${alerts}"}`, value: 1 }]
    }
  ]
})

describe("promtool", () => {
  it.effect.skipIf(promtool === undefined)(says("has nothing to say against the metrics of a queue"), () =>
    Effect.gen(function* () {
      const queue = yield* TaskQueue.TaskQueue
      yield* TestClock.adjust("1 second")
      yield* inTime(queue.offer(Work, { n: 1 }), "1 second")
      yield* Layer.build(TaskWorker.layer([TaskWorker.handler(Work, ({ n }) => Effect.fail(new Refused({ n })))]))
      yield* TestClock.adjust("30 minutes")
      const text = yield* PrometheusMetrics.format({ metricNameMapper })
      assert.include(text, "messaging_process_duration_seconds_bucket")
      assert.include(text, "task_queue_oldest_seconds")
      const { said, status } = Promtool.check(promtool ?? "", text)
      assert.strictEqual(status, 0, said)
    }).pipe(Effect.scoped, Effect.provide(layer()))
  )

  it.skipIf(promtool === undefined)(says("sees each alert fire where it must, and no other"), () => {
    const folder = mkdtempSync(join(tmpdir(), "tasks-alerts-"))
    try {
      writeFileSync(join(folder, "alerts.yml"), rules(taskAlerts()))
      // JSON is YAML.
      const tests = { rule_files: ["alerts.yml"], evaluation_interval: "1m", tests: faults.map(test) }
      writeFileSync(join(folder, "tests.yml"), JSON.stringify(tests))
      const { said, status } = Promtool.run(promtool ?? "", ["test", "rules", join(folder, "tests.yml")])
      assert.strictEqual(status, 0, said)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
