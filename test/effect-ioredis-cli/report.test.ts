import { readFileSync } from "node:fs"
import { assert, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { Report } from "effect-ioredis-cli"
import { diagnose } from "../../packages/effect-ioredis-cli/src/internal/diagnose.ts"
import { render } from "../../packages/effect-ioredis-cli/src/internal/render.ts"
import { factsOf, reached, unreached } from "./facts.ts"

const missing = unreached({ address: "redis.example:6379", reason: "Auth", said: "NOAUTH Authentication required" })

const report = diagnose(factsOf(missing), "redis://redis.example:6379", 12.3)

it("the README shows what is printed, to the letter", () => {
  const readme = readFileSync("packages/effect-ioredis-cli/README.md", "utf8")
  assert.include(readme, `\`\`\`text\n${render(report, { canColor: false })}\n\`\`\``)
})

it("a healthy Redis is one line, with its notices above it", () => {
  const healthy = diagnose(factsOf(reached()), "redis://redis:6379", 1)
  const style = { canColor: false }
  assert.strictEqual(render(healthy, style), "✔ healthy  redis://redis:6379 as a cache, Redis 7.2.4, PING 0.3 ms")
  const noted = diagnose(factsOf(reached({ info: { maxmemory: "0" } })), "redis://redis:6379", 1)
  assert.isTrue(noted.healthy)
  assert.match(render(noted, style), /^● notice .*\[memory-unlimited\]\n[\s\S]*✔ healthy .*\(1 notice\)$/)
})

it("colours alone are what a terminal has more, and no line is longer than it", () => {
  const plain = render(report, { canColor: false })
  const painted = render(report, { canColor: true })
  assert.notStrictEqual(painted, plain)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: an escape sequence begins with one.
  assert.strictEqual(painted.replace(/\u001b\[[\d;]*m/g, ""), plain)
  const narrow = render(report, { canColor: false, columns: 60 }).split("\n\n")[0]?.split("\n").slice(1) ?? []
  assert.isAbove(narrow.length, plain.split("\n\n")[0]?.split("\n").slice(1).length ?? 0)
  assert.isTrue(narrow.every((line) => line.length <= 60))
})

it.effect("a report comes back from JSON as it was", () =>
  Effect.gen(function* () {
    const codec = Schema.fromJsonString(Report.Report)
    const json = yield* Schema.encodeEffect(codec)(report)
    assert.deepStrictEqual(yield* Schema.decodeUnknownEffect(codec)(json), report)
    assert.deepStrictEqual(Object.keys(JSON.parse(json)), Object.keys(Report.Report.fields))
  })
)

it("the page names every field", () => {
  const page = readFileSync("docs/doctor.md", "utf8")
  const { fields: ofReport } = Report.Report
  const names = [...Object.keys(ofReport), ...Object.keys(Report.Finding.fields), ...Object.keys(Report.Server.fields)]
  assert.deepStrictEqual(
    names.filter((name) => !page.includes(`\`${name}\``)),
    []
  )
})

it("its parts have schemas of their own", () => {
  assert.isTrue(Schema.is(Report.Finding)(report.findings[0]))
  assert.isTrue(Schema.is(Report.Server)(report.servers[0]))
  assert.isTrue(Schema.is(Report.Use)(report.use))
  assert.isFalse(Schema.is(Report.Use)("queue"))
})
