import { readFileSync } from "node:fs"
import { Effect } from "effect"
import { definedMetrics } from "effect-ioredis/dispatch"
import { metricNameMapper } from "effect-ioredis/PrometheusNames"
import "effect-ioredis"
import "effect-ioredis-cache"
import "effect-ioredis-tasks"
import { duration } from "../../scripts/operations/alerts.ts"
import { questions as ofCaches } from "../../scripts/operations/questions.ts"
import { taskQuestions } from "../../scripts/operations/tasks.ts"
import { withMatcher } from "../../scripts/operations/selector.ts"
import type { Series } from "../support/Prometheus.ts"
import type { Expected } from "./Expected.ts"
import { type Recording, scale } from "./Recording.ts"

/** What docs/monitoring.md answers. */
export const questions = [...ofCaches, ...taskQuestions]

const metrics = definedMetrics().map(({ id }) => metricNameMapper(id))

const minutesOf = { m: 60, h: 3600, d: 86_400 } as const

/** A query with its windows as much shorter as the rest, asked of one program. */
export const shortened = (query: string): string =>
  query.replaceAll(/\[(\d+)([mhd])\]/g, (_, count: string, unit: keyof typeof minutesOf) => {
    return `[${duration((Number(count) * minutesOf[unit]) / scale)}]`
  })

/** Seconds until a window holds nothing any more of the phase before. */
const settling = 14

const step = 0.5

const phaseOf = (
  { beganAt, endedAt, healedAt, startedAt }: Recording,
  { holds, phase }: Expected
): readonly [from: number, to: number] => {
  const settled = holds === "always" ? settling : 0
  if (phase === "healthy") return [startedAt + settled, beganAt - 0.5]
  return phase === "fault" ? [beganAt + settled, healedAt - 0.5] : [healedAt + settled, endedAt - 0.5]
}

const valuesOf = (found: ReadonlyArray<Series>, labels: Readonly<Record<string, string>>): ReadonlyArray<number> =>
  found
    .filter((series) => Object.entries(labels).every(([name, wanted]) => series.labels[name] === wanted))
    .flatMap(({ points }) => points.map(([, value]) => value))
    .filter((value) => Number.isFinite(value))

/** What a question was answered other than expected, if it was. */
export const problem = Effect.fnUntraced(function* (recording: Recording, expected: Expected) {
  const { fault, holds, is, labels = {}, phase, question, says } = expected
  const query = questions.find((one) => one.question === question)?.query
  if (query === undefined) return `${question} is no question of docs/monitoring.md`
  const [from, to] = phaseOf(recording, expected)
  const found = yield* recording.prometheus.over(
    withMatcher(shortened(query), `job="${fault}"`, metrics),
    from,
    to,
    step
  )
  const values = valuesOf(found, labels)
  const isSo = values.length > 0 && (holds === "always" ? values.every(is) : values.some(is))
  const seen =
    values.length === 0 ? "nothing" : `${Math.min(...values).toFixed(3)} to ${Math.max(...values).toFixed(3)}`
  return isSo ? undefined : `${question} (${fault}, ${phase}) was ${seen} and not ${holds} ${says}`
})

interface Panel {
  readonly targets?: ReadonlyArray<{ readonly expr: string }>
}

const panelsOf = (name: string): ReadonlyArray<Panel> => {
  const dashboard = readFileSync(`packages/${name}/operations/dashboard.json`, "utf8")
  return (JSON.parse(dashboard) as { readonly panels: ReadonlyArray<Panel> }).panels
}

/** The queries of the dashboards, and those of the runbook. */
const shipped = (): ReadonlyArray<string> => {
  const chosen = ["effect-ioredis-cache", "effect-ioredis-tasks"]
    .flatMap(panelsOf)
    .flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
    .map((expr) => expr.replaceAll("$__rate_interval", "5m").replaceAll("$job", ".+").replaceAll("$instance", ".+"))
  const runbook = readFileSync("docs/runbook.md", "utf8")
  const blocks = Array.from(runbook.matchAll(/```promql\n([\s\S]*?)```/g), ([, block = ""]) => block)
  return [...chosen, ...blocks.flatMap((block) => block.trim().split("\n"))]
}

/** A line for each query of the dashboards and the runbook that has no answer at all, and how many have one. */
export const empty = Effect.fnUntraced(function* ({ endedAt, prometheus, startedAt }: Recording) {
  const queries = shipped()
  const problems = yield* Effect.forEach(queries, (query) =>
    Effect.map(prometheus.over(shortened(query), startedAt, endedAt, 1), (found) =>
      valuesOf(found, {}).length > 0 ? [] : [`no answer to ${query}`]
    )
  )
  return { asked: queries.length, problems: problems.flat() }
})
