/**
 * Answers the probes of an orchestrator over HTTP: whether the process lives, whether it is ready,
 * and how each part fares.
 *
 * **Details**
 *
 * | route | answers | with |
 * |---|---|---|
 * | `/live` | that the process lives, whatever its parts do | always 200 |
 * | `/ready` | whether it can serve | 200 where it is healthy or degraded, 503 where unhealthy |
 * | `/health` | how each part fares | as `/ready` |
 *
 * They answer `application/health+json`, and HEAD as GET. A part that hangs makes them answer with
 * what is known when `timeout` is over, and the attempt goes on for whoever asks next.
 *
 * Of a part they tell its name and its cause, which is a word. Addresses and messages are told
 * where `details` asks for them: give that to a port which only your own people reach.
 *
 * **Example** (A server with the three routes)
 *
 * ```ts
 * import { Layer } from "effect"
 * import { HttpRouter } from "effect/http"
 * import { Redis } from "effect-ioredis"
 * import * as Health from "effect-ioredis/Health"
 * import * as HealthHttp from "effect-ioredis/HealthHttp"
 *
 * const Routes = HealthHttp.layer({ paths: { live: "/livez", ready: "/readyz" } }).pipe(
 *   Layer.provide(Health.layer([Health.redis()])),
 *   Layer.provide(Redis.layer({ url: "redis://localhost:6379" }))
 * )
 *
 * const Served = HttpRouter.serve(Routes)
 * ```
 *
 * @since 0.1.0
 */
import { DateTime, Duration, Effect, type Layer, Option, Schema } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import * as Health from "./Health.ts"
import * as Settings from "./Settings.ts"

/**
 * Sets where the routes are and what they tell.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Sets the paths. Default: `/live`, `/ready` and `/health`. */
  readonly paths?:
    | {
        /** Answers that the process lives. */
        readonly live?: HttpRouter.PathInput | undefined
        /** Answers whether it can serve. */
        readonly ready?: HttpRouter.PathInput | undefined
        /** Answers how each part fares. */
        readonly all?: HttpRouter.PathInput | undefined
      }
    | undefined
  /**
   * Sets how long a route may take. Default: 800 milliseconds, for Kubernetes waits a second by
   * default.
   */
  readonly timeout?: Duration.Input | undefined
  /**
   * Sets how old what is known may be for nobody to be asked: probes of many do no more work than
   * those of one. Default: 1 second. Zero asks each time.
   */
  readonly maxAge?: Duration.Input | undefined
  /**
   * Says whether `all` tells reasons, addresses and the names of what a part consists of. Default:
   * false.
   */
  readonly details?: boolean | undefined
  /** Says in the answer of `all` what is running, in the words of `application/health+json`. */
  readonly about?:
    | {
        /** Gives the public version of the service. */
        readonly version?: string | undefined
        /** Names the release, such as a commit. */
        readonly releaseId?: string | undefined
        /** Names the service. */
        readonly serviceId?: string | undefined
        /** Describes the service. */
        readonly description?: string | undefined
      }
    | undefined
}

/**
 * Adds the routes to the `HttpRouter`.
 *
 * **Gotchas**
 *
 * Times that make no sense are a mistake in the program, and so a defect: a `ConfigError` that
 * names each of them.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<never, never, Health.Health | HttpRouter.HttpRouter> =>
  HttpRouter.use(
    Effect.fnUntraced(function* (router) {
      const { all = "/health", live = "/live", ready = "/ready" } = options.paths ?? {}
      const mistake = mistakeIn(options)
      if (mistake !== undefined) return yield* Effect.die(mistake)
      const health = yield* Health.Health
      const report = current(health, options)
      yield* router.add("GET", live, responseOf("healthy", { status: "pass" }))
      yield* router.add(
        "GET",
        ready,
        Effect.map(report, ({ status }) => responseOf(status, { status: words[status] }))
      )
      yield* router.add(
        "GET",
        all,
        Effect.map(report, (report) => responseOf(report.status, bodyOf(report, options)))
      )
    })
  )

const mistakeIn = ({ maxAge = 0, timeout = "800 millis" }: Options) =>
  Settings.error([
    Settings.problem("timeout", Settings.AboveZero, timeout),
    Settings.problem("maxAge", ZeroOrMore, maxAge)
  ])

const ZeroOrMore = Schema.declare(
  (input): input is Duration.Input =>
    // What is no input is none to `fromInput` either, except that it takes NaN for zero.
    !Number.isNaN(input) &&
    Option.exists(Duration.fromInput(input as Duration.Input), (duration) => !Duration.isNegative(duration))
).annotate({ expected: "a duration, zero for none", example: "1 second" })

// What was found a moment ago, what is found now, or in the end what is known.
const current = (
  { check, report }: Health.Health,
  { maxAge = "1 second", timeout = "800 millis" }: Options
): Effect.Effect<Health.Report> => {
  const millis = Duration.toMillis(maxAge)
  return Effect.gen(function* () {
    const known = yield* report
    const now = yield* DateTime.now
    // What was found after now was found before the clock was set back, nobody knows when.
    const isFresh = known.parts.every(({ checkedAt }) => {
      const age = checkedAt === undefined ? Number.NaN : now.epochMilliseconds - checkedAt.epochMilliseconds
      return age >= 0 && age < millis
    })
    if (isFresh) return known
    const found = yield* Effect.timeoutOption(check, timeout)
    return Option.isSome(found) ? found.value : yield* report
  })
}

const responseOf = (status: Health.Status, body: unknown): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.text(JSON.stringify(body), {
    status: status === "unhealthy" ? 503 : 200,
    contentType: "application/health+json",
    headers: { "cache-control": "no-store" }
  })

const words = { healthy: "pass", degraded: "warn", unhealthy: "fail" } as const

// The fields that the draft of `application/health+json` names, and beside them ours: `critical`,
// `since`, `cause` and `slots`.
const bodyOf = ({ parts, status }: Health.Report, { about, details = false }: Options) => ({
  status: words[status],
  ...about,
  checks: Object.fromEntries(parts.map((part) => [part.name, checksOf(part, details)]))
})

const checksOf = ({ checkedAt, condition, critical, kind, since }: Health.PartReport, details: boolean) => {
  // It was never asked where there is no time.
  const found = {
    componentType: kind,
    status: wordOf(condition, critical),
    ...(checkedAt === undefined ? {} : { time: DateTime.formatIso(checkedAt) })
  }
  const whole = {
    ...found,
    since: DateTime.formatIso(since),
    critical
  }
  if (condition._tag === "Up") return [whole]
  const { cause, components = [], reason } = condition
  return [
    { ...whole, cause, output: details ? reason : cause },
    ...components.map((one) => ({
      ...(details ? { componentId: one.name } : {}),
      ...found,
      cause: one.cause,
      output: details ? one.reason : one.cause,
      ...(one.slots === undefined ? {} : { slots: one.slots })
    }))
  ]
}

// What does not take the program out of traffic is no failure of it.
const wordOf = ({ _tag }: Health.Condition, critical: boolean): "pass" | "warn" | "fail" => {
  if (_tag === "Up") return "pass"
  return _tag === "Down" && critical ? "fail" : "warn"
}
