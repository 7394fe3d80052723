/**
 * Reads a program's settings so that one start tells everything that is wrong with them.
 *
 * **Details**
 *
 * Two combinators beside Effect's `Config`: `all` joins every problem into one `ConfigError`, and
 * `duration` reads a bare number in the unit of its variable. Everything else is `Config`'s own.
 * `problem` and `error` say the same of options that are given in code.
 *
 * **Example** (Reading two settings)
 *
 * ```ts
 * import { Config, ConfigProvider, Effect } from "effect"
 * import { Settings } from "effect-ioredis"
 *
 * const settings = Settings.all({
 *   port: Config.Port("PORT"),
 *   patience: Settings.duration("PATIENCE_MS", { unit: "millis", example: 500 })
 * })
 *
 * const provider = ConfigProvider.fromUnknown({ PORT: "0", PATIENCE_MS: "soon" })
 * const error = Effect.runSync(Effect.flip(settings.parse(provider)))
 * error.message.split("\n").length // => 2
 * ```
 *
 * @since 0.1.0
 */
import {
  Config,
  type ConfigProvider,
  Duration,
  Effect,
  Option,
  Schema,
  SchemaIssue,
  SchemaTransformation
} from "effect"
import { errorOf, nesting } from "./internal/nesting.ts"
import { configError, problemOf } from "./internal/configError.ts"
import { type Fault, faultsIn, format } from "./internal/settings/faults.ts"

/**
 * Reads all of them, and joins the problems of those that fail into one `ConfigError`, a line for
 * each. `Config.all` stops at the first.
 *
 * **Details**
 *
 * A line begins with the name of the variable, its `Config.nested` prefixes included. Where the
 * schema's annotations hold `expected` and `example`, it says what the variable is, what it should
 * be, and the example. Otherwise it is the schema's own message, which shows no value.
 *
 * It is absent, for `Config.option` and `Config.withDefault`, where one of them is and none fails.
 *
 * **Gotchas**
 *
 * An `example` on a schema says that its values may be shown. A text with `@` or `://` is not shown
 * even so, for it may hold a password.
 *
 * **Example** (Saying what is expected)
 *
 * ```ts
 * import { Config, ConfigProvider, Effect, Schema } from "effect"
 * import { Settings } from "effect-ioredis"
 *
 * const Percent = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 100 })).annotate({
 *   expected: "0 to 100",
 *   example: "50"
 * })
 *
 * const settings = Settings.all({ load: Config.schema(Percent, "LOAD") })
 * const provider = ConfigProvider.fromUnknown({ LOAD: "high" })
 * const error = Effect.runSync(Effect.flip(settings.parse(provider)))
 * error.cause.message // => 'LOAD is "high": expected 0 to 100, for example 50'
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const all = <const Configs extends Readonly<Record<string, Config.Config<unknown>>>>(
  configs: Configs
): Config.Config<{ readonly [Name in keyof Configs]: Config.Success<Configs[Name]> }> => {
  const together = Config.all(configs) as Config.Config<{
    // `Config.all` says the same of a record, in a type that is not resolved for a generic one.
    readonly [Name in keyof Configs]: Config.Success<Configs[Name]>
  }>
  const invalid = Config.all(Object.values(configs).map((config) => errorOf(Config.option(config))))
  return Config.flatMap(invalid, (errors) =>
    errors.every((error) => error === undefined)
      ? together
      : Config.flatMap(nesting, (path) => failing(Object.values(configs), path))
  )
}

/**
 * Reads a duration above zero from a variable that has a unit: `300` is a number of that unit, and
 * `1500 millis` or `2 minutes` say their own.
 *
 * **Example** (Seconds)
 *
 * ```ts
 * import { ConfigProvider, Duration, Effect } from "effect"
 * import { Settings } from "effect-ioredis"
 *
 * const timeToLive = Settings.duration("SESSION_TTL", { unit: "seconds", example: 300 })
 * const read = (text: string) => {
 *   const provider = ConfigProvider.fromUnknown({ SESSION_TTL: text })
 *   return Duration.toMillis(Effect.runSync(timeToLive.parse(provider)))
 * }
 * read("300") // => 300000
 * read("1500 millis") // => 1500
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const duration = (
  name: string,
  options: {
    /** Sets the unit of a bare number. */
    readonly unit: "millis" | "seconds"
    /** Is shown in errors, as a number of that unit. */
    readonly example: number
  }
): Config.Config<Duration.Duration> => Config.schema(durationText(options.unit, options.example), name)

/**
 * Describes a duration above zero that ends, in any form that `Duration` takes: what a wait can be
 * bounded by.
 *
 * @category schemas
 * @since 0.1.0
 */
export const AboveZero: Schema.Schema<Duration.Input> = Schema.declare((input): input is Duration.Input =>
  // What is no input is none to `fromInput` either.
  Option.exists(Duration.fromInput(input as Duration.Input), isAboveZero)
).annotate({ expected: "a duration above zero", example: "2 seconds" })

/**
 * Says what is wrong with an option that was given in code, in the words that `all` has for a
 * variable, or `undefined` where it fits its schema.
 *
 * **Details**
 *
 * The schema's annotations say what is `expected`, and an `example` of it.
 *
 * **Example** (An option of your own)
 *
 * ```ts
 * import { Settings } from "effect-ioredis"
 *
 * const problem = Settings.problem("interval", Settings.AboveZero, 0)
 * console.log(problem) // => interval is 0: expected a duration above zero, for example 2 seconds
 * console.log(Settings.problem("interval", Settings.AboveZero, "1 minute")) // => undefined
 * ```
 *
 * @category checks
 * @since 0.1.0
 */
export const problem = (name: string, schema: Schema.Schema<unknown>, value: unknown): string | undefined =>
  Schema.is(schema)(value) ? undefined : (problemOf(name, value, schema.ast) ?? `${name} does not fit its schema`)

/**
 * Makes the one error for all these problems, a line for each, or `undefined` where there is none.
 *
 * **Example** (Everything that is wrong at once)
 *
 * ```ts
 * import { Settings } from "effect-ioredis"
 *
 * const check = (options: { readonly interval: number; readonly timeout: number }) =>
 *   Settings.error([
 *     Settings.problem("interval", Settings.AboveZero, options.interval),
 *     Settings.problem("timeout", Settings.AboveZero, options.timeout)
 *   ])
 *
 * console.log(check({ interval: 0, timeout: -1 })?.message.split("\n").length) // => 2
 * console.log(check({ interval: 1, timeout: 1 })) // => undefined
 * ```
 *
 * @category checks
 * @since 0.1.0
 */
export const error = (problems: ReadonlyArray<string | undefined>): Config.ConfigError | undefined => {
  const found = problems.filter((problem) => problem !== undefined)
  return found.length === 0 ? undefined : configError(found)
}

const isAboveZero = (duration: Duration.Duration): boolean =>
  Duration.isFinite(duration) && Duration.isPositive(duration)

const durationText = (unit: "millis" | "seconds", example: number) =>
  Schema.String.pipe(
    Schema.decodeTo(
      Schema.Duration,
      SchemaTransformation.transformEffect({
        decode: (text) => Option.match(parseDuration(text, unit), { onNone: refuse, onSome: Effect.succeed }),
        encode: (found) => Effect.succeed(String(found))
      })
    ),
    Schema.check(Schema.makeFilter(isAboveZero))
  ).annotate({
    expected: `a duration above zero (a number of ${unit === "millis" ? "milliseconds" : unit}, or one with its unit)`,
    example: String(example)
  })

const parseDuration = (text: string, unit: "millis" | "seconds"): Option.Option<Duration.Duration> =>
  text.trim() === "" || Number.isNaN(Number(text))
    ? // What is no duration is refused by `fromInput`.
      Duration.fromInput(text as Duration.Input)
    : Option.some(Duration[unit](Number(text)))

const refuse = () => Effect.fail(new SchemaIssue.InvalidValue({ expected: "a duration" }))

const failing = (configs: ReadonlyArray<Config.Config<unknown>>, nesting: ConfigProvider.Path): Config.Config<never> =>
  Config.all(
    configs.map((config) =>
      Config.flatMap(errorOf(config), (error) =>
        Config.all((error === undefined ? [] : faultsOf(error)).map((fault) => worded(fault, nesting)))
      )
    )
  ).pipe(Config.flatMap((problems) => Config.fail(configError(problems.flat()).cause)))

const faultsOf = ({ cause }: Config.ConfigError): ReadonlyArray<Fault> =>
  cause._tag === "SchemaError"
    ? faultsIn(cause.issue)
    : [{ path: [], issue: new SchemaIssue.InvalidValue({ message: cause.message }) }]

const worded = ({ issue, path }: Fault, nesting: ConfigProvider.Path): Config.Config<string> => {
  const said = format(issue)
  if (path.length === 0) return Config.succeed(said)
  const name = path.join("_")
  return Config.map(textAt(path.slice(nesting.length)), (text) => {
    const problem = "ast" in issue ? problemOf(name, text, issue.ast) : undefined
    if (problem !== undefined) return problem
    const expected = said.replace(/^Expected /, "expected ")
    if (text === undefined) return `${name} is missing: ${expected}`
    // A message that does not begin a sentence continues the one about the variable.
    return /^[a-z]/.test(said) ? `${name} ${said}` : `${name}: ${expected}`
  })
}

const textAt = (path: ConfigProvider.Path): Config.Config<string | undefined> =>
  Config.schema(Schema.String, path).pipe(Config.orElse(() => Config.succeed(undefined)))
