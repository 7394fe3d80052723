import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { definedMetrics } from "effect-ioredis/dispatch"
import { metricNameMapper } from "effect-ioredis/PrometheusNames"
import "effect-ioredis"
import "effect-ioredis-cache"
import "effect-ioredis-tasks"
import "effect-ioredis/FaultInjection"
import "effect-ioredis/FeatureFlag"

const page = readFileSync("docs/monitoring.md", "utf8")

/** What stands in backticks. */
const quoted = (text: string): ReadonlyArray<string> => Array.from(text.matchAll(/`([^`]+)`/g), ([, one = ""]) => one)

/** The rows of the tables of metrics. */
const rows = page.split("\n").flatMap((line) => {
  const [, id = "", name = "", unit = "", attributes = ""] = line.split("|").map((cell) => cell.trim())
  return /^`[a-z_]+(\.[a-z_]+)+`$/.test(id)
    ? [{ id: quoted(id)[0], name: quoted(name)[0], unit: quoted(unit)[0], attributes: quoted(attributes) }]
    : []
})

/** Attributes that all have, which the page says once. */
const common = new Set(["redis.client.name", "cache.name", "messaging.destination.name"])

const byId = <A extends { readonly id: string | undefined }>(all: ReadonlyArray<A>): ReadonlyArray<A> =>
  [...all].sort((one, other) => String(one.id).localeCompare(String(other.id)))

describe("docs/monitoring.md", () => {
  it("lists every metric with its name, unit and attributes, and no other", () => {
    const defined = definedMetrics().map(({ attributes, id, unit }) => ({
      id,
      name: metricNameMapper(id),
      unit,
      attributes: attributes.filter((attribute) => !common.has(attribute))
    }))
    assert.deepStrictEqual(byId<(typeof rows)[number]>(rows), byId<(typeof rows)[number]>(defined))
  })

  it("asks for metrics and labels that there are", () => {
    const names = new Set(definedMetrics().map(({ id }) => metricNameMapper(id)))
    const labels = new Set(
      definedMetrics().flatMap(({ attributes }) => attributes.map((attribute) => attribute.replaceAll(".", "_")))
    )
    const queries = page.split("\n").flatMap((line) => {
      const query = line.split("|")[2] ?? ""
      return line.startsWith("| ") && line.includes("? |") ? quoted(query) : []
    })
    assert.isAtLeast(queries.length, 15)
    for (const query of queries) {
      const words = Array.from(
        query.matchAll(/\b(?:redis_client|cache|db|server|error|task|messaging)_\w+/g),
        ([word]) => word
      )
      assert.isNotEmpty(words, query)
      for (const word of words) {
        const known = names.has(word) || names.has(word.replace(/_(bucket|count|sum)$/, "")) || labels.has(word)
        assert.isTrue(known, `${word} in ${query}`)
      }
    }
  })
})
