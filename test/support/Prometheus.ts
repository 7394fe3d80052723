import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { Data, Effect, Schedule, Schema, type Scope } from "effect"
import * as FreePort from "./FreePort.ts"
import * as LiveClock from "./LiveClock.ts"
import * as PrometheusPackage from "./PrometheusPackage.ts"

/** One line of an answer: its labels, and its values by the time in seconds. */
export interface Series {
  readonly labels: Readonly<Record<string, string>>
  readonly points: ReadonlyArray<readonly [at: number, value: number]>
}

/** A Prometheus on 127.0.0.1 that is killed, and what it has recorded removed, when its scope closes. */
export interface Prometheus {
  readonly url: string
  /** The answer at a moment, in seconds since 1970. */
  readonly at: (query: string, time: number) => Effect.Effect<ReadonlyArray<Series>, PrometheusError>
  /** The answers from one moment to another, a step of so many seconds after the other. */
  readonly over: (
    query: string,
    from: number,
    to: number,
    step: number
  ) => Effect.Effect<ReadonlyArray<Series>, PrometheusError>
}

export interface Options {
  /** Whom to ask, by the job that they are. */
  readonly targets: Readonly<Record<string, string>>
  /** A file of rules. */
  readonly rules: string
  /** How often it asks, and how often it evaluates the rules. */
  readonly every: string
}

/** It could not be started, or did not like what it was asked. */
export class PrometheusError extends Data.TaggedError("PrometheusError")<{ readonly message: string }> {}

const Labels = Schema.Record(Schema.String, Schema.String)
const Point = Schema.Tuple([Schema.Finite, Schema.String])
const Answer = Schema.Struct({
  status: Schema.String,
  error: Schema.optional(Schema.String),
  data: Schema.optional(
    Schema.Struct({
      result: Schema.Array(
        Schema.Struct({ metric: Labels, value: Schema.optional(Point), values: Schema.optional(Schema.Array(Point)) })
      )
    })
  )
})

// A query of a text file may begin a line of its own anywhere, so it goes as a parameter that is encoded.
const ask = Effect.fnUntraced(function* (url: string, path: string, parameters: Readonly<Record<string, string>>) {
  const said = yield* Effect.tryPromise({
    try: () => fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters)}`).then((response) => response.json()),
    catch: (error) => new PrometheusError({ message: `Prometheus does not answer: ${String(error)}` })
  })
  const { data, error } = yield* Effect.mapError(
    Schema.decodeUnknownEffect(Answer)(said),
    (issue) => new PrometheusError({ message: String(issue) })
  )
  if (data === undefined) return yield* new PrometheusError({ message: `${parameters.query}: ${error}` })
  return data.result.map(({ metric, value, values = [] }): Series => {
    const points = value === undefined ? values : [value]
    return { labels: metric, points: points.map(([at, text]) => [at, Number(text)]) }
  })
})

const configuration = ({ every, rules, targets }: Options): string =>
  JSON.stringify({
    global: { scrape_interval: every, scrape_timeout: every, evaluation_interval: every },
    rule_files: [rules],
    scrape_configs: Object.entries(targets).map(([job, target]) => ({
      job_name: job,
      static_configs: [{ targets: [target] }]
    }))
  })

const isReady = (url: string) =>
  Effect.tryPromise({
    try: () => fetch(`${url}/-/ready`).then(({ ok }) => (ok ? true : Promise.reject(new Error("not ready")))),
    catch: () => new PrometheusError({ message: "Prometheus was not ready within 15 seconds" })
  })

/** Starts one, and waits until it is ready. */
export const make: (options: Options) => Effect.Effect<Prometheus, PrometheusError, Scope.Scope> = Effect.fnUntraced(
  function* (options: Options) {
    const binary = PrometheusPackage.find("prometheus")
    if (binary === undefined) {
      return yield* new PrometheusError({
        message: "There is no Prometheus: Debian's package cannot be had here. PROMETHEUS_BIN may name one."
      })
    }
    const port = yield* Effect.mapError(FreePort.make, ({ message }) => new PrometheusError({ message }))
    const dir = yield* Effect.acquireRelease(
      Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "effect-ioredis-prometheus-"))),
      (dir) => Effect.sync(() => Fs.rmSync(dir, { recursive: true, force: true, maxRetries: 3 }))
    )
    const file = Path.join(dir, "prometheus.yml")
    // What JSON says is YAML.
    Fs.writeFileSync(file, configuration(options))
    const url = `http://127.0.0.1:${port}`
    yield* Effect.acquireRelease(
      Effect.sync(() =>
        ChildProcess.spawn(
          binary,
          [
            `--config.file=${file}`,
            `--storage.tsdb.path=${Path.join(dir, "data")}`,
            `--web.listen-address=127.0.0.1:${port}`,
            "--log.level=warn"
          ],
          { stdio: ["ignore", "ignore", "inherit"] }
        )
      ),
      (child) =>
        Effect.callback<void>((resume) => {
          if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
          child.once("exit", () => resume(Effect.void))
          child.kill("SIGKILL")
        })
    )
    yield* Effect.retry(isReady(url), { schedule: Schedule.spaced("100 millis"), times: 150 })
    const made: Prometheus = {
      url,
      at: (query, time) => ask(url, "query", { query, time: String(time) }),
      over: (query, from, to, step) =>
        ask(url, "query_range", { query, start: String(from), end: String(to), step: String(step) })
    }
    return made
  },
  LiveClock.provide
)
