import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { Data, Effect } from "effect"
import * as Page from "../chaos/Page.ts"
import * as Svg from "../chaos/Svg.ts"
import * as Chromium from "../support/Chromium.ts"
import type { Series } from "../support/Prometheus.ts"
import type { Recording } from "./Recording.ts"

/** The browser has drawn nothing. */
export class NoPictureError extends Data.TaggedError("NoPictureError")<{ readonly message: string }> {}

const step = 0.5
const width = 1000
const height = 920

interface Drawn {
  /** A value for each step, by what it stands for. */
  readonly of: (query: string, label?: string) => Effect.Effect<ReadonlyMap<string, ReadonlyArray<number>>, unknown>
  readonly frame: Svg.Frame
}

const stepsOf = ({ points }: Series, from: number, count: number): ReadonlyArray<number> => {
  const values = new Map(points.map(([at, value]) => [Math.round((at - from) / step), value]))
  return Array.from({ length: count }, (_, index) => {
    const value = values.get(index) ?? 0
    return Number.isFinite(value) ? value : 0
  })
}

const seriesOf = ({ beganAt, endedAt, healedAt, prometheus, startedAt }: Recording): Drawn => {
  // The first seconds are those of the start.
  const from = startedAt + 9
  const count = Math.floor((endedAt - from) / step)
  return {
    of: (query, label = "") =>
      Effect.map(
        prometheus.over(query, from, endedAt, step),
        (found) => new Map(found.map((series) => [series.labels[label] ?? "", stepsOf(series, from, count)]))
      ),
    frame: {
      width,
      height: 150,
      points: count,
      stepMillis: step * 1000,
      zeroMillis: (beganAt - from) * 1000,
      shaded: [(beganAt - from) * 1000, (healedAt - from) * 1000]
    }
  }
}

const largest = (lines: Iterable<ReadonlyArray<number>>): number =>
  Math.max(...Array.from(lines, (line) => Math.max(...line)))

const total = (lines: ReadonlyArray<ReadonlyArray<number>>): ReadonlyArray<number> =>
  (lines[0] ?? []).map((_, index) => lines.reduce((sum, line) => sum + (line[index] ?? 0), 0))

const colours = { redis: "redis", journal: "journal", fallback: "memory", memory: "memory", miss: "miss" } as const

const meanings: ReadonlyArray<readonly [colour: string, meaning: string]> = [
  ["redis", "Redis"],
  ["memory", "memory"],
  ["journal", "the journal"],
  ["miss", "nobody: a lookup"]
]

const heading = (title: string, keys = "") => `<h3>${title} <span>${keys}</span></h3>`

const body = Effect.fnUntraced(function* (recording: Recording) {
  const { frame, of } = seriesOf(recording)
  const hits = yield* of('sum by (cache_source) (rate(cache_requests_total{cache_result="hit"}[3s]))', "cache_source")
  const misses = yield* of('sum(rate(cache_requests_total{cache_result="miss"}[3s]))')
  const layers = [
    ...(["redis", "fallback", "memory", "journal"] as const).map((source) => ({
      colour: colours[source],
      values: hits.get(source) ?? []
    })),
    { colour: colours.miss, values: misses.get("") ?? [] }
  ].filter(({ values }) => values.length > 0)
  const waits = yield* of(
    'histogram_quantile(0.99, sum by (le) (rate(cache_operation_duration_seconds_bucket{cache_region="items", cache_operation="getOrSet"}[3s])))'
  )
  const slowest = (waits.get("") ?? []).map((seconds) => seconds * 1000)
  const journal = (yield* of("cache_journal_deferred")).get("") ?? []
  const connections = (yield* of("redis_client_connections")).get("") ?? []
  const circuit = (yield* of('redis_client_circuit_state{redis_client_circuit_state="Closed"}')).get("") ?? []
  const alerts = yield* of('ALERTS{alertstate="firing"}', "alertname")
  const millis = (value: number) => `${value} ms`
  return [
    "<h1>A Redis is killed, and started again</h1>",
    '<p class="dim">What Prometheus recorded of a program; 0 s is when Redis was killed, and the time without it is shaded.</p>',
    heading("Reads a second, by who answers", meanings.map(([colour, meaning]) => Page.key(colour, meaning)).join("")),
    Svg.areas(frame, Svg.linear(largest([total(layers.map(({ values }) => values))])), layers),
    heading("How long a getOrSet takes", Page.key("p99", "p99, lookups included")),
    Svg.lines(frame, Svg.linear(largest([slowest]), millis), [{ colour: "p99", values: slowest }], {
      value: 400,
      label: "patience"
    }),
    heading("Writes that wait for Redis", Page.key("journal", "in the journal")),
    Svg.areas(frame, Svg.linear(largest([journal])), [{ colour: "journal", values: journal }]),
    heading("State", `${Page.key("closed", "connected, closed")}${Page.key("open", "not")}`),
    Svg.strips(frame, [
      { label: "link", colours: connections.map((ready) => (ready > 0 ? "closed" : "open")) },
      { label: "circuit", colours: circuit.map((closed) => (closed > 0 ? "closed" : "open")) }
    ]),
    heading("Alerts", "their times are a thirtieth of the shipped ones"),
    ...Array.from(alerts, ([name, values]) =>
      [
        `<p class="dim" style="margin:.2rem 0 0">${name}</p>`,
        Svg.strips(frame, [{ label: "", colours: values.map((fires) => (fires > 0 ? "fault" : "rule")) }])
      ].join("")
    )
  ].join("\n")
})

/** Has a recording of one program drawn by a browser, into a file. */
export const draw = Effect.fnUntraced(function* (recording: Recording, file: string) {
  const chromium = yield* Chromium.find
  const dir = yield* Effect.acquireRelease(
    Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "effect-ioredis-picture-"))),
    (dir) => Effect.sync(() => Fs.rmSync(dir, { recursive: true, force: true, maxRetries: 3 }))
  )
  const page = Path.join(dir, "outage.html")
  Fs.writeFileSync(page, Page.make("An outage", yield* body(recording)))
  const drawn = Path.join(dir, "outage.png")
  // As root a browser needs --no-sandbox.
  const args = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    "--force-device-scale-factor=1.5",
    `--user-data-dir=${Path.join(dir, "profile")}`,
    `--window-size=${width + 48},${height}`,
    `--screenshot=${drawn}`,
    `file://${page}`
  ]
  yield* Effect.callback<void, NoPictureError>((resume, signal) => {
    ChildProcess.execFile(chromium, args, { signal, timeout: 120_000 }, (error, _stdout, stderr) =>
      resume(
        error === null && Fs.existsSync(drawn)
          ? Effect.void
          : Effect.fail(new NoPictureError({ message: `The browser has drawn nothing: ${stderr}` }))
      )
    )
  })
  Fs.copyFileSync(drawn, file)
})
