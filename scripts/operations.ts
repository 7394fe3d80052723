/**
 * Writes the alerts and the dashboards that are shipped with the cache and with tasks, with `--write`; without it, says whether
 * the files are up to date.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import { definedMetrics } from "effect-ioredis/dispatch"
import { metricNameMapper } from "effect-ioredis/PrometheusNames"
import "effect-ioredis"
import "effect-ioredis-cache"
import "effect-ioredis-tasks"
import { alerts } from "./operations/alerts.ts"
import { dashboard } from "./operations/dashboard.ts"
import { questions } from "./operations/questions.ts"
import { rules } from "./operations/rules.ts"
import { taskAlerts, taskQuestions } from "./operations/tasks.ts"

const ofCache = "packages/effect-ioredis-cache/operations"
const ofTasks = "packages/effect-ioredis-tasks/operations"

const metrics = definedMetrics().map(({ id }) => metricNameMapper(id))

const headOf = (packages: string): string => `# Alerts for programs on ${packages}, for rule_files of Prometheus.
# docs/monitoring.md says how to set them up, docs/runbook.md what to do when one fires.
`

const cacheBoard = {
  uid: "effect-ioredis-cache",
  title: "Redis and caches of Effect programs",
  tag: "cache",
  everywhere: "redis_client_connections_wanted"
}

const taskBoard = {
  uid: "effect-ioredis-tasks",
  title: "Tasks of Effect programs",
  tag: "tasks",
  everywhere: "task_offers_limit"
}

const files: ReadonlyArray<readonly [path: string, text: string]> = [
  [`${ofCache}/alerts.yml`, rules(alerts(), headOf("effect-ioredis and effect-ioredis-cache"))],
  [`${ofCache}/dashboard.json`, dashboard(cacheBoard, questions, metrics)],
  [`${ofTasks}/alerts.yml`, rules(taskAlerts(), headOf("effect-ioredis-tasks"), "effect-ioredis-tasks")],
  [`${ofTasks}/dashboard.json`, dashboard(taskBoard, taskQuestions, metrics)]
]

for (const [path, text] of files) {
  if (process.argv.includes("--write")) {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  } else if (!existsSync(path) || readFileSync(path, "utf8") !== text) {
    console.error(`${path} is not up to date: run \`pnpm operations\`.`)
    process.exitCode = 1
  }
}
