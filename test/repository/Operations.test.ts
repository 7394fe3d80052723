import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { definedMetrics } from "effect-ioredis/dispatch"
import { metricNameMapper } from "effect-ioredis/PrometheusNames"
import "effect-ioredis"
import "effect-ioredis-cache"
import "effect-ioredis-tasks"
import { alerts, duration } from "../../scripts/operations/alerts.ts"
import { questions } from "../../scripts/operations/questions.ts"
import { rules } from "../../scripts/operations/rules.ts"
import { withMatcher } from "../../scripts/operations/selector.ts"
import { taskAlerts, taskQuestions } from "../../scripts/operations/tasks.ts"

const monitoring = readFileSync("docs/monitoring.md", "utf8")
const runbook = readFileSync("docs/runbook.md", "utf8")

const names = new Set(definedMetrics().map(({ id }) => metricNameMapper(id)))
const labels = new Set([
  "job",
  "instance",
  "le",
  ...definedMetrics().flatMap(({ attributes }) => attributes.map((attribute) => attribute.replaceAll(".", "_")))
])

/** Words of a query that are neither metrics nor labels of ours. */
const unknownIn = (query: string): ReadonlyArray<string> =>
  Array.from(
    query.replaceAll(/"[^"]*"/g, "").matchAll(/\b(?:redis_client|cache|db|server|error|task|messaging)_\w+/g),
    ([word]) => word
  ).filter((word) => !names.has(word) && !names.has(word.replace(/_(bucket|count|sum)$/, "")) && !labels.has(word))

/** What the headings of a page are linked by. */
const anchorsOf = (page: string): ReadonlySet<string> =>
  new Set(
    Array.from(page.matchAll(/^#+ (.+)$/gm), ([, heading = ""]) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\w -]/g, "")
        .replaceAll(" ", "-")
    )
  )

describe("alerts", () => {
  it("ask for metrics and labels that there are", () => {
    for (const { expr, name } of [...alerts(), ...taskAlerts()]) assert.deepStrictEqual(unknownIn(expr), [], name)
    assert.deepStrictEqual(unknownIn("cache_no_such_thing_total"), ["cache_no_such_thing_total"])
  })

  it("have a chapter of the runbook each, which names them", () => {
    const anchors = anchorsOf(runbook)
    for (const { name, runbook: anchor } of [...alerts(), ...taskAlerts()]) {
      assert.isTrue(anchors.has(anchor), `${name} has no chapter #${anchor}`)
      assert.include(runbook, `\`${name}\``)
      assert.include(monitoring, `\`${name}\``)
    }
  })

  it("are as they stand, but for their times, where another scale is asked for", () => {
    const withoutTimes = (scale: number) =>
      rules([...alerts(scale), ...taskAlerts(scale)])
        .replaceAll(/\[\w+\]/g, "")
        .replaceAll(/for: \w+/g, "")
        .replaceAll(/(open_duration|oldest)_seconds\)? > [\d.]+/g, "")
    assert.strictEqual(withoutTimes(30), withoutTimes(1))
    assert.notStrictEqual(rules(alerts(30)), rules(alerts(1)))
    assert.strictEqual(duration(90), "90s")
    assert.strictEqual(duration(0.5), "500ms")
    assert.strictEqual(duration(86_400), "1d")
  })
})

describe("questions", () => {
  it("are those of docs/monitoring.md, with their queries", () => {
    const rows = monitoring.split("\n").flatMap((line) => {
      const [, question, query] = line
        .split(" | ")
        .join("|")
        .split("|")
        .map((cell) => cell.trim())
      return question?.endsWith("?") === true ? [{ question, query: query?.replaceAll("`", "") }] : []
    })
    assert.deepStrictEqual(
      rows,
      [...questions, ...taskQuestions].map(({ query, question }) => ({ question, query }))
    )
  })
})

describe("each package", () => {
  it("has them in it", () => {
    for (const name of ["effect-ioredis-cache", "effect-ioredis-tasks"]) {
      const { files } = JSON.parse(readFileSync(`packages/${name}/package.json`, "utf8"))
      assert.include(files, "operations")
    }
  })
})

describe("the runbook", () => {
  it("asks for metrics and labels that there are", () => {
    const queries = Array.from(runbook.matchAll(/```promql\n([\s\S]*?)```/g), ([, block = ""]) => block)
    assert.isAtLeast(queries.length, 10)
    for (const query of queries) assert.deepStrictEqual(unknownIn(query), [], query)
  })
})

describe("a matcher", () => {
  it("is added to every metric, and to nothing else", () => {
    const all = ["cache_lookups_total", "cache_lookups"]
    assert.strictEqual(
      withMatcher('sum by (cache_lookups_x) (rate(cache_lookups_total{a="b"}[5m])) / cache_lookups', 'job="j"', all),
      'sum by (cache_lookups_x) (rate(cache_lookups_total{job="j", a="b"}[5m])) / cache_lookups{job="j"}'
    )
  })
})
