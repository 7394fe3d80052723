/**
 * What options may be, wherever they come from: given in code or read from the environment, they
 * are checked by the same schemas, and everything that is wrong is said at once.
 */
import { type Config, Duration, Effect, Option, Predicate, Result, Schema } from "effect"
import * as Settings from "effect-ioredis/Settings"
import * as CacheKey from "../CacheKey.ts"
import type * as HybridCache from "../HybridCache.ts"
import type * as MemoryCache from "../MemoryCache.ts"
import type * as RedisCache from "../RedisCache.ts"
import type { RefreshPolicy } from "../RefreshPolicy.ts"
import { TypeId as CodecTypeId } from "./CacheCodec.ts"
import { maxMaxEntries } from "./MemoryStore.ts"
import type { RegionDefinition } from "./Regions.ts"

// -------------------------------------------------------------------------------------------------
// What each may be
// -------------------------------------------------------------------------------------------------

/** The entries of a memory. */
export const MaxEntries = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: maxMaxEntries })).annotate({
  expected: `a whole number from 1 to ${maxMaxEntries}`,
  example: "1000"
})

// A prefix and a region's name are parts of a key, and have the same rules.
const isName = (name: string): boolean => Result.isSuccess(CacheKey.keyspace({ prefix: name, region: "r", version: 0 }))

const aName = (example: string) =>
  Schema.String.check(Schema.makeFilter(isName)).annotate({
    expected: "a name without white space, control characters and : { } * ? [ ] \\",
    example
  })

/** What every key begins with. */
export const Prefix = aName("cache")

const RegionName = aName("users")

const Version = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)).annotate({
  expected: "a whole number from 0 up, which is raised when the shape of the values changes",
  example: "1"
})

const Count = Schema.Int.check(Schema.isGreaterThan(0)).annotate({
  expected: "a whole number, 1 or more",
  example: "10000"
})

const Share = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 })).annotate({
  expected: "a share from 0 to 1",
  example: "0.1"
})

const Fullness = Schema.Finite.check(Schema.isGreaterThan(0), Schema.isLessThanOrEqualTo(1)).annotate({
  expected: "a share above 0 and up to 1",
  example: "0.8"
})

const Codec = Schema.declare((input) => Predicate.hasProperty(input, CodecTypeId)).annotate({
  expected: "binary of effect-ioredis-cache/BinaryCodec, or nothing for JSON",
  example: "BinaryCodec.binary"
})

const Compression = Schema.Struct({
  _tag: Schema.tag("Brotli"),
  from: Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)),
  upTo: Schema.Int
})
  .check(Schema.makeFilter(({ from, upTo }) => from <= upTo))
  .annotate({
    expected: "Compression.brotli with whole numbers of bytes, from no more than upTo",
    example: "Compression.brotli({ from: 1024 })"
  })

const Replay = Schema.Literals(["ifUnchanged", "latest", "invalidate", "overwrite"]).annotate({
  expected: '"ifUnchanged", "latest", "invalidate" or "overwrite"',
  example: '"ifUnchanged"'
})

const Switch = Schema.Boolean.annotate({ expected: "true or false", example: "true" })

const ASchema = Schema.declare(Schema.isSchema).annotate({ expected: "a schema", example: "Schema.String" })

const durationThat = (holds: (duration: Duration.Duration) => boolean) =>
  Schema.declare(
    (input): input is Duration.Input =>
      // What is no input is none to `fromInput` either, except that it takes NaN for zero.
      !Number.isNaN(input) && Option.exists(Duration.fromInput(input as Duration.Input), holds)
  )

/** How long a value may live. */
const Life = durationThat(Duration.isPositive).annotate({
  expected: "a duration above zero, or Duration.infinity for values that live for ever",
  example: "5 minutes"
})

const Extension = durationThat((duration) => !Duration.isNegative(duration)).annotate({
  expected: "a duration, zero for none",
  example: "10 minutes"
})

const isRefresh = (policy: RefreshPolicy): boolean => {
  switch (policy._tag) {
    case "Ahead":
      return policy.beta > 0 && policy.beta < Number.POSITIVE_INFINITY
    case "FromAge":
      return Schema.is(Life)(policy.age)
    case "AfterExpiry":
      return true
  }
}

const Refresh = Schema.declare(
  (input): input is RefreshPolicy =>
    Predicate.hasProperty(input, "_tag") && isRefresh(input as unknown as RefreshPolicy)
).annotate({
  expected:
    "RefreshPolicy.ahead with a beta above zero, RefreshPolicy.fromAge with a duration above zero, or RefreshPolicy.afterExpiry",
  example: "RefreshPolicy.ahead()"
})

const Staleness = durationThat((duration) => {
  const millis = Duration.toMillis(duration)
  return millis >= 100 && millis < Number.POSITIVE_INFINITY
}).annotate({
  expected: "a duration from 100 milliseconds up that ends",
  example: "2 seconds"
})

// -------------------------------------------------------------------------------------------------
// What is wrong
// -------------------------------------------------------------------------------------------------

/** Says what is wrong with an option, if it is given at all. */
const problem = (name: string, schema: Schema.Schema<unknown>, value: unknown): string | undefined =>
  value === undefined ? undefined : Settings.problem(name, schema, value)

const refuse = (problems: ReadonlyArray<string | undefined>): Effect.Effect<void, Config.ConfigError> => {
  const error = Settings.error(problems)
  return error === undefined ? Effect.void : Effect.fail(error)
}

/** Checks the options of a `HybridCache`. */
export const checkHybrid = ({ journal, patience, timeToLive }: HybridCache.Options) =>
  refuse([
    problem("patience", Settings.AboveZero, patience),
    problem("timeToLive", Life, timeToLive),
    problem("journal.maxEntries", Count, journal?.maxEntries),
    problem("journal.maxBytes", Count, journal?.maxBytes)
  ])

/** Checks the options of a `RedisCache`. */
export const checkRedis = ({ prefix, timeToLive }: RedisCache.Options) =>
  refuse([problem("prefix", Prefix, prefix), problem("timeToLive", Life, timeToLive)])

/** Checks how full a journal may be before its health is told of it. */
export const checkFullness = (limit: number) => refuse([problem("limit", Fullness, limit)])

/** Checks the options of a memory, and of a `Cache` on memory alone. */
export const checkMemory = ({
  maxBytes,
  maxEntries,
  timeToLive
}: MemoryCache.Options & { readonly timeToLive?: Duration.Input | undefined }) =>
  refuse([
    problem("maxEntries", MaxEntries, maxEntries),
    problem("maxBytes", Count, maxBytes),
    problem("timeToLive", Life, timeToLive)
  ])

/** Says everything that is wrong with the definition of a region, a line for each option. */
export const regionProblem = <Key, Value>(options: RegionDefinition<Key, Value>): string | undefined => {
  const { codec, compression, jitter, key, lookupTimeout, lease, maxBytes, name, near, refresh, removedFor } = options
  const { replay, retryAfterFailure, staleFor, tags, timeToLive, value, version } = options
  const problems = [
    Settings.problem("name", RegionName, name),
    Settings.problem("version", Version, version),
    Settings.problem("key", ASchema, key),
    Settings.problem("value", ASchema, value),
    typeof timeToLive === "function" ? undefined : problem("timeToLive", Life, timeToLive),
    problem("jitter", Share, jitter),
    problem("staleFor", Extension, staleFor),
    problem("refresh", Refresh, refresh),
    problem("lookupTimeout.soft", Settings.AboveZero, lookupTimeout?.soft),
    problem("lookupTimeout.hard", Settings.AboveZero, lookupTimeout?.hard),
    problem("retryAfterFailure", Extension, retryAfterFailure),
    problem("maxBytes", Count, maxBytes),
    problem("codec", Codec, codec),
    problem("compression", Compression, compression),
    problem("replay", Replay, replay),
    problem("removedFor", Extension, removedFor),
    problem("tags", Switch, tags),
    problem("lease", Switch, lease),
    near === undefined ? undefined : Settings.problem("near.maxStaleness", Staleness, near?.maxStaleness)
  ].filter((problem) => problem !== undefined)
  return problems.length === 0 ? undefined : problems.map((problem) => `${shownRegion(name)}: ${problem}`).join("\n")
}

// What is no name may be anything, a password too.
const shownRegion = (name: string): string => (Schema.is(RegionName)(name) ? `Region ${name}` : "A region")
