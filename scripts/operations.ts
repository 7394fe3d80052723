/**
 * Writes the alerts and the dashboard that are shipped with the cache, with `--write`; without it, says whether the files are up
 * to date.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { definedMetrics } from "effect-ioredis/dispatch"
import { metricNameMapper } from "effect-ioredis/PrometheusNames"
import "effect-ioredis"
import "effect-ioredis-cache"
import { alerts } from "./operations/alerts.ts"
import { dashboard } from "./operations/dashboard.ts"
import { questions } from "./operations/questions.ts"
import { rules } from "./operations/rules.ts"

const folder = "packages/effect-ioredis-cache/operations"

const metrics = definedMetrics().map(({ id }) => metricNameMapper(id))

const head = `# Alerts for programs on effect-ioredis and effect-ioredis-cache, for rule_files of Prometheus.
# docs/monitoring.md says how to set them up, docs/runbook.md what to do when one fires.
`

const files: ReadonlyArray<readonly [path: string, text: string]> = [
  [`${folder}/alerts.yml`, rules(alerts(), head)],
  [`${folder}/dashboard.json`, dashboard(questions, metrics)]
]

for (const [path, text] of files) {
  if (process.argv.includes("--write")) {
    writeFileSync(path, text)
  } else if (!existsSync(path) || readFileSync(path, "utf8") !== text) {
    console.error(`${path} is not up to date: run \`pnpm operations\`.`)
    process.exitCode = 1
  }
}
