import { Duration, Option, Redacted, Result, Schema } from "effect"
import type * as RuntimeSettings from "../../RuntimeSettings.ts"
import * as RedisUrl from "../RedisUrl.ts"
import { problemOf } from "../configError.ts"
import { type Fault, faultsIn, format } from "./faults.ts"
import { effective, isGroup, merge } from "./merge.ts"

/** Gives everything that is wrong with the settings of a document, a line for each. */
export const problemsIn = (document: unknown): ReadonlyArray<string> => {
  // What is undefined is not said.
  const decoded = decode(isGroup(document) ? merge({}, document) : document)
  if (Result.isSuccess(decoded)) return []
  return Array.from(new Set(faultsIn(decoded.failure.issue).map((fault) => worded(fault, document))))
}

const worded = ({ issue, path }: Fault, document: unknown): string => {
  const name = path.length === 0 ? "the document" : path.join(".")
  if (issue._tag === "UnexpectedKey") return `${name} is no setting: see docs/settings.md for those that there are`
  const problem =
    "ast" in issue ? problemOf(name, isSecret(path) ? secret : valueAt(document, path), issue.ast) : undefined
  return problem ?? `${name}: ${format(issue).replace(/^Expected /, "expected ")}`
}

const isSecret = (path: Fault["path"]): boolean => path.includes("connection")

// It is shown as an object.
const secret = {}

const valueAt = (document: unknown, path: Fault["path"]): unknown =>
  path.reduce<unknown>(
    (value, key) => (typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined),
    document
  )

// -------------------------------------------------------------------------------------------------
// What each may be
// -------------------------------------------------------------------------------------------------

/** Describes a duration between two bounds, in milliseconds. */
const duration = (least: number, most: number, example: string) =>
  Schema.declare((input): input is Duration.Input =>
    // What is no input is none to `fromInput` either.
    Option.exists(Duration.fromInput(input as Duration.Input), (found) => {
      const millis = Duration.toMillis(found)
      return millis >= least && millis <= most
    })
  ).annotate({ expected: `a duration from ${shown(least)} to ${shown(most)}`, example })

const shown = (millis: number): string =>
  millis === Number.POSITIVE_INFINITY ? "infinity" : Duration.format(Duration.millis(millis))

const whole = (minimum: number, maximum: number, example: number) =>
  Schema.Int.check(Schema.isBetween({ minimum, maximum })).annotate({
    expected: `a whole number from ${minimum} to ${maximum}`,
    example: String(example)
  })

const minute = 60_000
const hour = 60 * minute

const Mode = Schema.Literals(["normal", "memory-only", "bypass", "read-only"]).annotate({
  expected: '"normal", "memory-only", "bypass" or "read-only"',
  example: "memory-only"
})

const Switch = Schema.Boolean.annotate({ expected: "true or false", example: "true" })

const Retry = Schema.Struct({
  maxRetries: Schema.optionalKey(whole(0, 100, 3)),
  delay: Schema.optionalKey(duration(1, minute, "100 millis")),
  maxDelay: Schema.optionalKey(duration(1, hour, "30 seconds"))
})

const Circuit = Schema.Struct({
  failureThreshold: Schema.optionalKey(whole(1, 1_000_000, 5)),
  resetTimeout: Schema.optionalKey(duration(1, hour, "30 seconds")),
  successThreshold: Schema.optionalKey(whole(1, 1000, 1))
})

const patience = { patience: Schema.optionalKey(duration(1, minute, "500 millis")) }

const operation = {
  ...patience,
  commandTimeout: Schema.optionalKey(duration(1, 10 * minute, "2 seconds")),
  operationTimeout: Schema.optionalKey(duration(1, hour, "5 seconds")),
  retry: Schema.optionalKey(Retry),
  circuit: Schema.optionalKey(Circuit)
}

const Region = Schema.Struct({
  ...patience,
  mode: Schema.optionalKey(Mode),
  timeToLive: Schema.optionalKey(duration(1, Number.POSITIVE_INFINITY, "5 minutes")),
  read: Schema.optionalKey(Schema.Struct(patience)),
  write: Schema.optionalKey(Schema.Struct(patience))
})

const Load = Schema.Struct({
  enabled: Schema.optionalKey(Switch),
  from: Schema.optionalKey(whole(1, 10_000_000, 100)),
  upTo: Schema.optionalKey(whole(2, 10_000_000, 1000)),
  shortest: Schema.optionalKey(
    Schema.Finite.check(Schema.isBetween({ minimum: 0.05, maximum: 1 })).annotate({
      expected: "a share from 0.05 to 1",
      example: "0.25"
    })
  )
})

const isText = (input: unknown): input is string | Redacted.Redacted<string> =>
  typeof input === "string" || (Redacted.isRedacted(input) && typeof Redacted.value(input) === "string")

const Secret = Schema.declare(isText).annotate({ expected: "a text", example: "s3cret" })

const Url = Schema.declare(
  (input): input is string | Redacted.Redacted<string> =>
    isText(input) && Result.isSuccess(RedisUrl.parse(typeof input === "string" ? input : Redacted.value(input)))
).annotate({
  expected: "redis://user:password@host:port/db, or rediss:// for TLS",
  example: "redis://localhost:6379/0"
})

const Connection = Schema.Struct({
  url: Schema.optionalKey(Url),
  host: Schema.optionalKey(
    Schema.String.check(Schema.isPattern(/^[^\s/@]+$/)).annotate({
      expected: "a host name or an address",
      example: "localhost"
    })
  ),
  port: Schema.optionalKey(whole(1, 65_535, 6379)),
  db: Schema.optionalKey(whole(0, RedisUrl.maxDb, 0)),
  username: Schema.optionalKey(Schema.String.annotate({ expected: "a text", example: "app" })),
  password: Schema.optionalKey(Secret),
  tls: Schema.optionalKey(Switch)
})

const overall = {
  ...operation,
  mode: Schema.optionalKey(Mode),
  timeToLive: Schema.optionalKey(duration(1, Number.POSITIVE_INFINITY, "5 minutes")),
  read: Schema.optionalKey(Schema.Struct(operation)),
  write: Schema.optionalKey(Schema.Struct(operation)),
  regions: Schema.optionalKey(Schema.Record(Schema.String, Region)),
  load: Schema.optionalKey(Load),
  connection: Schema.optionalKey(Connection)
}

/** Describes a document. What it does not know is no setting. */
export const Document: Schema.Schema<RuntimeSettings.Document> = Schema.Struct({
  ...overall,
  locations: Schema.optionalKey(Schema.Record(Schema.String, Schema.Struct(overall)))
})

const decode = Schema.decodeUnknownResult(Document as Schema.Codec<RuntimeSettings.Document>, {
  errors: "all",
  onExcessProperty: "error"
})

/**
 * Gives what documents contradict each other in, or themselves, for any location: each of their
 * settings may be said, and all of them together may not.
 */
export const contradictionsIn = (documents: ReadonlyArray<RuntimeSettings.Document>): ReadonlyArray<string> => {
  const locations = documents.flatMap((document) => Object.entries(document.locations ?? {}))
  const named = locations.flatMap(([name, { load }]) => (load === undefined ? [] : [name]))
  return [undefined, ...new Set(named)].flatMap((location) => {
    const path = location === undefined ? "" : `locations.${location}.`
    const { from = 100, upTo = 1000 } = effective(documents, location).load ?? {}
    return upTo > from
      ? []
      : [`${path}load.upTo is ${upTo}: expected more than ${path}load.from, which is ${from}, for example ${from * 10}`]
  })
}
